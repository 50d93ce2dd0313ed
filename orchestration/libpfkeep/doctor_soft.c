// SPDX-License-Identifier: GPL-2.0-only
/* Checks of what must be installed: our module, our QEMU, libvirt. */
#include <errno.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestration/libpfkeep/doctor_priv.h"
#include "orchestration/libpfkeep/run.h"
#include "pfkeep/cleanup.h"

#define HOOK  "etc/libvirt/hooks/qemu.d/pfkeep"
#define IMAGE "var/lib/pfkeep/images/pf-vm" /* where pfkeepd looks unless it is told */

#define MODULES_DEP_MAX (16u << 20)
#define QEMU_TIMEOUT_MS 10000
#define QEMU_HELP_MAX	(256u << 10)

void doctor_module(struct doctor *d)
{
	CLEANUP(cleanup_free) char *text = NULL;
	char release[128], path[256];

	if (root_exists(d->root, "sys/module/vfio_pci_sriov")) {
		doctor_found(d, DOCTOR_OK, NULL, "the module vfio-pci-sriov is loaded");
		return;
	}
	if (root_read(d->root, "proc/sys/kernel/osrelease", release, sizeof(release))) {
		doctor_found(d, DOCTOR_BLOCKER, NULL, "the kernel's release can't be read");
		return;
	}
	snprintf(path, sizeof(path), "lib/modules/%s/modules.dep", release);
	if (!root_slurp(d->root, path, MODULES_DEP_MAX, &text) &&
	    strstr(text, "/vfio-pci-sriov.ko"))
		doctor_found(d, DOCTOR_OK, NULL,
			     "the module vfio-pci-sriov is installed for %s, not loaded yet",
			     release);
	else
		doctor_found(d, DOCTOR_BLOCKER, "dkms autoinstall && modprobe vfio-pci-sriov",
			     "the module vfio-pci-sriov isn't there for kernel %s", release);
}

/* Our QEMU must run, and its vfio-pci must have the property. */
void doctor_qemu(struct doctor *d)
{
	const char *qemu = d->options->qemu ? d->options->qemu : DOCTOR_QEMU;
	const char *base = strcmp(d->root->path, "/") ? d->root->path : "";
	char path[PATH_MAX];
	char *argv[] = { path, (char *)"-device", (char *)"vfio-pci,help", NULL };
	CLEANUP(cleanup_free) char *help = malloc(QEMU_HELP_MAX);
	int ret;

	if (!help) {
		d->error = -ENOMEM;
		return;
	}
	if (!root_exists(d->root, qemu)) {
		doctor_found(d, DOCTOR_BLOCKER, "install pfkeep's QEMU, or name yours with --qemu",
			     "%s isn't there", qemu);
		return;
	}
	if (snprintf(path, sizeof(path), "%s%s", base, qemu) >= (int)sizeof(path)) {
		doctor_found(d, DOCTOR_BLOCKER, NULL, "%s: the name is too long", qemu);
		return;
	}
	ret = run_output(argv, QEMU_TIMEOUT_MS, help, QEMU_HELP_MAX);
	if (ret)
		doctor_found(d, DOCTOR_BLOCKER, "run it by hand: QEMU -device vfio-pci,help",
			     "%s doesn't answer: %s", qemu, strerror(-ret));
	else if (!strstr(help, " sriov="))
		doctor_found(d, DOCTOR_BLOCKER, "install pfkeep's QEMU, or name it with --qemu",
			     "%s: its vfio-pci has no property sriov, a PF VM can't create VFs",
			     qemu);
	else
		doctor_found(d, DOCTOR_OK, NULL, "%s can show SR-IOV to a PF VM", qemu);
}

static void ignore_error(void *data, virErrorPtr error)
{
}

void doctor_libvirt(struct doctor *d)
{
	const char *uri = d->options->libvirt;
	unsigned long version = 0;
	virConnectPtr conn;

	if (!uri)
		return;
	virSetErrorFunc(NULL, ignore_error);
	conn = virConnectOpen(uri);
	if (!conn) {
		doctor_found(d, DOCTOR_BLOCKER,
			     "systemctl start libvirtd (or virtqemud), and run this as root",
			     "libvirt doesn't answer at %s: %s", uri, virGetLastErrorMessage());
		return;
	}
	virConnectGetLibVersion(conn, &version);
	if (version < 9000000)
		doctor_found(d, DOCTOR_WARNING, "install libvirt 9.0 or later",
			     "libvirt is %lu.%lu, older than any that pfkeep is tested with",
			     version / 1000000, version / 1000 % 1000);
	else
		doctor_found(d, DOCTOR_OK, NULL, "libvirt %lu.%lu answers at %s", version / 1000000,
			     version / 1000 % 1000, uri);
	virConnectClose(conn);
}

/* It hands tenants their tokens: without it none opens a VF. */
void doctor_hook(struct doctor *d)
{
	if (root_exists(d->root, HOOK))
		doctor_found(d, DOCTOR_OK, NULL, "libvirt's hook is installed");
	else
		doctor_found(d, DOCTOR_BLOCKER,
			     "install pfkeep's package, then: systemctl reload libvirtd (or "
			     "virtqemud)",
			     "/" HOOK " isn't there: no domain with a VF can start");
}

void doctor_image(struct doctor *d)
{
	if (root_exists(d->root, IMAGE))
		doctor_found(d, DOCTOR_OK, NULL, "there is an image for PF VMs");
	else
		doctor_found(d, DOCTOR_WARNING, "pf-image build /" IMAGE,
			     "/" IMAGE " isn't there: a PF VM needs an image");
}
