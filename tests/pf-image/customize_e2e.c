// SPDX-License-Identifier: GPL-2.0-only
/*
 * An image made into a vendor's: an out-of-tree driver as .deb and as .ko, its
 * firmware, a file, a script and VFs at boot; then booted to see each at work.
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
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "pf-vm-image/files.h"
#include "pf-vm-image/scratch.h"
#include "tests/lab/harness/bench.h"
#include "tests/pf-image/e2e.h"
#include "tests/pf-image/guest.h"

#define VFS 5

static char image[PATH_MAX], vendor[PATH_MAX], igb[PATH_MAX], aux[PATH_MAX];
static struct guest guest = { .agent.fd = -1 };
static struct bench bench;

static int set_up(void **state)
{
	bench = bench_open();
	return scratch_path(e2e_dir, "image", image) ?: scratch_path(e2e_dir, "vendor", vendor) ?:
	       e2e_copy_image(image) ?: e2e_product("pf-image-vendor", "this/igb.ko", igb) ?:
	       e2e_product("pf-image-vendor", "this/pf_vendor_aux.ko", aux);
}

static int tear_down(void **state)
{
	return bench_save(&bench, "pf_image_customize");
}

static int no_vm_is_left(void **state)
{
	guest_kill(&guest);
	return 0;
}

static void write_file(const char *name, const char *text, char ret_path[PATH_MAX])
{
	struct problem p = { .text = "" };

	scratch_path(e2e_dir, name, ret_path);
	assert_int_equal(files_write(ret_path, text, strlen(text), &p), 0);
}

static void all_kinds_of_change_go_in_at_once(void **state)
{
	char deb[PATH_MAX], firmware[PATH_MAX], conf[PATH_MAX], script[PATH_MAX];
	char file_arg[2 * PATH_MAX], place[256];
	struct manifest before, after;
	struct timespec a, b;

	scratch_path(e2e_dir, "pf-vendor-igb_1.0_amd64.deb", deb);
	snprintf(place, sizeof(place), "/lib/modules/%s/updates/igb.ko", e2e_kernel(image));
	e2e_make_deb(deb, "amd64", igb, place);
	write_file("pf-vendor-igb.fw", "firmware 7", firmware);
	write_file("vendor.conf", "a word", conf);
	write_file("first-boot",
		   "#!/bin/sh\nmodprobe pf_vendor_aux && cp /etc/vendor/vendor.conf /run/booted\n",
		   script);
	snprintf(file_arg, sizeof(file_arg), "%s:/etc/vendor/vendor.conf", conf);
	e2e_hash(image, &before);
	clock_gettime(CLOCK_MONOTONIC, &a);
	e2e_expect(0, NULL, "customize", "--driver-deb", deb, "--module", aux, "--firmware",
		   firmware, "--file", file_arg, "--boot-script", script, "--vfs", "5", image,
		   vendor, NULL);
	clock_gettime(CLOCK_MONOTONIC, &b);
	bench_row(&bench, "pf-image customize",
		  (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9, "s");
	e2e_hash(image, &after);
	e2e_expect_same(&before, &after);
	e2e_expect_nothing_left();
}

static void the_result_is_whole_and_lists_the_package(void **state)
{
	e2e_expect(0, NULL, "verify", vendor, NULL);
	e2e_expect(0, "\n  pf-vendor-igb ", "inspect", vendor, NULL);
}

static void the_original_s_manifest_names_what_was_changed(void **state)
{
	char manifest[PATH_MAX];

	scratch_path(image, MANIFEST_NAME, manifest);
	e2e_expect(1, "root.qcow2: content", "verify", "--manifest", manifest, vendor, NULL);
	assert_non_null(strstr(e2e_output, "/etc/vendor/vendor.conf: added"));
	assert_non_null(strstr(e2e_output, "/usr/lib/firmware/pf-vendor-igb.fw: added"));
	assert_non_null(strstr(e2e_output, "/updates/pf_vendor_aux.ko: added"));
	assert_non_null(strstr(e2e_output, "modules.dep: content"));
	/* And nothing that nobody asked for. */
	assert_null(strstr(e2e_output, "/usr/sbin/qemu-ga"));
	assert_null(strstr(e2e_output, "missing"));
}

/* As if somebody had taken them away: by the manifest of the one that has them. */
static void what_is_missing_is_named(void **state)
{
	char manifest[PATH_MAX];

	scratch_path(vendor, MANIFEST_NAME, manifest);
	e2e_expect(1, "/updates/igb.ko: missing", "verify", "--manifest", manifest, image, NULL);
	assert_non_null(strstr(e2e_output, "/etc/vendor/vendor.conf: missing"));
	e2e_expect_nothing_left();
}

static void the_vendor_s_driver_runs_the_pf(void **state)
{
	guest_boot(vendor, e2e_dir, "", &guest);
	/* The in-tree igb is still there: the vendor's has won. */
	guest_expect(&guest, "cat /sys/module/igb/version", "vendor-1\n");
	guest_expect(&guest, "journalctl -k | grep -c 'vendor driver, firmware: firmware 7'",
		     "1\n");
	guest_expect_vfs(&guest, VFS);
}

static void the_boot_script_ran(void **state)
{
	guest_expect(&guest,
		     "until systemctl is-active -q pf-vm-boot; do "
		     "systemctl is-failed -q pf-vm-boot && break; done; cat /run/booted",
		     "a word");
	guest_expect(&guest, "ls -d /sys/module/pf_vendor_aux", "/sys/module/pf_vendor_aux\n");
	guest_end(&guest);
}

static int body(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_kinds_of_change_go_in_at_once),
		cmocka_unit_test(the_result_is_whole_and_lists_the_package),
		cmocka_unit_test(the_original_s_manifest_names_what_was_changed),
		cmocka_unit_test(what_is_missing_is_named),
		cmocka_unit_test(the_vendor_s_driver_runs_the_pf),
		cmocka_unit_test_teardown(the_boot_script_ran, no_vm_is_left),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("pf-image customize", tests, set_up, tear_down);
}

int main(int argc, char **argv)
{
	return e2e_main(argc, argv, body);
}
