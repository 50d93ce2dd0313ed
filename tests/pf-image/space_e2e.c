// SPDX-License-Identifier: GPL-2.0-only
/*
 * A disk that is full while pf-image works, stage by stage: it ends, says why, and
 * nothing is left of it. Each stage is reached with a real image, so that it takes
 * minutes; what takes seconds is among the refusals.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "pf-vm-image/scratch.h"
#include "tests/pf-image/e2e.h"

/* Somewhat more than pf-image asks for. */
#define BUILD_ROOM     "size=2200m"
#define CUSTOMIZE_ROOM "size=1400m"

static char image[PATH_MAX], disk[PATH_MAX], to[PATH_MAX];

static int set_up(void **state)
{
	if (scratch_path(e2e_dir, "image", image) || scratch_path(e2e_dir, "disk", disk) ||
	    scratch_path(disk, "image", to) || e2e_copy_image(image) || mkdir(disk, 0755))
		return -1;
	/* What is mounted here ends with us. */
	return unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

static void expect_empty(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			fail_msg("%s is left", entry->d_name);
	closedir(dir);
}

static int no_disk_is_left(void **state)
{
	while (!umount2(disk, MNT_DETACH))
		;
	return 0;
}

static void build_until(const char *stage)
{
	assert_int_equal(mount("disk", disk, "tmpfs", 0, BUILD_ROOM), 0);
	e2e_expect_filled(stage, disk, "build", to, NULL);
	expect_empty(disk);
	e2e_expect_nothing_left();
	assert_int_equal(umount(disk), 0);
}

static void customize_until(const char *stage)
{
	assert_int_equal(mount("disk", disk, "tmpfs", 0, CUSTOMIZE_ROOM), 0);
	e2e_expect_filled(stage, disk, "customize", "--vfs", "1", image, to, NULL);
	expect_empty(disk);
	e2e_expect_nothing_left();
	assert_int_equal(umount(disk), 0);
}

static void as_the_appliance_starts(void **state)
{
	customize_until("start libguestfs' appliance");
}

static void as_the_root_is_filled(void **state)
{
	customize_until("fill the root file system");
}

static void as_the_files_are_listed(void **state)
{
	customize_until("list every file");
}

static void as_the_root_is_packed(void **state)
{
	customize_until("pack the root file system");
}

static void as_the_disk_is_written(void **state)
{
	customize_until("write the disk");
}

static void as_packages_come(void **state)
{
	build_until("packages (mmdebstrap)");
}

static void as_the_kernel_is_unpacked(void **state)
{
	build_until("kernel");
}

static void as_drivers_are_picked(void **state)
{
	build_until("drivers");
}

#define FULL(f) cmocka_unit_test_teardown(f, no_disk_is_left)

static int body(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		FULL(as_the_appliance_starts),	 FULL(as_the_root_is_filled),
		FULL(as_the_files_are_listed),	 FULL(as_the_root_is_packed),
		FULL(as_the_disk_is_written),	 FULL(as_packages_come),
		FULL(as_the_kernel_is_unpacked), FULL(as_drivers_are_picked),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("pf-image on a disk that fills up", tests, set_up, NULL);
}

int main(int argc, char **argv)
{
	return e2e_main(argc, argv, body);
}
