// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestration/libpfkeep/doctor_priv.h"
#include "pfkeep/problem.h"

static const struct check {
	const char *name;
	void (*run)(struct doctor *d);
} checks[] = {
	{ "iommu", doctor_iommu },
	{ "interrupt-remapping", doctor_remapping },
	{ "kvm", doctor_kvm },
	{ "pf", doctor_pfs },
	{ "module", doctor_module },
	{ "qemu", doctor_qemu },
	{ "libvirt", doctor_libvirt },
	{ "hook", doctor_hook },
	{ "image", doctor_image },
	{ "apparmor", doctor_apparmor },
	{ "memory-lock", doctor_memlock },
	{ "kexec", doctor_kexec },
	{ "live-update", doctor_luo },
};

const char *doctor_level_name(enum doctor_level level)
{
	static const char *const names[] = { "ok", "warning", "blocker" };

	return names[level];
}

void doctor_found(struct doctor *d, enum doctor_level level, const char *mend, const char *fmt, ...)
{
	struct doctor_report *report = &d->report;
	struct doctor_finding *finding;
	struct problem line;
	va_list ap;
	char text[sizeof(finding->text)];

	finding = reallocarray(report->findings, report->n + 1, sizeof(*finding));
	if (!finding) {
		d->error = -ENOMEM;
		return;
	}
	report->findings = finding;
	finding = &report->findings[report->n++];
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	problem_set(&line, 0, "%s", text);
	*finding = (struct doctor_finding){ .check = d->check, .level = level };
	snprintf(finding->text, sizeof(finding->text), "%.*s", (int)sizeof(finding->text) - 1,
		 line.text);
	snprintf(finding->mend, sizeof(finding->mend), "%s", mend ? mend : "");
	if (level > report->worst)
		report->worst = level;
}

int doctor_run(const struct doctor_options *options, struct doctor_report *ret_report)
{
	struct doctor d = { .options = options, .root = options->root };

	/* Without these the checks that want them say so. */
	if (pci_read_all(d.root, &d.pfs, NULL))
		d.pfs = (struct pci_inventory){ 0 };
	if (pcicap_open(d.root, &d.cap, NULL))
		d.cap = NULL;
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		d.check = checks[i].name;
		checks[i].run(&d);
	}
	pcicap_close(d.cap);
	pci_inventory_release(&d.pfs);
	if (d.error) {
		doctor_release(&d.report);
		return d.error;
	}
	*ret_report = d.report;
	return 0;
}

void doctor_release(struct doctor_report *report)
{
	free(report->findings);
	*report = (struct doctor_report){ 0 };
}
