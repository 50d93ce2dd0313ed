// SPDX-License-Identifier: GPL-2.0-only
/*
 * vfio-pci-sriov on the kernels that Debian ships, unchanged: its 6.12 and its
 * newest. They have no iommufd, so the client goes by the group.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/lab/harness/sriov.h"

static struct lab lab;

static int up(const char *kernel)
{
	static const char *const pfs[] = { "igb", "nvme", "virtio-net", NULL };
	char host[64];

	snprintf(host, sizeof(host), "host-%s", kernel);
	free(sriov_product(host, "disk.img"));
	return lab_up(&lab, &(struct lab_options){ .kernel = kernel, .pfs = pfs });
}

static int setup_newest(void **state)
{
	return up("stock");
}

static int setup_6_12(void **state)
{
	return up("stock-6.12");
}

static int teardown(void **state)
{
	return lab_down(&lab);
}

static void the_module_for_the_newest_loads(void **state)
{
	sriov_load(&lab, "module-stock");
	free(lab_run(&lab, 30, "uname -r | grep '^7\\.'"));
}

static void the_module_for_6_12_loads(void **state)
{
	sriov_load(&lab, "module-stock-6.12");
	free(lab_run(&lab, 30, "uname -r | grep '^6\\.12\\.'"));
}

static void igb(void **state)
{
	sriov_client(&lab, PF_IGB, 1800, "");
}

static void nvme(void **state)
{
	sriov_client(&lab, PF_NVME, 1800, "");
}

static void virtio_net(void **state)
{
	sriov_client(&lab, PF_VIRTIO_NET, 1800, "");
}

static void the_kernel_has_no_complaint(void **state)
{
	sriov_kernel_has_no_complaint(&lab);
}

int main(void)
{
	const struct CMUnitTest newest[] = {
		cmocka_unit_test(the_module_for_the_newest_loads),
		cmocka_unit_test(igb),
		cmocka_unit_test(nvme),
		cmocka_unit_test(virtio_net),
		cmocka_unit_test(the_kernel_has_no_complaint),
	};
	const struct CMUnitTest debian13[] = {
		cmocka_unit_test(the_module_for_6_12_loads),
		cmocka_unit_test(igb),
		cmocka_unit_test(nvme),
		cmocka_unit_test(virtio_net),
		cmocka_unit_test(the_kernel_has_no_complaint),
	};
	int failed = cmocka_run_group_tests(newest, setup_newest, teardown);

	return failed + cmocka_run_group_tests(debian13, setup_6_12, teardown);
}
