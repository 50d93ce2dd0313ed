// SPDX-License-Identifier: GPL-2.0-only
/*
 * vfio-pci-sriov in the lab host, without QEMU: the client that drives it through
 * VFIO itself: igb by group and by cdev, nvme by cdev. Not virtio-net: there the
 * client's cases for slices and for the reset at close fail, which is open. It
 * waits out hundreds of the seconds that the specification gives a PF to stop.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lab/harness/lab.h"
#include "tests/lab/harness/pf.h"
#include "tests/lab/harness/proc.h"

static struct lab lab;

/* Where the module for the lab host's kernel is; the caller frees. */
static char *module_path(void)
{
	const char *argv[] = { "build/lab/products", "build", "module-pfkeep", NULL };
	const char *where[] = { "build/lab/products", "path", "module-pfkeep", NULL };
	struct proc_result r;
	char *path = NULL;

	if (!proc_run(argv, 600, &r) && r.status)
		printf("# %s\n", r.err);
	proc_result_free(&r);
	if (!proc_run(where, 30, &r) && !r.status) {
		r.out[strcspn(r.out, "\n")] = '\0';
		if (asprintf(&path, "%s/vfio-pci-sriov.ko", r.out) < 0)
			path = NULL;
	}
	proc_result_free(&r);
	return path;
}

static int setup(void **state)
{
	static const char *const pfs[] = { "igb", "nvme", NULL };

	return lab_up(&lab, &(struct lab_options){ .kernel = "pfkeep", .pfs = pfs });
}

static int teardown(void **state)
{
	return lab_down(&lab);
}

static void the_module_loads(void **state)
{
	char *path = module_path();

	assert_non_null(path);
	free(lab_ctl(&lab, 60, "push", path, "/run/vfio-pci-sriov.ko", NULL));
	free(lab_ctl(&lab, 60, "push", "build/lab/vfio_sriov_client", "/run/client", NULL));
	/* the client unloads the module and asks modprobe for it again */
	free(lab_run(
		&lab, 60,
		"chmod +x /run/client\n"
		"modprobe -a vfio-pci vfio_iommu_type1 iommufd\n"
		"mkdir -p /run/bin; printf '#!/bin/sh\\nexec insmod /run/vfio-pci-sriov.ko\\n' "
		">/run/bin/modprobe; chmod +x /run/bin/modprobe\n"
		"insmod /run/vfio-pci-sriov.ko"));
	free(path);
}

/* The client's own TAP goes to the log, whole; its status is the verdict. */
static void run_client(enum pf_kind kind, const char *options)
{
	char *pf = pf_find(&lab, kind), *output = NULL;
	int status = lab_try(&lab, 600, &output, "PATH=/run/bin:$PATH /run/client --pf %s %s", pf,
			     options);

	for (char *rest = output, *line; (line = strsep(&rest, "\n"));)
		printf("#   %s\n", line);
	free(output);
	free(pf);
	assert_int_equal(status, 0);
}

static void igb(void **state)
{
	run_client(PF_IGB, "");
}

static void nvme(void **state)
{
	run_client(PF_NVME, "--mode cdev");
}

/* What a kernel that found fault says, whatever the client saw. */
static void the_kernel_has_no_complaint(void **state)
{
	char *log = lab_run(&lab, 60, "dmesg | grep -E 'BUG|WARNING|Oops|lockdep|INFO: task' || :");

	assert_string_equal(log, "");
	free(log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_module_loads),
		cmocka_unit_test(igb),
		cmocka_unit_test(nvme),
		cmocka_unit_test(the_kernel_has_no_complaint),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
