// SPDX-License-Identifier: GPL-2.0-only
/* Binding, and the token that only a bound VF takes. */
#include "orchestration/testing/cmocka.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "orchestration/testing/fakehost.h"
#include "pfkeep/driver.h"
#include "pfkeep/pci.h"
#include "pfkeep/token.h"

#define PF_DIR	   "sys/bus/pci/devices/0000:01:00.0"
#define VF_DIR	   "sys/devices/pci0000:00/0000:00:01.0/0000:02:10.0"
#define UUID	   "c7a5fdbd-edaf-9455-926a-d65c16db1809"
#define TOKEN_FILE TOKEN_DIR "/" UUID
#define KEEP	   PF_DIR "/vfio_sriov/keep_alive"

static struct fakehost host;
static const struct bdf pf = { 0, 1, 0, 0 }, vf = { 0, 2, 0x10, 0 };

static const struct fakehost_pf igb = {
	.bdf = "0000:01:00.0",
	.vendor = 0x8086,
	.device = 0x10c9,
	.class = 0x020000,
	.total_vfs = 7,
	.vf_offset = 0x180,
	.vf_stride = 2,
	.vf_device = 0x10ca,
	.driver = "igb",
	.vf_driver = DRIVER_VFIO,
};

static int setup(void **state)
{
	fakehost_setup(&host);
	fakehost_driver(&host, "igb");
	fakehost_driver(&host, DRIVER_VFIO);
	fakehost_bridge(&host, "0000:00:01.0", true);
	fakehost_pf(&host, "0000:00:01.0", &igb);
	return 0;
}

static int teardown(void **state)
{
	fakehost_teardown(&host);
	return 0;
}

static void expect(const char *driver, const char *override)
{
	struct pci_function fn;
	char text[64];

	assert_int_equal(pci_read_function(&host.root, &pf, &fn), 0);
	assert_string_equal(fn.driver, driver);
	assert_int_equal(root_read(&host.root, PF_DIR "/driver_override", text, sizeof(text)), 0);
	assert_string_equal(text, override);
}

static void a_function_changes_driver_and_comes_back(void **state)
{
	assert_int_equal(driver_bind(&host.root, &pf, DRIVER_VFIO, NULL), 0);
	expect(DRIVER_VFIO, DRIVER_VFIO);
	assert_int_equal(driver_bind(&host.root, &pf, DRIVER_VFIO, NULL), 0);
	expect(DRIVER_VFIO, DRIVER_VFIO);
	assert_int_equal(driver_restore(&host.root, &pf, "igb", NULL), 0);
	expect("igb", "(null)");
	assert_int_equal(driver_restore(&host.root, &pf, "igb", NULL), 0);
	expect("igb", "(null)");
}

static int (*kernel_write)(const struct root *root, const char *path, const char *text);

/* A probe in the background that ends just before the override is written. */
static int write_late(const struct root *root, const char *path, const char *text)
{
	host.root.write = kernel_write;
	kernel_write(root, PF_DIR "/driver_override", "igb\n");
	kernel_write(root, "sys/bus/pci/drivers_probe", "0000:01:00.0");
	return kernel_write(root, path, text);
}

static void a_driver_that_comes_in_between_does_not_keep_it(void **state)
{
	assert_int_equal(driver_restore(&host.root, &pf, "", NULL), 0);
	kernel_write = host.root.write;
	host.root.write = write_late;
	assert_int_equal(driver_bind(&host.root, &pf, DRIVER_VFIO, NULL), 0);
	expect(DRIVER_VFIO, DRIVER_VFIO);
}

static void a_function_without_a_driver_comes_back_without(void **state)
{
	assert_int_equal(driver_restore(&host.root, &pf, "", NULL), 0);
	expect("", "(null)");
	assert_int_equal(driver_bind(&host.root, &pf, DRIVER_VFIO, NULL), 0);
	assert_int_equal(driver_restore(&host.root, &pf, "", NULL), 0);
	expect("", "(null)");
}

static void a_driver_that_isnt_there_leaves_the_old_one(void **state)
{
	struct problem problem;

	assert_int_equal(driver_bind(&host.root, &pf, "vfio-none", &problem), -ENODEV);
	assert_non_null(strstr(problem.text, "0000:01:00.0: the driver vfio-none"));
	expect("igb", "(null)");
}

static void giving_back_to_a_driver_that_is_gone_is_said(void **state)
{
	struct problem problem;

	assert_int_equal(driver_bind(&host.root, &pf, DRIVER_VFIO, NULL), 0);
	fakehost_remove(&host, "sys/bus/pci/drivers/igb");
	assert_int_equal(driver_restore(&host.root, &pf, "igb", &problem), -ENODEV);
	assert_non_null(strstr(problem.text, "given back to igb"));
	expect("", "(null)");
}

static void keep_alive_is_our_drivers_alone(void **state)
{
	struct problem problem;
	char text[8];

	assert_int_equal(driver_keep_alive(&host.root, &pf, false, NULL), 0);
	assert_int_equal(driver_keep_alive(&host.root, &pf, true, &problem), -ENOENT);
	assert_non_null(strstr(problem.text, "0000:01:00.0: keep-alive can't be switched on"));
	assert_int_equal(driver_bind(&host.root, &pf, DRIVER_VFIO, NULL), 0);
	assert_int_equal(driver_keep_alive(&host.root, &pf, true, NULL), 0);
	assert_int_equal(root_read(&host.root, KEEP, text, sizeof(text)), 0);
	assert_string_equal(text, "1");
	assert_int_equal(driver_keep_alive(&host.root, &pf, false, NULL), 0);
	assert_int_equal(root_read(&host.root, KEEP, text, sizeof(text)), 0);
	assert_string_equal(text, "0");
}

static void create_vf(void)
{
	assert_int_equal(root_write(&host.root, PF_DIR "/sriov_numvfs", "1"), 0);
	fakehost_file(&host, VF_DIR "/vfio_sriov/vf_token", "");
	fakehost_dir(&host, TOKEN_DIR);
}

static void close_dir(mode_t mode)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/" TOKEN_DIR, host.dir);
	assert_int_equal(chmod(path, mode), 0);
}

static void driver_knows(char ret_text[static UUID_TEXT])
{
	assert_int_equal(
		root_read(&host.root, VF_DIR "/vfio_sriov/vf_token", ret_text, UUID_TEXT + 1), 0);
}

static unsigned int mode_of(const char *name)
{
	char path[160];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", host.dir, name);
	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 0777;
}

static int show(bool renew, struct token *ret_token)
{
	return token_show(&host.root, UUID, renew, geteuid(), ret_token, NULL);
}

static void a_token_is_in_the_driver_and_in_files_of_root_and_qemu(void **state)
{
	char known[UUID_TEXT + 1], path[TOKEN_PATH];
	struct token token, kept;

	create_vf();
	close_dir(0711);
	assert_int_equal(token_read(&host.root, UUID, &token, NULL), -ENOENT);
	assert_int_equal(show(true, &token), 0);
	assert_int_equal(token_set(&host.root, &vf, &token, NULL), 0);
	driver_knows(known);
	assert_string_equal(known, token.text);
	assert_int_equal(token_read(&host.root, UUID, &kept, NULL), 0);
	assert_string_equal(kept.text, token.text);
	assert_int_equal(mode_of(TOKEN_FILE), 0400);
	assert_string_equal(token_qemu_path(UUID, path), "/" TOKEN_FILE ".qemu");
	assert_int_equal(mode_of(path + 1), 0400);
	assert_int_equal(root_read(&host.root, path, known, sizeof(known)), 0);
	assert_string_equal(known, token.text);
	assert_int_equal(token_hide(&host.root, UUID), 0);
	assert_false(root_exists(&host.root, path));
	assert_true(root_exists(&host.root, TOKEN_FILE));
	assert_int_equal(token_forget(&host.root, UUID), 0);
	assert_int_equal(token_forget(&host.root, UUID), 0);
	assert_false(root_exists(&host.root, TOKEN_FILE));
}

static void a_token_is_kept_or_renewed(void **state)
{
	struct token first, again, new;

	create_vf();
	close_dir(0700);
	assert_int_equal(show(false, &first), 0);
	assert_int_equal(token_hide(&host.root, UUID), 0);
	assert_int_equal(show(false, &again), 0);
	assert_string_equal(first.text, again.text);
	assert_int_equal(show(true, &new), 0);
	assert_string_not_equal(first.text, new.text);
	assert_int_equal(token_read(&host.root, UUID, &again, NULL), 0);
	assert_string_equal(new.text, again.text);
}

/* Another program than who hides it: by another opening of the file. */
static void a_token_that_is_kept_shown_stays(void **state)
{
	struct problem problem = { "" };
	int keep = -1;

	create_vf();
	close_dir(0700);
	assert_int_equal(token_keep_shown(&host.root, UUID, &keep, &problem), -ENOENT);
	assert_int_equal(show(true, NULL), 0);
	assert_int_equal(token_keep_shown(&host.root, UUID, &keep, &problem), 0);
	assert_int_equal(token_hide(&host.root, UUID), 0);
	assert_true(root_exists(&host.root, TOKEN_FILE ".qemu"));
	close(keep);
	assert_int_equal(token_hide(&host.root, UUID), 0);
	assert_false(root_exists(&host.root, TOKEN_FILE ".qemu"));
}

static void a_driver_without_tokens_is_said(void **state)
{
	const struct token token = { UUID };
	struct problem problem;

	assert_int_equal(root_write(&host.root, PF_DIR "/sriov_numvfs", "1"), 0);
	fakehost_remove(&host, VF_DIR "/vfio_sriov");
	assert_int_equal(token_set(&host.root, &vf, &token, &problem), -ENOENT);
	assert_non_null(strstr(problem.text, "its driver doesn't take a token"));
	assert_null(strstr(problem.text, UUID));
}

static void tokens_arent_kept_where_others_look(void **state)
{
	struct problem problem;

	create_vf();
	close_dir(0750);
	assert_int_equal(token_show(&host.root, UUID, true, geteuid(), NULL, &problem), -EPERM);
	assert_non_null(strstr(problem.text, "/" TOKEN_DIR));
	assert_false(root_exists(&host.root, TOKEN_FILE));
}

static void a_damaged_token_file_is_no_token(void **state)
{
	struct problem problem;
	struct token token = { "" };

	create_vf();
	close_dir(0700);
	fakehost_file(&host, TOKEN_FILE, "deadbeef-edaf-9455-926a-d65c16db180\n");
	assert_int_equal(token_read(&host.root, UUID, &token, &problem), -EBADMSG);
	assert_null(strstr(problem.text, "deadbeef"));
	assert_string_equal(token.text, "");
}

static void wiping_leaves_nothing(void **state)
{
	struct token token = { UUID };
	static const struct token zero;

	token_wipe(&token);
	assert_memory_equal(&token, &zero, sizeof(token));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_function_changes_driver_and_comes_back),
		T(a_driver_that_comes_in_between_does_not_keep_it),
		T(a_function_without_a_driver_comes_back_without),
		T(a_driver_that_isnt_there_leaves_the_old_one),
		T(giving_back_to_a_driver_that_is_gone_is_said),
		T(keep_alive_is_our_drivers_alone),
		T(a_token_is_in_the_driver_and_in_files_of_root_and_qemu),
		T(a_token_is_kept_or_renewed),
		T(a_token_that_is_kept_shown_stays),
		T(a_driver_without_tokens_is_said),
		T(tokens_arent_kept_where_others_look),
		T(a_damaged_token_file_is_no_token),
		T(wiping_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
