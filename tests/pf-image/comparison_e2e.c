// SPDX-License-Identifier: GPL-2.0-only
/*
 * Our image beside a general cloud image that does the same job, set up by hand
 * (product cloud-image): size, boot, VFs, memory, by the same QEMU in one run.
 * Debian's own image isn't in its archive: this one has the packages of
 * debian-cloud-images-packages. It is spared the firmware and the boot loader.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "pf-vm-image/scratch.h"
#include "tests/lab/harness/bench.h"
#include "tests/pf-image/e2e.h"
#include "tests/pf-image/guest.h"

#define TIME_RATIO 0.4
#define SIZE_RATIO 0.3
/* It doesn't boot with the 128 MiB that ours has. */
#define CLOUD_MIB 512

static const char cloud_cmdline[] = "root=/dev/vda ro console=ttyS0 quiet no_timer_check "
				    "random.trust_cpu=1";

struct figures {
	double mib, agent_s, vfs_s, memory_mib;
};

static struct figures ours, cloud;
static char image[PATH_MAX], disk[PATH_MAX], kernel[PATH_MAX], initrd[PATH_MAX];
static struct bench bench;
static struct guest guest = { .agent.fd = -1 };

static int set_up(void **state)
{
	bench = bench_open();
	return e2e_product("pf-image", "image", image) ?:
	       e2e_product("cloud-image", "disk.qcow2", disk) ?:
	       e2e_product("cloud-image", "vmlinuz", kernel) ?:
	       e2e_product("cloud-image", "initrd", initrd);
}

static int tear_down(void **state)
{
	return bench_save(&bench, "pf_image_comparison");
}

static int no_vm_is_left(void **state)
{
	guest_kill(&guest);
	return 0;
}

static double mib(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return (double)st.st_size / (1 << 20);
}

static void expect_ratio(const char *what, const char *unit, double a, double b, double limit)
{
	char figure[64];

	snprintf(figure, sizeof(figure), "PF VM's image: %s", what);
	bench_row(&bench, figure, a, unit);
	snprintf(figure, sizeof(figure), "general cloud image: %s", what);
	bench_row(&bench, figure, b, unit);
	print_message("# %s: %.1f and %.1f %s, ratio %.2f\n", what, a, b, unit, a / b);
	if (limit > 0 && a > b * limit)
		fail_msg("%s: %.1f of %.1f %s is more than %.1f", what, a, b, unit, limit);
}

/* Booted, with the VFs that its own rules make, as both do. */
static void measure(struct figures *f)
{
	f->agent_s = guest.ready - guest.started;
	guest_expect(&guest, "udevadm settle; cat /sys/bus/pci/drivers/igb/0*/sriov_numvfs", "7\n");
	f->vfs_s = guest_clock_zero(&guest) - guest.started +
		   guest_kernel_time(&guest, "igb [0-9:.]*: 7 VFs allocated");
	f->memory_mib = (double)guest_memory_used_kib(&guest) / 1024;
}

static void ours_boots(void **state)
{
	guest_boot(image, e2e_dir, "pf_vm.vfs=7", &guest);
	measure(&ours);
	guest_end(&guest);
}

static void the_cloud_image_boots(void **state)
{
	char console[PATH_MAX];
	struct vm_boot boot = { .kernel = kernel,
				.initrd = initrd,
				.cmdline = cloud_cmdline,
				.disk = disk,
				.keeps_nothing = 1,
				.memory_mib = CLOUD_MIB,
				.console = console };

	assert_int_equal(scratch_path(e2e_dir, "console", console), 0);
	guest_boot_disk(&boot, &guest);
	measure(&cloud);
	/* How it shuts down, a minute long, is not compared. */
}

static void ours_is_much_smaller(void **state)
{
	static const char *const parts[] = { "root.qcow2", "vmlinuz", "initrd" };
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		assert_int_equal(scratch_path(image, parts[i], path), 0);
		ours.mib += mib(path);
	}
	/* Its kernel and initrd are on the disk too. */
	cloud.mib = mib(disk);
	expect_ratio("size", "MiB", ours.mib, cloud.mib, SIZE_RATIO);
}

static void ours_is_much_faster(void **state)
{
	assert_true(ours.agent_s > 0 && cloud.agent_s > 0);
	expect_ratio("start to agent", "s", ours.agent_s, cloud.agent_s, TIME_RATIO);
	expect_ratio("start to VFs", "s", ours.vfs_s, cloud.vfs_s, TIME_RATIO);
}

static void ours_needs_less_memory(void **state)
{
	expect_ratio("memory in use", "MiB", ours.memory_mib, cloud.memory_mib, 1.0);
}

static int body(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ours_is_much_smaller),
		cmocka_unit_test_teardown(ours_boots, no_vm_is_left),
		cmocka_unit_test_teardown(the_cloud_image_boots, no_vm_is_left),
		cmocka_unit_test(ours_is_much_faster),
		cmocka_unit_test(ours_needs_less_memory),
	};

	return cmocka_run_group_tests_name("pf-image beside a cloud image", tests, set_up,
					   tear_down);
}

int main(int argc, char **argv)
{
	return e2e_main(argc, argv, body);
}
