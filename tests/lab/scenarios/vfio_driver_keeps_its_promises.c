// SPDX-License-Identifier: GPL-2.0-only
/*
 * vfio-pci-sriov in the lab host, without QEMU: the client that drives it through
 * VFIO itself, on each kind of PF: igb by group, the others by cdev. Races are run
 * once or twice, by group and by cdev; soak-vfio-debug repeats them, on all PFs, and
 * soak-vfio-cycles the one cycle. Most of the time goes by in the second that PCIe
 * gives VFs to stop.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/lab/harness/sriov.h"

static struct lab lab;

static int setup(void **state)
{
	static const char *const pfs[] = { "igb", "nvme", "virtio-net", NULL };

	return lab_up(&lab, &(struct lab_options){ .kernel = "pfkeep", .pfs = pfs });
}

static int teardown(void **state)
{
	return lab_down(&lab);
}

static void the_module_loads(void **state)
{
	sriov_load(&lab, "module-pfkeep");
}

static void igb(void **state)
{
	sriov_client(&lab, PF_IGB, 600, "--mode group --cycles 1 --rounds 2");
}

static void nvme(void **state)
{
	sriov_client(&lab, PF_NVME, 600, "--mode cdev --cycles 0 --rounds 1");
}

static void virtio_net(void **state)
{
	sriov_client(&lab, PF_VIRTIO_NET, 600, "--mode cdev --cycles 0 --rounds 0");
}

static void the_kernel_has_no_complaint(void **state)
{
	sriov_kernel_has_no_complaint(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_module_loads),
		cmocka_unit_test(igb),
		cmocka_unit_test(nvme),
		cmocka_unit_test(virtio_net),
		cmocka_unit_test(the_kernel_has_no_complaint),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
