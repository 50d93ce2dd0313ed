// SPDX-License-Identifier: GPL-2.0-only
/*
 * pf-image end to end: a real image is built, read, damaged, changed and
 * booted. Needs root, the network and some minutes; see `make check-image`.
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
#include <sys/stat.h>
#include <unistd.h>
#include <json-c/json.h>
#include <cmocka.h>

#include "pf-vm-image/e2e/qga.h"
#include "pf-vm-image/e2e/vm.h"
#include "pf-vm-image/files.h"
#include "pf-vm-image/manifest.h"
#include "pf-vm-image/run.h"
#include "pf-vm-image/scratch.h"

#define VFS	      7
#define SIZE_LIMIT    (150u << 20)
#define RAM_LIMIT_KIB (80 << 10)
/* Without KVM and on a loaded machine; a boot takes seconds with it. */
#define BOOT_LIMIT_MS 300000
#define CALL_LIMIT_MS 60000

static char dir[] = "/var/tmp/image_e2e.XXXXXX";
static char image[PATH_MAX], other[PATH_MAX], log_path[PATH_MAX];
static char output[1 << 20];

static const char *pf_image(void)
{
	return getenv("PF_IMAGE") ?: "build/pf-vm-image/pf-image";
}

/* Runs pf-image; its messages are in output. Returns its exit status. */
static int run(const char *a, const char *b, const char *c, const char *d, const char *e)
{
	/* A shell, for the exit status and to have both streams in one. */
	const char *const argv[] = { "/bin/sh", "-c",	    "\"$@\" 2>&1; echo \"status=$?\"",
				     "sh",	pf_image(), a,
				     b,		c,	    d,
				     e,		NULL };
	struct run_how how = { .out = output, .size = sizeof(output) };
	struct problem p = { .text = "" };
	const char *status;

	assert_int_equal(run_program(argv, &how, &p), 0);
	status = strstr(output, "status=");
	for (const char *next = status; next; next = strstr(next + 1, "status="))
		status = next;
	assert_non_null(status);
	return (int)strtol(status + strlen("status="), NULL, 10);
}

static void expect_status(int got, int wanted)
{
	if (got != wanted)
		fail_msg("exit status %d, not %d: %s", got, wanted, output);
}

static void hash_image(const char *path, struct manifest *m)
{
	struct problem p = { .text = "" };

	memset(m, 0, sizeof(*m));
	assert_int_equal(manifest_hash_parts(m, path, &p), 0);
}

static void expect_same_image(const struct manifest *a, const struct manifest *b)
{
	for (int i = 0; i < PARTS; i++)
		assert_string_equal(a->parts[i].sha256, b->parts[i].sha256);
}

/* Beside the image lie only images: nothing is left of what failed. */
static void expect_nothing_left(void)
{
	const char *const argv[] = { "/bin/sh", "-c", "ls -A \"$1\" | grep -c '^\\.pf-image'; true",
				     "sh",	dir,  NULL };
	char count[16];
	struct run_how how = { .out = count, .size = sizeof(count) };
	struct problem p = { .text = "" };

	assert_int_equal(run_program(argv, &how, &p), 0);
	assert_string_equal(count, "0\n");
}

static int build_once(void **state)
{
	if (!mkdtemp(dir) || scratch_path(dir, "image", image) ||
	    scratch_path(dir, "other", other) || scratch_path(dir, "log", log_path))
		return -1;
	setenv("PF_IMAGE_LOG", log_path, 1);
	if (getenv("PF_IMAGE_E2E_IMAGE")) {
		/* One that was built before, while the tests themselves are worked on. */
		const char *const argv[] = { "cp", "-r", getenv("PF_IMAGE_E2E_IMAGE"), image,
					     NULL };
		struct problem p = { .text = "" };

		return run_program(argv, &(struct run_how){ 0 }, &p);
	}
	if (run("build", image, NULL, NULL, NULL)) {
		print_error("%s\n", output);
		return -1;
	}
	return 0;
}

static int remove_all(void **state)
{
	return scratch_remove_tree(dir);
}

static void an_image_is_small_and_whole(void **state)
{
	uint64_t size = 0;
	struct manifest m;

	hash_image(image, &m);
	for (int i = 0; i < PARTS; i++)
		size += m.parts[i].size;
	print_message("image: %zu KiB\n", (size_t)(size >> 10));
	assert_true(size < SIZE_LIMIT);
	expect_status(run("verify", image, NULL, NULL, NULL), 0);
}

static void no_program_runs_as_another_user(void **state)
{
	struct problem p = { .text = "" };
	char path[PATH_MAX];
	struct manifest m;

	scratch_path(image, MANIFEST_NAME, path);
	assert_int_equal(manifest_read(path, &m, &p), 0);
	for (size_t i = 0; i < m.files.n; i++)
		if (m.files.entries[i].type == 'f' && m.files.entries[i].mode & 06000)
			fail_msg("%s has mode %o", m.files.entries[i].path,
				 m.files.entries[i].mode);
	manifest_free(&m);
}

static void inspect_lists_drivers_with_ids_and_packages(void **state)
{
	expect_status(run("inspect", image, NULL, NULL, NULL), 0);
	assert_non_null(strstr(output, "\n  igb "));
	assert_non_null(strstr(output, "8086:10c9"));
	assert_non_null(strstr(output, "\n  nvme "));
	assert_non_null(strstr(output, "class 010802"));
	assert_non_null(strstr(output, "\n  qemu-guest-agent "));
	assert_non_null(strstr(output, "\n  linux-image-"));
	/* The VF drivers and what would log in aren't there. */
	assert_null(strstr(output, "\n  igbvf"));
	assert_null(strstr(output, "\n  login "));
	assert_null(strstr(output, "\n  openssh"));
	assert_null(strstr(output, "\n  dpkg "));
}

static void a_flipped_bit_of_the_disk_is_named(void **state)
{
	struct problem p = { .text = "" };
	char disk[PATH_MAX], copy[PATH_MAX];
	unsigned char byte;
	int fd;

	scratch_path(image, "root.qcow2", disk);
	scratch_path(dir, "good.qcow2", copy);
	assert_int_equal(files_copy(disk, copy, 0644, &p), 0);
	fd = open(disk, O_RDWR | O_CLOEXEC);
	/* In the middle of the files' content. */
	assert_int_equal(pread(fd, &byte, 1, 20 << 20), 1);
	byte ^= 0x10;
	assert_int_equal(pwrite(fd, &byte, 1, 20 << 20), 1);
	close(fd);
	expect_status(run("verify", image, NULL, NULL, NULL), 1);
	assert_non_null(strstr(output, "root.qcow2: content"));
	assert_int_equal(rename(copy, disk), 0);
}

static void changed_files_are_named_against_the_original_manifest(void **state)
{
	char file[PATH_MAX], arg[PATH_MAX + 64], manifest[PATH_MAX];
	struct problem p = { .text = "" };

	scratch_path(dir, "evil", file);
	assert_int_equal(files_write(file, "evil\n", 5, &p), 0);
	snprintf(arg, sizeof(arg), "--file=%s:/usr/sbin/qemu-ga", file);
	expect_status(run("customize", arg, image, other, NULL), 0);
	/* By its own manifest it is what was made. */
	expect_status(run("verify", other, NULL, NULL, NULL), 0);
	scratch_path(image, MANIFEST_NAME, manifest);
	expect_status(run("verify", "--manifest", manifest, other, NULL), 1);
	assert_non_null(strstr(output, "/usr/sbin/qemu-ga: mode"));
	assert_non_null(strstr(output, "root.qcow2: content"));
	assert_int_equal(scratch_remove_tree(other), 0);
}

static void a_broken_vendor_package_leaves_the_image_untouched(void **state)
{
	struct manifest before, after;
	struct problem p = { .text = "" };
	char deb[PATH_MAX], arg[PATH_MAX + 32];

	hash_image(image, &before);
	scratch_path(dir, "vendor.deb", deb);
	assert_int_equal(files_write(deb, "!<arch>\ndebian-binary  garbage", 30, &p), 0);
	snprintf(arg, sizeof(arg), "--driver-deb=%s", deb);
	expect_status(run("customize", arg, image, image, NULL), 1);
	assert_non_null(strstr(output, "vendor.deb"));
	hash_image(image, &after);
	expect_same_image(&before, &after);
	expect_nothing_left();
}

static void a_module_for_another_kernel_is_refused(void **state)
{
	struct problem p = { .text = "" };
	char ko[PATH_MAX], arg[PATH_MAX + 32];

	scratch_path(dir, "vendor.ko", ko);
	assert_int_equal(files_write(ko, "no ELF", 6, &p), 0);
	snprintf(arg, sizeof(arg), "--module=%s", ko);
	expect_status(run("customize", arg, image, other, NULL), 1);
	assert_non_null(strstr(output, "no kernel module"));
	assert_int_equal(access(other, F_OK), -1);
	expect_nothing_left();
}

static char *in_vm(struct qga *q, const char *line)
{
	char *out;

	assert_int_equal(qga_shell(q, line, CALL_LIMIT_MS, &out), 0);
	return out;
}

static void expect_in_vm(struct qga *q, const char *line, const char *wanted)
{
	char *out = in_vm(q, line);

	if (strcmp(out, wanted))
		fail_msg("%s: '%s', not '%s'", line, out, wanted);
	free(out);
}

static long number_in_vm(struct qga *q, const char *line)
{
	char *out = in_vm(q, line);
	char *end;
	long n = strtol(out, &end, 10);

	if (end == out)
		fail_msg("%s: '%s' is no number", line, out);

	free(out);
	return n;
}

/* The kernel's own clock, on messages that the kernel itself writes. */
static double kernel_time(struct qga *q, const char *pattern)
{
	char line[256], *out;
	double t;

	snprintf(line, sizeof(line),
		 "journalctl -k -o short-monotonic | sed -n '/%s/{s/^\\[ "
		 "*\\([0-9.]*\\)\\].*/\\1/p;q}'",
		 pattern);
	out = in_vm(q, line);
	t = strtod(out, NULL);
	free(out);
	return t;
}

static void expect_vfs(struct qga *q)
{
	char wanted[16];

	snprintf(wanted, sizeof(wanted), "%d\n", VFS);
	/* The agent may be there before the PF: until udev has nothing left to do. */
	free(in_vm(q, "udevadm settle"));
	expect_in_vm(q, "cat /sys/bus/pci/drivers/igb/0*/sriov_numvfs", wanted);
	expect_in_vm(q, "ls -d /sys/bus/pci/drivers/igb/0*/virtfn* | wc -l", wanted);
	expect_in_vm(q, "ls -d /sys/bus/pci/drivers/pci-stub/0* | wc -l", wanted);
}

static void expect_hardened(struct qga *q)
{
	expect_in_vm(q, "cat /proc/net/tcp /proc/net/udp | grep -vc local_address", "0\n");
	expect_in_vm(q, "touch /run/x /etc/x && rm /etc/x && echo writable", "writable\n");
	expect_in_vm(q, "grep ' / ' /proc/mounts | cut -d' ' -f3", "overlay\n");
	expect_in_vm(q, "cut -d: -f2 /etc/shadow | grep -vc '^[*!]'", "0\n");
}

static void the_agent_answers_only_what_is_allowed(struct qga *q)
{
	struct json_object *value;

	assert_int_equal(qga_call(q, "guest-set-user-password", NULL, CALL_LIMIT_MS, &value),
			 -EREMOTEIO);
	assert_int_equal(qga_call(q, "guest-fsfreeze-freeze", NULL, CALL_LIMIT_MS, &value),
			 -EREMOTEIO);
	assert_int_equal(qga_call(q, "guest-ping", NULL, CALL_LIMIT_MS, &value), 0);
	json_object_put(value);
}

static void report(struct qga *q)
{
	long total = number_in_vm(q, "sed -n 's/MemTotal: *//p' /proc/meminfo");
	long available = number_in_vm(q, "sed -n 's/MemAvailable: *//p' /proc/meminfo");
	double ready = kernel_time(q, "igb [0-9:.]*: Intel(R) Gigabit");
	double created = kernel_time(q, "igb [0-9:.]*: 7 VFs allocated");

	print_message("memory: %ld KiB of %ld KiB in use; PF ready at %.1f s, VFs at %.1f s\n",
		      total - available, total, ready, created);
	assert_true(total - available < RAM_LIMIT_KIB);
	assert_true(ready > 0 && created >= ready);
}

static void an_image_boots_and_creates_vfs(void **state)
{
	struct qga *q = calloc(1, sizeof(*q));
	struct json_object *value;
	struct vm vm;
	int ret;

	assert_int_equal(vm_start(image, dir, "pf_vm.vfs=7", &vm), 0);
	ret = qga_open(vm.agent, BOOT_LIMIT_MS, q);
	if (ret) {
		vm_kill(&vm);
		fail_msg("agent: %s", strerror(-ret));
	}
	expect_vfs(q);
	expect_hardened(q);
	the_agent_answers_only_what_is_allowed(q);
	report(q);
	/* No answer comes to a shutdown that works. */
	ret = qga_call(q, "guest-shutdown", NULL, CALL_LIMIT_MS, &value);
	assert_true(ret == -ECONNRESET || ret == -ETIMEDOUT);
	assert_int_equal(vm_wait(&vm, CALL_LIMIT_MS), 0);
	qga_close(q);
	free(q);
}

static void two_builds_are_byte_identical(void **state)
{
	struct manifest a, b;

	expect_status(run("build", other, NULL, NULL, NULL), 0);
	hash_image(image, &a);
	hash_image(other, &b);
	expect_same_image(&a, &b);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_image_is_small_and_whole),
		cmocka_unit_test(no_program_runs_as_another_user),
		cmocka_unit_test(an_image_boots_and_creates_vfs),
		cmocka_unit_test(inspect_lists_drivers_with_ids_and_packages),
		cmocka_unit_test(a_flipped_bit_of_the_disk_is_named),
		cmocka_unit_test(changed_files_are_named_against_the_original_manifest),
		cmocka_unit_test(a_broken_vendor_package_leaves_the_image_untouched),
		cmocka_unit_test(a_module_for_another_kernel_is_refused),
		cmocka_unit_test(two_builds_are_byte_identical),
	};

	/* One test alone: its name, or a pattern with stars. */
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("pf-image", tests, build_once, remove_all);
}
