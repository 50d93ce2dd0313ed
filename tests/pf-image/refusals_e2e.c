// SPDX-License-Identifier: GPL-2.0-only
/*
 * What pf-image must refuse: one clear line, exit status 1 or 2, nothing left
 * behind, and what was there as it was. With a real image, but without starting
 * an appliance, so that it takes seconds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "pf-vm-image/files.h"
#include "pf-vm-image/run.h"
#include "pf-vm-image/scratch.h"
#include "tests/lab/products/hash.h"
#include "tests/pf-image/e2e.h"

#define SIZE_LIMIT (150u << 20)

static char image[PATH_MAX], other[PATH_MAX], igb[PATH_MAX], wrong_igb[PATH_MAX];
static struct manifest before;

static int set_up(void **state)
{
	if (scratch_path(e2e_dir, "image", image) || scratch_path(e2e_dir, "other", other) ||
	    e2e_copy_image(image) || e2e_product("pf-image-vendor", "this/igb.ko", igb) ||
	    e2e_product("pf-image-vendor", "other/igb.ko", wrong_igb))
		return -1;
	e2e_hash(image, &before);
	/* For a small disk: what is mounted here ends with us. */
	return unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

/* After each test: what it was told to leave alone is as it was, and nothing else is there. */
static int nothing_happened(void **state)
{
	struct manifest after;

	e2e_hash(image, &after);
	e2e_expect_same(&before, &after);
	e2e_expect_nothing_left();
	assert_int_equal(access(other, F_OK), -1);
	return 0;
}

static void in_dir(const char *name, char ret_path[PATH_MAX])
{
	assert_int_equal(scratch_path(e2e_dir, name, ret_path), 0);
}

static void write_file(const char *path, const char *data, size_t len)
{
	struct problem p = { .text = "" };

	assert_int_equal(files_write(path, data, len, &p), 0);
}

static void the_image_is_small(void **state)
{
	uint64_t size = 0;

	for (int i = 0; i < PARTS; i++)
		size += before.parts[i].size;
	print_message("# image: %zu KiB\n", (size_t)(size >> 10));
	assert_true(size < SIZE_LIMIT);
}

static struct manifest read_manifest(void)
{
	struct problem p = { .text = "" };
	char path[PATH_MAX];
	struct manifest m;

	scratch_path(image, MANIFEST_NAME, path);
	assert_int_equal(manifest_read(path, &m, &p), 0);
	assert_true(m.files.n > 100);
	return m;
}

/* A program or a module: a folder or a list may be called like one. */
static bool has_file(const struct manifest *m, const char *name)
{
	for (size_t i = 0; i < m->files.n; i++)
		if (m->files.entries[i].type != 'd' &&
		    !strncmp(m->files.entries[i].path, "/usr/", 5) &&
		    !strcmp(strrchr(m->files.entries[i].path, '/') + 1, name))
			return true;
	return false;
}

static void every_pf_driver_is_in_it_and_no_vf_driver(void **state)
{
	static const char *const pf[] = { "igb.ko",	"ixgbe.ko",	 "i40e.ko",    "ice.ko",
					  "bnxt_en.ko", "mlx5_core.ko",	 "nfp.ko",     "qede.ko",
					  "nvme.ko",	"virtio_net.ko", "pci-stub.ko" };
	static const char *const vf[] = { "igbvf.ko", "ixgbevf.ko", "iavf.ko" };
	struct manifest m = read_manifest();

	for (size_t i = 0; i < sizeof(pf) / sizeof(pf[0]); i++)
		if (!has_file(&m, pf[i]))
			fail_msg("%s is missing", pf[i]);
	for (size_t i = 0; i < sizeof(vf) / sizeof(vf[0]); i++)
		if (has_file(&m, vf[i]))
			fail_msg("%s is in it", vf[i]);
	manifest_free(&m);
}

static void nothing_that_logs_in_installs_or_configures_a_network_is_in_it(void **state)
{
	static const char *const none[] = {
		"sshd",	  "ssh",     "login",	       "agetty",	   "getty",
		"su",	  "sudo",    "bash",	       "passwd",	   "apt-get",
		"dpkg",	  "perl",    "python3",	       "systemd-networkd", "dhclient",
		"dhcpcd", "telnetd", "systemd-logind",
	};
	struct manifest m = read_manifest();

	/* That it would be found. */
	assert_true(has_file(&m, "qemu-ga") && has_file(&m, "nvme") && has_file(&m, "ethtool"));
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		if (has_file(&m, none[i]))
			fail_msg("%s is in it", none[i]);
	manifest_free(&m);
}

static void no_program_runs_as_another_user(void **state)
{
	struct manifest m = read_manifest();

	for (size_t i = 0; i < m.files.n; i++)
		if (m.files.entries[i].type == 'f' && m.files.entries[i].mode & 06000)
			fail_msg("%s has mode %o", m.files.entries[i].path,
				 m.files.entries[i].mode);
	manifest_free(&m);
}

static void a_broken_vendor_package(void **state)
{
	char deb[PATH_MAX], place[256];
	struct stat st;

	in_dir("broken.deb", deb);
	write_file(deb, "!<arch>\ndebian-binary  garbage", 30);
	e2e_expect(1, "broken.deb", "customize", "--driver-deb", deb, image, image, NULL);
	/* One that ends in the middle, like a download that did. */
	snprintf(place, sizeof(place), "/lib/modules/%s/updates/igb.ko", e2e_kernel(image));
	e2e_make_deb(deb, "amd64", igb, place);
	assert_int_equal(stat(deb, &st), 0);
	assert_int_equal(truncate(deb, st.st_size * 3 / 4), 0);
	e2e_expect(1, "broken.deb", "customize", "--driver-deb", deb, image, image, NULL);
}

static void a_driver_for_another_kernel(void **state)
{
	char deb[PATH_MAX], text[PATH_MAX], line[256];

	in_dir("other-kernel.deb", deb);
	snprintf(line, sizeof(line), "the image has %s", e2e_kernel(image));
	e2e_expect(1, line, "customize", "--module", wrong_igb, image, other, NULL);
	e2e_make_deb(deb, "amd64", wrong_igb, "/lib/modules/x/updates/igb.ko");
	e2e_expect(1, line, "customize", "--driver-deb", deb, image, other, NULL);
	in_dir("text.ko", text);
	write_file(text, "no ELF", 6);
	e2e_expect(1, "no kernel module", "customize", "--module", text, image, other, NULL);
}

static void another_architecture(void **state)
{
	char deb[PATH_MAX], copy[PATH_MAX], path[PATH_MAX], *text, *at;
	struct problem p = { .text = "" };

	in_dir("arm64.deb", deb);
	e2e_make_deb(deb, "arm64", igb, "/boot/vmlinuz-1");
	e2e_expect(1, "is for arm64", "customize", "--driver-deb", deb, image, other, NULL);
	e2e_expect(1, "is for arm64", "build", "--kernel-deb", deb, other, NULL);
	in_dir("arm64", copy);
	assert_int_equal(e2e_copy_image(copy), 0);
	assert_int_equal(files_read(copy, MANIFEST_NAME, &text, &p), 0);
	at = strstr(text, "amd64");
	assert_non_null(at);
	memcpy(at, "arm64", 5);
	scratch_path(copy, MANIFEST_NAME, path);
	write_file(path, text, strlen(text));
	free(text);
	e2e_expect(1, "is for arm64", "customize", "--vfs", "1", copy, other, NULL);
	assert_int_equal(scratch_remove_tree(copy), 0);
}

static void what_is_no_image(void **state)
{
	char dir[PATH_MAX], path[PATH_MAX];

	in_dir("no-image", dir);
	e2e_expect(1, "no-image", "verify", dir, NULL);
	assert_int_equal(mkdir(dir, 0755), 0);
	e2e_expect(1, "no-image", "inspect", dir, NULL);
	e2e_expect(1, "no-image", "customize", "--vfs", "1", dir, other, NULL);
	scratch_path(dir, MANIFEST_NAME, path);
	write_file(path, "{\"format\": 3, [", 15);
	e2e_expect(1, "manifest.json", "verify", dir, NULL);
	/* Not one of ours: neither replaced nor emptied. */
	scratch_path(dir, "somebody's", path);
	write_file(path, "x", 1);
	e2e_expect(1, "not replaced", "build", dir, NULL);
	e2e_expect(1, "not replaced", "customize", "--vfs", "1", image, dir, NULL);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(scratch_remove_tree(dir), 0);
}

static void a_disk_that_is_no_image(void **state)
{
	char copy[PATH_MAX], disk[PATH_MAX];

	in_dir("damaged", copy);
	assert_int_equal(e2e_copy_image(copy), 0);
	scratch_path(copy, "root.qcow2", disk);
	write_file(disk, "no qcow2", 8);
	e2e_expect(1, "no qcow2 image", "verify", copy, NULL);
	e2e_expect(1, "no qcow2 image", "customize", "--vfs", "1", copy, copy, NULL);
	assert_int_equal(scratch_remove_tree(copy), 0);
}

static void a_part_that_was_changed(void **state)
{
	char copy[PATH_MAX], initrd[PATH_MAX];

	in_dir("changed", copy);
	assert_int_equal(e2e_copy_image(copy), 0);
	scratch_path(copy, "initrd", initrd);
	write_file(initrd, "another", 7);
	e2e_expect(1, "isn't what its manifest says", "customize", "--vfs", "1", copy, copy, NULL);
	assert_int_equal(scratch_remove_tree(copy), 0);
}

/* QEMU's own block layer has it open, as a running PF VM does. */
static pid_t open_disk(const char *disk, int *ret_stdin)
{
	int in[2], out[2];
	char answer[256];
	size_t used = 0;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		execlp("qemu-io", "qemu-io", "-r", "-f", "qcow2", disk, NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	assert_int_equal(write(in[1], "read 0 512\n", 11), 11);
	/* What it has read it has open. */
	do {
		n = read(out[0], answer + used, sizeof(answer) - 1 - used);
		assert_true(n > 0);
		used += (size_t)n;
		answer[used] = '\0';
	} while (!strstr(answer, "read 512/512"));
	close(out[0]);
	*ret_stdin = in[1];
	return pid;
}

static void an_image_in_use(void **state)
{
	char disk[PATH_MAX];
	int fd;
	pid_t pid;

	scratch_path(image, "root.qcow2", disk);
	pid = open_disk(disk, &fd);
	e2e_expect(1, "in use by a running VM", "customize", "--vfs", "1", image, image, NULL);
	e2e_expect(1, "in use by a running VM", "build", image, NULL);
	close(fd);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void a_full_disk(void **state)
{
	char dir[PATH_MAX], to[PATH_MAX];

	in_dir("small", dir);
	assert_int_equal(mkdir(dir, 0755), 0);
	assert_int_equal(mount("small", dir, "tmpfs", 0, "size=64m"), 0);
	scratch_path(dir, "image", to);
	e2e_expect(1, "MiB needed", "build", to, NULL);
	e2e_expect(1, "MiB needed", "customize", "--vfs", "1", image, to, NULL);
	assert_int_equal(umount(dir), 0);
	assert_int_equal(rmdir(dir), 0);
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

/* mmdebstrap unpacks there; apt, which it runs, would wait for room. */
static void a_temporary_folder_that_fills_up(void **state)
{
	const char *dir = getenv("TMPDIR");

	assert_int_equal(mount("small", dir, "tmpfs", 0, "size=16m,mode=1777"), 0);
	e2e_expect(1, "MiB needed", "build", other, NULL);
	assert_int_equal(mount(NULL, dir, NULL, MS_REMOUNT, "size=700m,mode=1777"), 0);
	e2e_expect_filled("mmdebstrap", dir, "build", other, NULL);
	e2e_expect_nothing_left();
	assert_int_equal(umount(dir), 0);
}

/* There was room when it began: somebody else takes it. */
static void a_disk_that_fills_up(void **state)
{
	char dir[PATH_MAX], to[PATH_MAX];

	in_dir("filling", dir);
	assert_int_equal(mkdir(dir, 0755), 0);
	assert_int_equal(mount("filling", dir, "tmpfs", 0, "size=1400m"), 0);
	scratch_path(dir, "image", to);
	e2e_expect_filled("check the image", dir, "customize", "--vfs", "1", image, to, NULL);
	/* The image neither, of course. */
	expect_empty(dir);
	assert_int_equal(umount(dir), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void a_line_that_makes_no_sense(void **state)
{
	e2e_expect(2, "--vfs", "customize", "--vfs", "65536", image, other, NULL);
	e2e_expect(2, "IMAGE and OUTPUT", "customize", image, NULL);
	e2e_expect(2, "--file", "customize", "--file", "x:relative", image, other, NULL);
	e2e_expect(2, NULL, "biuld", other, NULL);
}

/* Each "--option" of its help, as "Fl -option". */
static void the_manual_has_every_option(void **state)
{
	static const char *const commands[] = { "build", "customize", "inspect", "verify" };
	struct problem p = { .text = "" };
	char *man, words[64];

	assert_int_equal(files_read("pf-vm-image/man", "pf-image.1", &man, &p), 0);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		e2e_expect(0, "usage: ", commands[i], "--help", NULL);
		for (char *at = e2e_output; (at = strstr(at, "  --")); at += 4) {
			snprintf(words, sizeof(words), "Fl -%.*s",
				 (int)strspn(at + 4, "abcdefghijklmnopqrstuvwxyz-"), at + 4);
			if (!strstr(man, words))
				fail_msg("the manual of %s has no '%s'", commands[i], words);
		}
	}
	free(man);
}

/* The object has debug information, which the program is linked without. */
static const char *const made[] = { "build/pf-vm-image/pf-init",
				    "build/obj/pf-vm-image/initrd/pf-init.o" };
#define MADE 2

static void first_program_made_in(const char *name, char ret_hex[MADE][HASH_HEX + 1])
{
	static const char make[] =
		"mkdir -p \"$1\"; cp -r Makefile mk pf-vm-image \"$1\"; cd \"$1\"; "
		"env -u MAKEFLAGS -u MFLAGS make -s build/pf-vm-image/pf-init";
	char dir[PATH_MAX], path[PATH_MAX];
	const char *const argv[] = { "/bin/sh", "-ec", make, "sh", dir, NULL };
	struct problem p = { .text = "" };

	in_dir(name, dir);
	if (run_program(argv, &(struct run_how){ 0 }, &p))
		fail_msg("%s", p.text);
	for (int i = 0; i < MADE; i++) {
		assert_int_equal(scratch_path(dir, made[i], path), 0);
		assert_int_equal(hash_file_at(AT_FDCWD, path, ret_hex[i]), 0);
	}
	assert_int_equal(scratch_remove_tree(dir), 0);
}

/* Else an image would be another one, built of another checkout. */
static void the_first_program_is_the_same_from_any_folder(void **state)
{
	char one[MADE][HASH_HEX + 1], two[MADE][HASH_HEX + 1];

	first_program_made_in("source", one);
	first_program_made_in("another/longer/source", two);
	for (int i = 0; i < MADE; i++)
		assert_string_equal(one[i], two[i]);
}

static void signals_in_the_middle(void **state)
{
	e2e_expect_signalled("mmdebstrap", SIGINT, "build", other, NULL);
	e2e_expect_nothing_left();
	e2e_expect_signalled("appliance", SIGTERM, "customize", "--vfs", "1", image, other, NULL);
}

#define REFUSES(f) cmocka_unit_test_teardown(f, nothing_happened)

static int body(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_image_is_small),
		cmocka_unit_test(every_pf_driver_is_in_it_and_no_vf_driver),
		cmocka_unit_test(nothing_that_logs_in_installs_or_configures_a_network_is_in_it),
		cmocka_unit_test(no_program_runs_as_another_user),
		REFUSES(a_broken_vendor_package),
		REFUSES(a_driver_for_another_kernel),
		REFUSES(another_architecture),
		REFUSES(what_is_no_image),
		REFUSES(a_disk_that_is_no_image),
		REFUSES(a_part_that_was_changed),
		REFUSES(an_image_in_use),
		REFUSES(a_full_disk),
		REFUSES(a_temporary_folder_that_fills_up),
		REFUSES(a_disk_that_fills_up),
		REFUSES(a_line_that_makes_no_sense),
		cmocka_unit_test(the_manual_has_every_option),
		cmocka_unit_test(the_first_program_is_the_same_from_any_folder),
		REFUSES(signals_in_the_middle),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("pf-image refuses", tests, set_up, NULL);
}

int main(int argc, char **argv)
{
	return e2e_main(argc, argv, body);
}
