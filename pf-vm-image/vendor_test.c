// SPDX-License-Identifier: GPL-2.0-only
/*
 * Vendors' packages on their way into an image: made by dpkg-deb as a vendor
 * would, with modules that are real ELF files as far as libkmod looks at them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "pf-vm-image/debian.h"
#include "pf-vm-image/files.h"
#include "pf-vm-image/run.h"
#include "pf-vm-image/scratch.h"
#include "pf-vm-image/tree.h"
#include "pf-vm-image/vendor.h"

#define KERNEL "6.12.0-test-amd64"

static char dir[] = "/tmp/vendor_test.XXXXXX";

static int make_dir(void **state)
{
	memcpy(strrchr(dir, '.'), ".XXXXXX", sizeof(".XXXXXX"));
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
	char path[PATH_MAX];

	assert_int_equal(scratch_path(dir, name, path), 0);
	for (char *at = path + strlen(dir) + 1; (at = strchr(at, '/')); at++) {
		*at = '\0';
		mkdir(path, 0755);
		*at = '/';
	}
	assert_int_equal(files_write(path, data, len, &p), 0);
}

/* An object file with a .modinfo section and nothing else. */
static void put_module(const char *name, const char *modinfo, size_t len)
{
	static const char names[] = "\0.shstrtab\0.modinfo";
	struct {
		Elf64_Ehdr head;
		Elf64_Shdr sections[3];
		char names[sizeof(names)];
		char modinfo[512];
	} elf = { .head = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
					 ELFDATA2LSB, EV_CURRENT },
			    .e_type = ET_REL,
			    .e_machine = EM_X86_64,
			    .e_version = EV_CURRENT,
			    .e_ehsize = sizeof(Elf64_Ehdr),
			    .e_shentsize = sizeof(Elf64_Shdr),
			    .e_shnum = 3,
			    .e_shstrndx = 1 } };

	elf.head.e_shoff = sizeof(elf.head);
	elf.sections[1] = (Elf64_Shdr){ .sh_name = 1,
					.sh_type = SHT_STRTAB,
					.sh_offset = sizeof(elf.head) + sizeof(elf.sections),
					.sh_size = sizeof(names) };
	elf.sections[2] = (Elf64_Shdr){ .sh_name = 11,
					.sh_type = SHT_PROGBITS,
					.sh_offset = elf.sections[1].sh_offset + sizeof(names),
					.sh_size = len };
	memcpy(elf.names, names, sizeof(names));
	assert_true(len <= sizeof(elf.modinfo));
	memcpy(elf.modinfo, modinfo, len);
	put(name, &elf, sizeof(elf));
}

#define MODINFO(kernel) "license=GPL\0vermagic=" kernel " SMP preempt mod_unload modversions "

static int check(const char *modinfo, size_t len, struct problem *p)
{
	put_module("vendor.ko", modinfo, len);
	return vendor_check_module(in_dir("vendor.ko"), "vendor.ko", KERNEL, p);
}

static void only_a_module_for_the_images_kernel_is_taken(void **state)
{
	static const char good[] = MODINFO(KERNEL), longer[] = MODINFO(KERNEL "-rt");
	static const char shorter[] = MODINFO("6.12.0-test"), silent[] = "license=GPL";
	struct problem p = { .text = "" };

	assert_int_equal(check(good, sizeof(good), &p), 0);
	assert_int_equal(check(longer, sizeof(longer), &p), -EINVAL);
	assert_string_equal(p.text,
			    "vendor.ko: built for kernel " KERNEL "-rt, the image has " KERNEL);
	p.text[0] = '\0';
	assert_int_equal(check(shorter, sizeof(shorter), &p), -EINVAL);
	p.text[0] = '\0';
	assert_int_equal(check(silent, sizeof(silent), &p), -EINVAL);
	assert_non_null(strstr(p.text, "names no kernel"));
	p.text[0] = '\0';
	put("text.ko", "this is no ELF file, whatever its name says", 40);
	assert_int_equal(vendor_check_module(in_dir("text.ko"), "text.ko", KERNEL, &p), -EINVAL);
	assert_non_null(strstr(p.text, "no kernel module"));
}

/* What lies under pkg/ as a package. */
static void make_deb(const char *architecture)
{
	char control[512];
	const char *const argv[] = { "dpkg-deb", "--root-owner-group", "-Znone", "--build",
				     "pkg",	 "vendor.deb",	       NULL };
	struct run_how how = { .dir = dir, .log = in_dir("log") };
	struct problem p = { .text = "" };
	int len;

	len = snprintf(control, sizeof(control),
		       "Package: vendor-pf\nVersion: 1.2-3\nArchitecture: %s\n"
		       "Maintainer: Vendor <v@example.org>\nDescription: driver\n",
		       architecture);
	put("pkg/DEBIAN/control", control, (size_t)len);
	if (run_program(argv, &how, &p))
		fail_msg("%s", p.text);
}

static int convert_to(const char *tar, char **ret_status, struct problem *p)
{
	struct vendor_deb v = { .deb = in_dir("vendor.deb"),
				.kernel = KERNEL,
				.epoch = 1767225600,
				.work_dir = dir,
				.log = in_dir("log") };

	return vendor_convert_deb(&v, tar, ret_status, p);
}

static int convert(char **ret_status, struct problem *p)
{
	return convert_to(in_dir("out.tar"), ret_status, p);
}

static void refused(const char *rule)
{
	struct problem p = { .text = "" };
	char *status = NULL;

	assert_int_equal(convert(&status, &p), -EINVAL);
	assert_non_null(strstr(p.text, rule));
	assert_non_null(strstr(p.text, "vendor.deb"));
	assert_null(status);
}

static void a_package_is_laid_out_as_the_image_is(void **state)
{
	static const char info[] = MODINFO(KERNEL);
	struct problem p = { .text = "" };
	const struct tree_entry *e;
	char *status = NULL;
	struct tree t;
	int fd;

	put_module("pkg/lib/modules/" KERNEL "/updates/vendor_pf.ko", info, sizeof(info));
	put("pkg/sbin/vendor-tool", "#!/bin/sh\n", 10);
	chmod(in_dir("pkg/sbin/vendor-tool"), 04755);
	make_deb(debian_architecture());
	if (convert(&status, &p))
		fail_msg("%s", p.text);
	fd = open(in_dir("out.tar"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(tree_read_tar(fd, NULL, 0, &t, &p), 0);
	close(fd);
	e = tree_find(&t, "/usr/lib/modules/" KERNEL "/updates/vendor_pf.ko");
	assert_non_null(e);
	assert_int_equal(e->uid, 0);
	e = tree_find(&t, "/usr/sbin/vendor-tool");
	assert_non_null(e);
	assert_int_equal(e->mode, 0755);
	assert_null(tree_find(&t, "/lib"));
	assert_non_null(strstr(status, "\nPackage: vendor-pf\n"));
	assert_non_null(strstr(status, "Status: install ok installed\n"));
	free(status);
	tree_free(&t);
}

static void a_disk_that_is_full_is_said_of_a_package(void **state)
{
	static const char info[] = MODINFO(KERNEL);
	struct problem p = { .text = "" };
	char *status = NULL;

	put_module("pkg/lib/modules/" KERNEL "/updates/vendor_pf.ko", info, sizeof(info));
	make_deb(debian_architecture());
	assert_int_equal(convert_to("/dev/full", &status, &p), -ENOSPC);
	assert_non_null(strstr(p.text, "vendor.deb: "));
	assert_non_null(strstr(p.text, "No space left on device"));
	assert_null(status);
}

static void a_package_for_another_kernel_is_refused(void **state)
{
	static const char info[] = MODINFO("5.10.0-9-amd64");

	put_module("pkg/lib/modules/5.10.0-9-amd64/vendor_pf.ko", info, sizeof(info));
	make_deb(debian_architecture());
	refused("built for kernel 5.10.0-9-amd64, the image has " KERNEL);
}

static void a_package_for_another_architecture_is_refused(void **state)
{
	put("pkg/usr/share/x", "x", 1);
	make_deb("s390x");
	refused("is for s390x");
}

static void a_package_that_would_have_to_be_compiled_is_refused(void **state)
{
	put("pkg/usr/src/vendor-1.2/dkms.conf", "PACKAGE_NAME=vendor\n", 20);
	make_deb("all");
	refused("holds a module's source");
}

static void a_package_without_a_module_is_refused(void **state)
{
	put("pkg/usr/share/x", "x", 1);
	make_deb("all");
	refused("holds no kernel module");
}

static void what_is_no_package_is_refused(void **state)
{
	struct problem p = { .text = "" };
	char *status = NULL;

	put("vendor.deb", "!<arch>\ngarbage", 15);
	assert_int_equal(convert(&status, &p), -EIO);
	assert_non_null(strstr(p.text, "vendor.deb"));
}

static void a_suite_comes_from_the_machines_own_mirror(void **state)
{
	const struct aptsrc a = {
		.debian = { .uri = (char *)"http://mirror.example/debian",
			    .signed_by = (char *)"/keys/debian.gpg" },
		.security = { .uri = (char *)"http://mirror.example/security",
			      .signed_by = (char *)"/keys/debian.gpg" },
	};
	static const char *const wanted[] = {
		"deb [signed-by=/keys/debian.gpg] http://mirror.example/debian trixie main",
		"deb [signed-by=/keys/debian.gpg] http://mirror.example/debian trixie-updates main",
		"deb [signed-by=/keys/debian.gpg] http://mirror.example/security trixie-security "
		"main",
	};
	char *lines[DEBIAN_SOURCES];
	size_t n;

	assert_int_equal(debian_sources(&a, "trixie", "main", lines, &n), 0);
	assert_int_equal(n, 3);
	for (size_t i = 0; i < n; i++) {
		assert_string_equal(lines[i], wanted[i]);
		free(lines[i]);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(only_a_module_for_the_images_kernel_is_taken),
		TEST(a_package_is_laid_out_as_the_image_is),
		TEST(a_disk_that_is_full_is_said_of_a_package),
		TEST(a_package_for_another_kernel_is_refused),
		TEST(a_package_for_another_architecture_is_refused),
		TEST(a_package_that_would_have_to_be_compiled_is_refused),
		TEST(a_package_without_a_module_is_refused),
		TEST(what_is_no_package_is_refused),
		TEST(a_suite_comes_from_the_machines_own_mirror),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
