// SPDX-License-Identifier: GPL-2.0-only
/* The image's files on the host: initrd, disk, the folder and how it is published. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "pf-vm-image/disk.h"
#include "pf-vm-image/files.h"
#include "pf-vm-image/initrd.h"
#include "pf-vm-image/scratch.h"
#include "pf-vm-image/tree.h"

static char dir[] = "/tmp/outputs_test.XXXXXX";

static int make_dir(void **state)
{
	memcpy(strrchr(dir, '.'), ".XXXXXX", 8);
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	return scratch_remove_tree(dir);
}

static const char *in_dir(const char *name)
{
	static char paths[8][PATH_MAX];
	static unsigned int next;
	char *path = paths[next++ % 8];

	assert_int_equal(scratch_path(dir, name, path), 0);
	return path;
}

static void put(const char *name, const void *data, size_t len)
{
	struct problem p = { .text = "" };

	assert_int_equal(files_write(in_dir(name), data, len, &p), 0);
}

static char *get(const char *name)
{
	struct problem p = { .text = "" };
	char *text;

	assert_int_equal(files_read(dir, name, &text, &p), 0);
	return text;
}

static size_t hex_field(const char *header, size_t offset)
{
	char text[9];

	memcpy(text, header + offset, 8);
	text[8] = '\0';
	return strtoul(text, NULL, 16);
}

/* The kernel's own rules, not the library that wrote it: header of 110, padded to 4. */
static void list_cpio(const char *at, char *names, size_t size)
{
	names[0] = '\0';
	for (;;) {
		size_t name = hex_field(at, 94), data = hex_field(at, 54), used = strlen(names);

		assert_memory_equal(at, "070701", 6);
		if (!strcmp(at + 110, "TRAILER!!!"))
			return;
		snprintf(names + used, size - used, "%s\n", at + 110);
		at += ((110 + name + 3) & ~(size_t)3) + ((data + 3) & ~(size_t)3);
	}
}

static void an_initrd_holds_its_modules_in_order_and_is_reproducible(void **state)
{
	static const char *const modules[] = { "kernel/fs/squashfs/squashfs.ko", "kernel/a-b.ko" };
	struct initrd_source s = {
		.init = in_dir("pf-init"), .modules_dir = dir, .modules = modules, .n_modules = 2
	};
	struct problem p = { .text = "" };
	char a[HASH_HEX + 1], b[HASH_HEX + 1];
	char names[512], *text;

	mkdir(in_dir("kernel"), 0755);
	mkdir(in_dir("kernel/fs"), 0755);
	mkdir(in_dir("kernel/fs/squashfs"), 0755);
	put("pf-init", "init", 4);
	put("kernel/fs/squashfs/squashfs.ko", "sq", 2);
	put("kernel/a-b.ko", "ab", 2);
	assert_int_equal(initrd_write(&s, in_dir("one"), &p), 0);
	/* Dates of the sources must not show. */
	assert_int_equal(utimensat(AT_FDCWD, in_dir("pf-init"),
				   (struct timespec[2]){ { 9, 0 }, { 9, 0 } }, 0),
			 0);
	assert_int_equal(initrd_write(&s, in_dir("two"), &p), 0);
	assert_int_equal(hash_file_at(AT_FDCWD, in_dir("one"), a), 0);
	assert_int_equal(hash_file_at(AT_FDCWD, in_dir("two"), b), 0);
	assert_string_equal(a, b);
	text = get("one");
	list_cpio(text, names, sizeof(names));
	free(text);
	assert_string_equal(names, "modules\nmodules/00-squashfs.ko\nmodules/01-a_b.ko\ninit\n");
}

static void an_initrd_without_its_init_is_refused(void **state)
{
	struct initrd_source s = { .init = in_dir("none"), .modules_dir = dir };
	struct problem p = { .text = "" };

	assert_int_equal(initrd_write(&s, in_dir("one"), &p), -ENOENT);
	assert_non_null(strstr(p.text, "/none"));
}

static void a_disk_that_is_full_is_said_of_the_initrd(void **state)
{
	struct initrd_source s = { .init = in_dir("pf-init"), .modules_dir = dir };
	struct problem p = { .text = "" };

	put("pf-init", "init", 4);
	assert_int_equal(initrd_write(&s, "/dev/full", &p), -ENOSPC);
	assert_string_equal(p.text, "initrd: No space left on device");
}

/* As a disk that fills up does: first a part is written, without an error. */
static void what_is_written_in_part_fails(void **state)
{
	const struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY };
	struct rlimit small = { 1000, RLIM_INFINITY };
	char data[1500] = "";
	int fd = open(in_dir("part"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600), ret;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	ret = files_append(fd, data, sizeof(data));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(ret, -EFBIG);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 1000);
	close(fd);
}

static void header(uint32_t words[28])
{
	memset(words, 0, 28 * 4);
	words[0] = htobe32(0x514649fb);
	words[1] = htobe32(3);
	words[5] = htobe32(16);
}

static void expect_disk(const void *data, size_t len, const char *rule)
{
	struct problem p = { .text = "" };

	put("disk", data, len);
	assert_int_equal(disk_check(in_dir("disk"), &p), rule ? -EINVAL : 0);
	if (rule)
		assert_non_null(strstr(p.text, rule));
}

static void a_disk_that_would_open_other_files_is_refused(void **state)
{
	uint32_t words[28];

	header(words);
	expect_disk(words, sizeof(words), NULL);
	words[3] = htobe32(512); /* backing file */
	expect_disk(words, sizeof(words), "backing file");
	header(words);
	words[19] = htobe32(4); /* external data file */
	expect_disk(words, sizeof(words), "features");
	header(words);
	words[8] = htobe32(1);
	expect_disk(words, sizeof(words), "encryption");
	header(words);
	words[1] = htobe32(2);
	expect_disk(words, sizeof(words), "no qcow2");
	expect_disk("not a disk", 10, "no qcow2");
	expect_disk("", 0, "no qcow2");
}

static void an_image_appears_whole_and_replaces_the_old_one(void **state)
{
	struct problem p = { .text = "" };
	char output[PATH_MAX], *text;
	struct scratch s;

	snprintf(output, sizeof(output), "%s/image", dir);
	for (int round = 0; round < 2; round++) {
		char path[PATH_MAX];

		assert_int_equal(scratch_open(output, 1, &s, &p), 0);
		assert_int_equal(scratch_path(s.image, "manifest.json", path), 0);
		assert_int_equal(files_write(path, round ? "2" : "1", 1, &p), 0);
		assert_int_equal(scratch_publish(&s, output, &p), 0);
		scratch_close(&s);
	}
	text = get("image/manifest.json");
	assert_string_equal(text, "2");
	free(text);
	/* Nothing is left but the image. */
	assert_int_equal(unlink(in_dir("image/manifest.json")), 0);
	assert_int_equal(rmdir(in_dir("image")), 0);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(mkdir(dir, 0755), 0);
}

static void too_little_space_is_told_in_numbers(void **state)
{
	struct problem p = { .text = "" };
	struct scratch s;

	assert_int_equal(scratch_open(in_dir("image"), UINT64_MAX, &s, &p), -ENOSPC);
	assert_non_null(strstr(p.text, "MiB needed"));
}

static void a_parent_that_is_missing_is_named(void **state)
{
	struct problem p = { .text = "" };
	struct scratch s;

	assert_true(scratch_open("/nonexistent/image", 1, &s, &p) < 0);
	assert_non_null(strstr(p.text, "/nonexistent"));
}

static void what_is_no_image_is_never_replaced(void **state)
{
	struct problem p = { .text = "" };

	put("image", "somebody's file", 15);
	assert_int_equal(scratch_check_output(in_dir("image"), &p), -EEXIST);
	assert_non_null(strstr(p.text, "is no image"));
	assert_int_equal(unlink(in_dir("image")), 0);
	mkdir(in_dir("image"), 0755);
	assert_int_equal(scratch_check_output(in_dir("image"), &p), -EEXIST);
	put("image/manifest.json", "{}", 2);
	assert_int_equal(scratch_check_output(in_dir("image"), &p), 0);
	put("image/thesis.tex", "x", 1);
	assert_int_equal(scratch_check_output(in_dir("image"), &p), -EEXIST);
}

static void an_image_that_a_vm_has_open_is_left_alone(void **state)
{
	/* The byte that QEMU read-locks for "I read consistent data". */
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 100, .l_len = 1 };
	struct problem p = { .text = "" };
	int fd;

	assert_int_equal(scratch_check_output(in_dir("image"), &p), 0);
	mkdir(in_dir("image"), 0755);
	put("image/manifest.json", "{}", 2);
	put("image/root.qcow2", "x", 1);
	assert_int_equal(scratch_check_output(in_dir("image"), &p), 0);
	fd = open(in_dir("image/root.qcow2"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
	assert_int_equal(scratch_check_output(in_dir("image"), &p), -EBUSY);
	assert_non_null(strstr(p.text, "in use"));
	close(fd);
	p.text[0] = '\0';
	assert_int_equal(scratch_check_output(in_dir("image"), &p), 0);
}

/* /dev/shm is memory wherever the image lies. */
static void a_file_is_copied_to_another_file_system(void **state)
{
	char far[] = "/dev/shm/outputs_test.XXXXXX", to[PATH_MAX];
	struct problem p = { .text = "" };
	char *text;

	put("near", "whole", 5);
	assert_non_null(mkdtemp(far));
	assert_int_equal(scratch_path(far, "far", to), 0);
	if (files_copy(in_dir("near"), to, 0644, &p))
		fail_msg("%s", p.text);
	assert_int_equal(files_read(far, "far", &text, &p), 0);
	assert_string_equal(text, "whole");
	free(text);
	assert_int_equal(scratch_remove_tree(far), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			an_initrd_holds_its_modules_in_order_and_is_reproducible, make_dir,
			remove_dir),
		cmocka_unit_test_setup_teardown(a_disk_that_is_full_is_said_of_the_initrd, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(what_is_written_in_part_fails, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(an_initrd_without_its_init_is_refused, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(a_disk_that_would_open_other_files_is_refused,
						make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(an_image_appears_whole_and_replaces_the_old_one,
						make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(too_little_space_is_told_in_numbers, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(a_parent_that_is_missing_is_named, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(what_is_no_image_is_never_replaced, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(an_image_that_a_vm_has_open_is_left_alone, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(a_file_is_copied_to_another_file_system, make_dir,
						remove_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
