// SPDX-License-Identifier: GPL-2.0-only
/*
 * pf-image end to end: a real image is built, read, damaged and booted, then
 * built again and compared. Needs root, the network and some minutes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <json-c/json.h>
#include <cmocka.h>

#include "pf-vm-image/files.h"
#include "pf-vm-image/run.h"
#include "pf-vm-image/scratch.h"
#include "tests/lab/harness/bench.h"
#include "tests/pf-image/e2e.h"
#include "tests/pf-image/guest.h"

#define VFS	      7
#define RAM_LIMIT_KIB (80 << 10)
/* On 2 cores without KVM, with what outlives a build in the cache. */
#define BUILD_LIMIT_S 180

static char image[PATH_MAX], other[PATH_MAX], log_path[PATH_MAX];
static struct bench bench;
static struct guest guest = { .agent.fd = -1 };

static double timed_build(const char *to)
{
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	e2e_expect(0, NULL, "build", to, NULL);
	clock_gettime(CLOCK_MONOTONIC, &b);
	return (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
}

static int set_up(void **state)
{
	bench = bench_open();
	if (scratch_path(e2e_dir, "image", image) || scratch_path(e2e_dir, "other", other) ||
	    scratch_path(e2e_dir, "log", log_path))
		return -1;
	return setenv("PF_IMAGE_LOG", log_path, 1);
}

static int tear_down(void **state)
{
	return bench_save(&bench, "pf_image_build");
}

static int no_vm_is_left(void **state)
{
	guest_kill(&guest);
	return 0;
}

static void an_image_is_built(void **state)
{
	/* One that was built before, while the tests themselves are worked on. */
	if (getenv("PF_IMAGE_E2E_IMAGE")) {
		const char *const argv[] = { "cp", "-r", getenv("PF_IMAGE_E2E_IMAGE"), image,
					     NULL };
		struct problem p = { .text = "" };

		assert_int_equal(run_program(argv, &(struct run_how){ 0 }, &p), 0);
		return;
	}
	/* Cold or warm, as this machine is: no figure of its own. */
	print_message("# first build: %.0f s\n", timed_build(image));
	e2e_expect_nothing_left();
}

static void it_is_what_its_manifest_says(void **state)
{
	e2e_expect(0, NULL, "verify", image, NULL);
	e2e_expect_nothing_left();
}

static void inspect_lists_drivers_with_ids_and_packages(void **state)
{
	e2e_expect(0, "\n  igb ", "inspect", image, NULL);
	assert_non_null(strstr(e2e_output, "8086:10c9"));
	assert_non_null(strstr(e2e_output, "\n  nvme "));
	assert_non_null(strstr(e2e_output, "class 010802"));
	assert_non_null(strstr(e2e_output, "\n  qemu-guest-agent "));
	assert_non_null(strstr(e2e_output, "\n  linux-image-"));
	/* The VF drivers and what would log in aren't there. */
	assert_null(strstr(e2e_output, "\n  igbvf"));
	assert_null(strstr(e2e_output, "\n  login "));
	assert_null(strstr(e2e_output, "\n  openssh"));
	assert_null(strstr(e2e_output, "\n  dpkg "));
	e2e_expect_nothing_left();
}

static void a_flipped_bit_of_the_disk_is_named(void **state)
{
	struct problem p = { .text = "" };
	char disk[PATH_MAX], copy[PATH_MAX];
	unsigned char byte;
	int fd;

	scratch_path(image, "root.qcow2", disk);
	scratch_path(e2e_dir, "good.qcow2", copy);
	assert_int_equal(files_copy(disk, copy, 0644, &p), 0);
	fd = open(disk, O_RDWR | O_CLOEXEC);
	/* In the middle of the files' content. */
	assert_int_equal(pread(fd, &byte, 1, 20 << 20), 1);
	byte ^= 0x10;
	assert_int_equal(pwrite(fd, &byte, 1, 20 << 20), 1);
	close(fd);
	e2e_expect(1, "root.qcow2: content", "verify", image, NULL);
	assert_int_equal(rename(copy, disk), 0);
	e2e_expect_nothing_left();
}

static void expect_hardened(struct guest *g)
{
	guest_expect(g, "cat /proc/net/tcp /proc/net/udp | grep -vc local_address", "0\n");
	guest_expect(g, "touch /run/x /etc/x && rm /etc/x && echo writable", "writable\n");
	guest_expect(g, "grep ' / ' /proc/mounts | cut -d' ' -f3", "overlay\n");
	guest_expect(g, "cut -d: -f2 /etc/shadow | grep -vc '^[*!]'", "0\n");
}

static void expect_refused(struct guest *g, const char *verb)
{
	struct json_object *value;

	assert_int_equal(qga_call(&g->agent, verb, NULL, GUEST_CALL_MS, &value), -EREMOTEIO);
}

static void it_boots_and_creates_vfs(void **state)
{
	double ready, created;
	long used;

	guest_boot(image, e2e_dir, "pf_vm.vfs=7", &guest);
	guest_expect_vfs(&guest, VFS);
	expect_hardened(&guest);
	expect_refused(&guest, "guest-set-user-password");
	expect_refused(&guest, "guest-fsfreeze-freeze");
	used = guest_memory_used_kib(&guest);
	ready = guest_kernel_time(&guest, "igb [0-9:.]*: Intel(R) Gigabit");
	created = guest_kernel_time(&guest, "igb [0-9:.]*: 7 VFs allocated");
	bench_row(&bench, "PF VM under TCG: memory in use", (double)used / 1024, "MiB");
	bench_row(&bench, "PF VM under TCG: PF driver ready to VFs created", created - ready, "s");
	assert_true(used < RAM_LIMIT_KIB);
	assert_true(created >= ready && created - ready < 1.0);
	guest_end(&guest);
}

static void two_builds_are_byte_identical(void **state)
{
	struct manifest a, b;
	double s = timed_build(other);

	bench_row(&bench, "pf-image build, warm", s, "s");
	e2e_hash(image, &a);
	e2e_hash(other, &b);
	e2e_expect_same(&a, &b);
	e2e_expect_nothing_left();
	if (s > BUILD_LIMIT_S)
		fail_msg("a warm build took %.0f s, more than %d", s, BUILD_LIMIT_S);
}

static int body(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_image_is_built),
		cmocka_unit_test(it_is_what_its_manifest_says),
		cmocka_unit_test_teardown(it_boots_and_creates_vfs, no_vm_is_left),
		cmocka_unit_test(inspect_lists_drivers_with_ids_and_packages),
		cmocka_unit_test(a_flipped_bit_of_the_disk_is_named),
		cmocka_unit_test(two_builds_are_byte_identical),
	};

	/* One test alone: its name, or a pattern with stars. */
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("pf-image", tests, set_up, tear_down);
}

int main(int argc, char **argv)
{
	return e2e_main(argc, argv, body);
}
