// SPDX-License-Identifier: GPL-2.0-only
/*
 * All that the client does to vfio-pci-sriov, on each kind of PF, by group and by
 * cdev, under a kernel that watches: KASAN, lockdep, DEBUG_ATOMIC_SLEEP, kmemleak,
 * checked lists and objects. No report of theirs may come.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/lab/harness/sriov.h"

/*
 * At an unbind VFIO's core removes a PF's VFs without the PCI rescan/remove lock: the
 * unbind may come from who has it already, a hot-unplug.
 */
#define KNOWN "drivers/pci/remove\\.c:[0-9]+ at pci_stop_and_remove_bus_device"

static struct lab lab;

static int setup(void **state)
{
	static const char *const pfs[] = { "igb", "nvme", "virtio-net", NULL };

	free(sriov_product("host-debug", "disk.img"));
	return lab_up(&lab, &(struct lab_options){ .kernel = "debug",
						   .pfs = pfs,
						   .timeout_s = "1200",
						   /* else the first complaints are lost */
						   .append = "log_buf_len=16M" });
}

static int teardown(void **state)
{
	return lab_down(&lab);
}

/* A watcher that isn't there, or has switched itself off, finds nothing. */
static void watchers_watch(void)
{
	free(lab_run(
		&lab, 60,
		"for what in KASAN PROVE_LOCKING DEBUG_ATOMIC_SLEEP DEBUG_KMEMLEAK DEBUG_LIST\n"
		"do zcat /proc/config.gz | grep -qx CONFIG_$what=y; done\n"
		"grep -q 'debug_locks: *1' /proc/lockdep_stats\n"
		"! dmesg | grep -i 'kmemleak.*disabled'"));
}

static void the_module_loads(void **state)
{
	watchers_watch();
	sriov_load(&lab, "module-debug");
	/* what the boot has lost is not ours */
	free(lab_run(
		&lab, 300,
		"mountpoint -q /sys/kernel/debug || mount -t debugfs debugfs /sys/kernel/debug\n"
		"cd /sys/kernel/debug; echo scan >kmemleak; echo clear >kmemleak"));
}

static void igb(void **state)
{
	sriov_client(&lab, PF_IGB, 3600, "");
}

static void nvme(void **state)
{
	sriov_client(&lab, PF_NVME, 3600, "");
}

static void virtio_net(void **state)
{
	sriov_client(&lab, PF_VIRTIO_NET, 3600, "");
}

/* An object counts as lost when two scans find no pointer to it, and it is 5 s old. */
static void nothing_is_leaked(void **state)
{
	char *lost = lab_run(&lab, 600,
			     "sleep 6; cd /sys/kernel/debug\n"
			     "echo scan >kmemleak; echo scan >kmemleak; cat kmemleak");

	if (lost[0])
		lab_show(&lab, 60, "head -n 100 /sys/kernel/debug/kmemleak");
	assert_string_equal(lost, "");
	free(lost);
}

static void the_kernel_has_no_complaint_of_ours(void **state)
{
	watchers_watch();
	sriov_kernel_complains_only_of(&lab, KNOWN);
}

/* If stock's unbind doesn't do it any more, nor may ours. */
static void stock_gives_the_known_one(void **state)
{
	char *pf = pf_find(&lab, PF_IGB);

	free(lab_run(&lab, 120,
		     "echo 1 >/sys/module/vfio_pci/parameters/enable_sriov\n"
		     "cd /sys/bus/pci/devices/%s; [ ! -e driver ] || echo %s >driver/unbind\n"
		     "echo vfio-pci >driver_override; echo %s >/sys/bus/pci/drivers_probe\n"
		     "echo 1 >sriov_numvfs; dmesg -C; echo %s >driver/unbind\n"
		     "dmesg | grep -E '" KNOWN "'",
		     pf, pf, pf, pf));
	free(pf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_module_loads),
		cmocka_unit_test(igb),
		cmocka_unit_test(nvme),
		cmocka_unit_test(virtio_net),
		cmocka_unit_test(nothing_is_leaked),
		cmocka_unit_test(the_kernel_has_no_complaint_of_ours),
		cmocka_unit_test(stock_gives_the_known_one),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
