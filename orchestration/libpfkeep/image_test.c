// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pfkeep/image.h"

static char dir[] = "/tmp/image_test.XXXXXX";

static int make_dir(void **state)
{
	memcpy(strrchr(dir, '.'), ".XXXXXX", 8);
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/manifest.json", dir);
	unlink(path);
	return rmdir(dir);
}

static void put_manifest(const char *text)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/manifest.json", dir);
	f = fopen(path, "we");
	assert_non_null(f);
	fputs(text, f);

	int ret = fclose(f);

	assert_int_equal(ret, 0);
}

static void a_folder_boots_by_its_kernel(void **state)
{
	struct problem problem = { .text = "" };
	struct image image;

	put_manifest("{\"format\":\"pfkeep-pf-image-1\",\"cmdline\":\"console=ttyS0 quiet\","
		     "\"files\":[]}");
	assert_int_equal(image_open(dir, &image, &problem), 0);
	assert_string_equal(image.cmdline, "console=ttyS0 quiet");
	assert_memory_equal(image.kernel, dir, strlen(dir));
	assert_string_equal(image.kernel + strlen(dir), "/vmlinuz");
	assert_string_equal(image.initrd + strlen(dir), "/initrd");
	assert_string_equal(image.disk + strlen(dir), "/root.qcow2");
	image_release(&image);
}

static void a_file_boots_by_itself(void **state)
{
	struct problem problem = { .text = "" };
	struct image image;

	assert_int_equal(image_open("/nonexistent/pf-vm.qcow2", &image, &problem), 0);
	assert_string_equal(image.disk, "/nonexistent/pf-vm.qcow2");
	assert_null(image.kernel);
	image_release(&image);
}

static void a_folder_without_a_good_manifest_is_named(void **state)
{
	static const struct {
		const char *text;
		const char *rule;
	} bad[] = {
		{ "", "format must be" },
		{ "[]", "format must be" },
		{ "{\"format\":7}", "format must be" },
		{ "{\"format\":\"pfkeep-pf-image-2\",\"cmdline\":\"\"}", "format must be" },
		{ "{\"format\":\"pfkeep-pf-image-1\"}", "printable" },
		{ "{\"format\":\"pfkeep-pf-image-1\",\"cmdline\":[]}", "printable" },
		{ "{\"format\":\"pfkeep-pf-image-1\",\"cmdline\":\"a\\nb\"}", "printable" },
	};
	struct problem problem = { .text = "" };
	struct image image;

	assert_int_equal(image_open(dir, &image, &problem), -ENOENT);
	assert_non_null(strstr(problem.text, "manifest.json"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put_manifest(bad[i].text);
		assert_int_equal(image_open(dir, &image, &problem), -EINVAL);
		assert_non_null(strstr(problem.text, bad[i].rule));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_folder_boots_by_its_kernel, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(a_file_boots_by_itself, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(a_folder_without_a_good_manifest_is_named, make_dir,
						remove_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
