// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lab/lib/spec.h"

static struct lab_error error;

/* Parse a NULL-terminated list of arguments. */
static int parse(struct lab_spec *spec, ...)
{
	char *argv[32];
	int argc = 0, pos = 0, ret = 1;
	va_list args;

	va_start(args, spec);
	while ((argv[argc] = va_arg(args, char *)))
		argc++;
	va_end(args);
	lab_spec_init(spec);
	error.text[0] = '\0';
	while (ret == 1 && pos < argc)
		ret = lab_spec_option(spec, argv, argc, &pos, &error);
	return ret;
}

#define REFUSED(...)                                                           \
	do {                                                                   \
		struct lab_spec refused;                                       \
		assert_int_equal(parse(&refused, __VA_ARGS__, NULL), -EINVAL); \
		assert_true(error.text[0] && !strchr(error.text, '\n'));       \
	} while (0)

static void a_lab_has_sensible_defaults(void **state)
{
	struct lab_spec spec;

	lab_spec_init(&spec);
	assert_string_equal(spec.name, "lab");
	assert_string_equal(spec.kernel, "pfkeep");
	assert_int_equal(spec.n_pfs, 0);
	assert_int_equal(lab_spec_check(&spec, &error), 0);
}

static void pfs_keep_their_order(void **state)
{
	struct lab_spec spec;

	assert_int_equal(parse(&spec, "--pf", "nvme", "--pf", "igb", "--pf", "virtio-net", NULL),
			 1);
	assert_int_equal(spec.n_pfs, 3);
	assert_int_equal(spec.pfs[0], LAB_PF_NVME);
	assert_int_equal(spec.pfs[1], LAB_PF_IGB);
	assert_int_equal(spec.pfs[2], LAB_PF_VIRTIO_NET);
}

static void an_unknown_device_is_named(void **state)
{
	REFUSED("--pf", "e1000");
	assert_non_null(strstr(error.text, "e1000"));
	assert_non_null(strstr(error.text, "igb"));
}

static void too_many_pfs_are_refused(void **state)
{
	REFUSED("--pf", "igb", "--pf", "igb", "--pf", "igb", "--pf", "igb", "--pf", "igb", "--pf",
		"igb", "--pf", "igb");
}

static void a_wrong_kernel_is_refused(void **state)
{
	REFUSED("--kernel", "vanilla");
	REFUSED("--kernel", "");
}

static void numbers_are_whole_and_in_range(void **state)
{
	REFUSED("--ram", "0");
	REFUSED("--ram", "4G");
	REFUSED("--ram", "-1");
	REFUSED("--ram", " 4");
	REFUSED("--ram", "99999999999999999999");
	REFUSED("--cpus", "0");
	REFUSED("--cpus", "65");
	REFUSED("--timeout", "");
}

static void too_little_memory_is_told_as_such(void **state)
{
	struct lab_spec spec;

	assert_int_equal(parse(&spec, "--ram", "1", NULL), 1);
	assert_int_equal(lab_spec_check(&spec, &error), -EINVAL);
	assert_non_null(strstr(error.text, "memory"));
}

static void a_missing_value_is_told(void **state)
{
	REFUSED("--ram");
	REFUSED("--pf", "igb", "--name");
}

static void a_name_cannot_leave_its_directory(void **state)
{
	REFUSED("--name", "../x");
	REFUSED("--name", "a/b");
	REFUSED("--name", ".");
	REFUSED("--name", "");
	REFUSED("--name", "-x");
	REFUSED("--name", "a b");
	REFUSED("--name", "a-name-that-is-longer-than-31-chars");
	assert_true(lab_name_valid("pf_vm-2"));
}

static void appended_text_is_one_line(void **state)
{
	REFUSED("--append", "a\nb");
}

static void an_owner_is_a_process(void **state)
{
	REFUSED("--owner", "0");
	REFUSED("--owner", "-1");
	REFUSED("--owner", "init");
	REFUSED("--owner", "4194305");
}

static void what_is_no_option_of_a_lab_is_left_alone(void **state)
{
	struct lab_spec spec;

	assert_int_equal(parse(&spec, "--frobnicate", "1", NULL), 0);
}

static void the_options_of_a_spec_make_the_same_spec(void **state)
{
	struct lab_spec spec, again;
	char **argv;
	int argc = 0, pos = 0;

	assert_int_equal(parse(&spec, "--name", "x", "--kernel", "stock", "--pf", "nvme", "--pf",
			       "igb", "--ram", "6", "--cpus", "3", "--timeout", "77", "--append",
			       "a=b c", "--owner", "4242", NULL),
			 1);
	assert_int_equal(lab_spec_argv(&spec, &argv), 0);
	while (argv[argc])
		argc++;
	lab_spec_init(&again);
	while (pos < argc)
		assert_int_equal(lab_spec_option(&again, argv, argc, &pos, &error), 1);
	assert_string_equal(again.name, "x");
	assert_string_equal(again.kernel, "stock");
	assert_int_equal(again.n_pfs, 2);
	assert_int_equal(again.pfs[1], LAB_PF_IGB);
	assert_int_equal(again.ram_mib, 6 * 1024);
	assert_int_equal(again.cpus, 3);
	assert_int_equal(again.timeout_s, 77);
	assert_string_equal(again.append, "a=b c");
	assert_int_equal(again.owner, 4242);
	free(argv);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lab_has_sensible_defaults),
		cmocka_unit_test(pfs_keep_their_order),
		cmocka_unit_test(an_unknown_device_is_named),
		cmocka_unit_test(too_many_pfs_are_refused),
		cmocka_unit_test(a_wrong_kernel_is_refused),
		cmocka_unit_test(numbers_are_whole_and_in_range),
		cmocka_unit_test(too_little_memory_is_told_as_such),
		cmocka_unit_test(a_missing_value_is_told),
		cmocka_unit_test(a_name_cannot_leave_its_directory),
		cmocka_unit_test(appended_text_is_one_line),
		cmocka_unit_test(an_owner_is_a_process),
		cmocka_unit_test(what_is_no_option_of_a_lab_is_left_alone),
		cmocka_unit_test(the_options_of_a_spec_make_the_same_spec),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
