// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/harness/sriov.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lab/harness/proc.h"

/* A kernel that was never built takes as long as it takes. */
#define BUILD_TIMEOUT_S 7200

/*
 * What KASAN, lockdep, kmemleak, the hung task detector and all others that warn
 * begin their reports with.
 */
#define COMPLAINTS                                                                               \
	"\\bBUG\\b|\\bWARNING\\b|Oops|KASAN|UBSAN|possible (circular|recursive|irq)|suspicious " \
	"RCU|"                                                                                   \
	"INFO: (task|rcu|trying)|kmemleak: [0-9]+ new|list_(add|del) corruption|ODEBUG|"         \
	"sleeping function|unreferenced object|refcount_t"

char *sriov_product(const char *product, const char *file)
{
	const char *build[] = { "build/lab/products", "build", product, NULL };
	const char *where[] = { "build/lab/products", "path", product, NULL };
	struct proc_result r;
	char *path = NULL;

	if (!proc_run(build, BUILD_TIMEOUT_S, &r) && r.status)
		printf("# %s\n", r.err);
	proc_result_free(&r);
	if (!proc_run(where, 30, &r) && !r.status) {
		r.out[strcspn(r.out, "\n")] = '\0';
		if (asprintf(&path, "%s/%s", r.out, file) < 0)
			path = NULL;
	}
	proc_result_free(&r);
	if (!path)
		fail_msg("product %s can't be had", product);
	return path;
}

void sriov_load(struct lab *lab, const char *product)
{
	char *path = sriov_product(product, "vfio-pci-sriov.ko");

	free(lab_ctl(lab, 60, "push", path, "/run/vfio-pci-sriov.ko", NULL));
	free(lab_ctl(lab, 60, "push", "build/lab/vfio_sriov_client", "/run/client", NULL));
	free(path);
	/* the client unloads the module and asks modprobe for it again */
	free(lab_run(
		lab, 120,
		"chmod +x /run/client\n"
		"modprobe -a vfio-pci vfio_iommu_type1; modprobe iommufd || :\n"
		"mkdir -p /run/bin\n"
		"printf '#!/bin/sh\\nexec insmod /run/vfio-pci-sriov.ko\\n' >/run/bin/modprobe\n"
		"chmod +x /run/bin/modprobe\n"
		"[ -d /sys/module/vfio_pci_sriov ] || insmod /run/vfio-pci-sriov.ko"));
}

void sriov_client(struct lab *lab, enum pf_kind kind, unsigned int timeout_s, const char *options)
{
	char *pf = pf_find(lab, kind);
	int status =
		lab_show(lab, timeout_s, "PATH=/run/bin:$PATH /run/client --pf %s %s", pf, options);

	free(pf);
	assert_int_equal(status, 0);
}

void sriov_kernel_complains_only_of(struct lab *lab, const char *known)
{
	char *log =
		lab_run(lab, 60, "dmesg | grep -E '" COMPLAINTS "' | grep -vE '%s' || :", known);

	if (log[0])
		lab_show(lab, 60,
			 "dmesg | grep -E -A40 '" COMPLAINTS "' | grep -vE '%s' | head -n 200",
			 known);
	assert_string_equal(log, "");
	free(log);
}

void sriov_kernel_has_no_complaint(struct lab *lab)
{
	/* no complaint is an empty line */
	sriov_kernel_complains_only_of(lab, "^$");
}
