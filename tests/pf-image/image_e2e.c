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
#include <unistd.h>
#include <json-c/json.h>
#include <cmocka.h>

#include "pf-vm-image/files.h"
#include "pf-vm-image/run.h"
#include "pf-vm-image/scratch.h"
#include "tests/lab/harness/bench.h"
#include "tests/pf-image/cpu_use.h"
#include "tests/pf-image/e2e.h"
#include "tests/pf-image/guest.h"
#include "tests/pf-image/user.h"

#define VFS	      7
#define RAM_LIMIT_KIB (80 << 10)
#define OTHERS_IMAGE  "PF_IMAGE_E2E_IMAGE"
/* On 2 cores without KVM, with what outlives a build in the cache. */
#define BUILD_LIMIT_S 180
/* More than this part of the machine, and a time says nothing. */
#define OTHERS_LIMIT 0.25

static char image[PATH_MAX], other[PATH_MAX], log_path[PATH_MAX], home[PATH_MAX];
static struct bench bench;
static struct guest guest = { .agent.fd = -1 };
/* What the tests of time judge. */
static struct cpu_use boot_use, build_use;
static double driver_to_vfs_s;

static struct cpu_use timed_build(const char *to)
{
	struct cpu_use use = cpu_use_begin();

	e2e_expect(0, NULL, "build", to, NULL);
	cpu_use_end(&use);
	print_message("# build: %.0f s, %.0f s of CPU\n", use.wall_s, use.ours_s);
	return use;
}

/* A limit in seconds is for a machine that does nothing else. */
static void expect_seconds(const char *what, double s, double limit, const struct cpu_use *use)
{
	if (s < limit)
		return;
	if (use->others > OTHERS_LIMIT) {
		print_message("# %s took %.2f s; others had %.0f %% of the machine\n", what, s,
			      100 * use->others);
		skip();
	}
	fail_msg("%s took %.2f s, not under %.0f", what, s, limit);
}

/* One that was built before: for one of the tests alone. */
static int copy_image(const char *from)
{
	const char *const argv[] = { "cp", "-r", from, image, NULL };
	struct problem p = { .text = "" };

	return from ? run_program(argv, &(struct run_how){ 0 }, &p) : 0;
}

static int set_up(void **state)
{
	bench = bench_open();
	if (scratch_path(e2e_dir, "image", image) || scratch_path(e2e_dir, "other", other) ||
	    scratch_path(e2e_dir, "log", log_path) || user_create(home))
		return -1;
	return copy_image(getenv(OTHERS_IMAGE)) ?: setenv("PF_IMAGE_LOG", log_path, 1);
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

static int back_to_root(void **state)
{
	user_leave();
	return 0;
}

static void an_image_is_built(void **state)
{
	if (getenv(OTHERS_IMAGE)) {
		print_message("# %s is set\n", OTHERS_IMAGE);
		skip();
	}
	/* Cold or warm, as this machine is: no figure of its own. */
	timed_build(image);
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

/* The progress is said on stderr, which comes first. */
static struct json_object *inspected(const char *format)
{
	struct json_object *o;
	char *start;

	e2e_expect(0, "\n{", "inspect", format, image, NULL);
	start = strstr(e2e_output, "\n{");
	o = json_tokener_parse(start);
	if (!o)
		fail_msg("no JSON: %s", start);
	return o;
}

static const char *text_of(struct json_object *o, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(o, key, &value) ? json_object_get_string(value) : "";
}

static void inspect_says_the_same_for_programs(void **state)
{
	struct json_object *o = inspected("--json"), *drivers, *ids, *packages, *sizes, *size;

	assert_string_equal(text_of(o, "kernel"), e2e_kernel(image));
	assert_true(json_object_object_get_ex(o, "drivers", &drivers) &&
		    json_object_object_get_ex(drivers, "igb", &ids));
	assert_non_null(strstr(json_object_to_json_string(ids), "8086:10c9"));
	assert_true(json_object_object_get_ex(o, "packages", &packages));
	assert_in_range(json_object_array_length(packages), 20, 1000);
	assert_true(json_object_object_get_ex(o, "sizes", &sizes) &&
		    json_object_object_get_ex(sizes, "root.qcow2", &size));
	assert_in_range(json_object_get_int64(size), 1 << 20, 150 << 20);
	json_object_put(o);
}

static void the_bill_of_materials_is_the_one_beside_the_disk(void **state)
{
	struct json_object *o = inspected("--sbom"), *kept;
	char path[PATH_MAX];

	assert_string_equal(text_of(o, "spdxVersion"), "SPDX-2.3");
	assert_int_equal(scratch_path(image, "sbom.spdx.json", path), 0);
	kept = json_object_from_file(path);
	assert_non_null(kept);
	assert_true(json_object_equal(o, kept));
	json_object_put(kept);
	json_object_put(o);
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
	/* No socket of a network, of whatever kind: each list has its head alone. */
	guest_expect(g, "cd /proc/net; tail -qn +2 tcp tcp6 udp udp6 raw raw6 packet | wc -l",
		     "0\n");
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
	struct cpu_use use = cpu_use_begin();
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
	assert_true(created >= ready);
	guest_end(&guest);
	cpu_use_end(&use);
	driver_to_vfs_s = created - ready;
	boot_use = use;
}

static void vfs_are_there_within_a_second_of_the_driver(void **state)
{
	assert_true(driver_to_vfs_s > 0);
	expect_seconds("from driver to VFs", driver_to_vfs_s, 1, &boot_use);
}

static void two_builds_are_byte_identical(void **state)
{
	struct manifest a, b;

	build_use = timed_build(other);
	bench_row(&bench, "pf-image build, warm", build_use.wall_s, "s");
	bench_row(&bench, "pf-image build, warm: CPU", build_use.ours_s, "s");
	e2e_hash(image, &a);
	e2e_hash(other, &b);
	e2e_expect_same(&a, &b);
	e2e_expect_nothing_left();
}

static void a_warm_build_takes_under_three_minutes(void **state)
{
	assert_true(build_use.wall_s > 0);
	expect_seconds("a warm build", build_use.wall_s, BUILD_LIMIT_S, &build_use);
}

static void an_ordinary_user_builds_the_same(void **state)
{
	struct manifest a, b;
	char to[PATH_MAX];

	if (access("/usr/bin/newuidmap", X_OK)) {
		print_message("# package uidmap is missing\n");
		skip();
	}
	assert_int_equal(scratch_path(home, "image", to), 0);
	user_enter(home);
	e2e_expect(0, NULL, "build", to, NULL);
	e2e_expect_nothing_left();
	e2e_expect_none(home, ".pf-image");
	user_leave();
	e2e_hash(image, &a);
	e2e_hash(to, &b);
	e2e_expect_same(&a, &b);
}

static int body(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_image_is_built),
		cmocka_unit_test(it_is_what_its_manifest_says),
		cmocka_unit_test_teardown(it_boots_and_creates_vfs, no_vm_is_left),
		cmocka_unit_test(vfs_are_there_within_a_second_of_the_driver),
		cmocka_unit_test(inspect_lists_drivers_with_ids_and_packages),
		cmocka_unit_test(inspect_says_the_same_for_programs),
		cmocka_unit_test(the_bill_of_materials_is_the_one_beside_the_disk),
		cmocka_unit_test(a_flipped_bit_of_the_disk_is_named),
		cmocka_unit_test(two_builds_are_byte_identical),
		cmocka_unit_test(a_warm_build_takes_under_three_minutes),
		cmocka_unit_test_teardown(an_ordinary_user_builds_the_same, back_to_root),
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
