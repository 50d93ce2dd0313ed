// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "tests/run/tap.h"

static struct tap read_lines(const char *const lines[])
{
	struct tap tap = { 0 };

	for (; *lines; lines++)
		tap_line(&tap, *lines);
	tap_end(&tap);
	return tap;
}

#define READ(...) read_lines((const char *const[]){ __VA_ARGS__, NULL })

static void assert_counts(const struct tap *tap, unsigned int passed, unsigned int failed,
			  unsigned int skipped, unsigned int emulator)
{
	assert_int_equal(tap->counts.passed, passed);
	assert_int_equal(tap->counts.failed, failed);
	assert_int_equal(tap->counts.skipped, skipped);
	assert_int_equal(tap->counts.emulator, emulator);
}

static void counts_each_result_of_cmocka_1_1_5(void **state)
{
	struct tap tap = READ("1..3", "ok 1 - a", "not ok 2 - b", "# 0x1 != 0x2",
			      "not ok 3 # SKIP c", "# not ok - group");

	assert_counts(&tap, 1, 1, 1, 0);
	assert_string_equal(tap.last, "c");
}

static void counts_each_result_of_cmocka_1_1_7(void **state)
{
	struct tap tap = READ("TAP version 13", "1..3", "ok 1 - a", "not ok 2 - b", "ok 3 # SKIP c",
			      "# not ok - group");

	assert_counts(&tap, 1, 1, 1, 0);
}

static void adds_up_several_groups(void **state)
{
	struct tap tap = READ("1..1", "ok 1 - a", "# ok - g", "1..2", "ok 1 - b", "ok 2 - c");

	assert_counts(&tap, 3, 0, 0, 0);
}

static void planned_tests_without_result_have_failed(void **state)
{
	struct tap tap = READ("1..4", "ok 1 - a", "1..2", "ok 1 - b");

	assert_counts(&tap, 2, 4, 0, 0);
	assert_int_equal(tap.missing, 4);
}

static void no_plan_means_no_test(void **state)
{
	struct tap tap = READ("ok 1 - a", "all is well", "ok");

	assert_counts(&tap, 0, 0, 0, 0);
}

static void failed_group_setup_fails_its_tests_once(void **state)
{
	struct tap tap = READ("1..2", "not ok 0 - g [  FAILED  ] GROUP SETUP", "# ok - g");

	assert_counts(&tap, 0, 2, 0, 0);
}

static void failed_group_teardown_is_a_failure(void **state)
{
	struct tap tap = READ("1..1", "ok 1 - a", "not ok 0 - g [  FAILED  ] GROUP TEARDOWN");

	assert_counts(&tap, 1, 1, 0, 0);
}

static void success_out_of_place_is_talk(void **state)
{
	struct tap tap = READ("1..2", "ok 1 - a", "ok 1 - a", "ok 7 - z", "ok 2 - b", "ok 3 - c");

	assert_counts(&tap, 2, 0, 0, 0);
}

static void failure_out_of_place_still_counts(void **state)
{
	struct tap tap = READ("not ok 3 - early", "1..1", "not ok 9 - x", "ok 1 - a");

	assert_counts(&tap, 1, 2, 0, 0);
}

static void emulator_failure_marks_the_next_result(void **state)
{
	struct tap tap = READ("1..2", "# emulator-failure: triple fault in L1", "not ok 1 - a",
			      "not ok 2 - b");

	assert_counts(&tap, 0, 2, 0, 1);
}

static void emulator_failure_is_no_pass_and_no_skip(void **state)
{
	struct tap tap = READ("1..2", "# emulator-failure: x", "ok 1 - a", "# emulator-failure: y",
			      "ok 2 # SKIP b");

	assert_counts(&tap, 0, 2, 0, 2);
}

static void emulator_failure_in_setup_marks_the_group(void **state)
{
	struct tap tap = READ("1..2", "# emulator-failure: x", "not ok 0 - g GROUP SETUP");

	assert_counts(&tap, 0, 2, 0, 2);
}

static void emulator_failure_after_the_last_result_fails_the_group(void **state)
{
	struct tap tap = READ("1..1", "ok 1 - a", "# emulator-failure: x");

	assert_counts(&tap, 1, 1, 0, 1);
}

static void emulator_failure_before_the_plan_is_kept(void **state)
{
	struct tap tap = READ("# emulator-failure: x", "1..1", "ok 1 - a");

	assert_counts(&tap, 0, 1, 0, 1);
}

static void malformed_lines_are_talk(void **state)
{
	struct tap tap = READ("1..", "1..-3", "1..4294967297", "1..2 tests", "1..1", "ok", "ok x",
			      "ok -1 - a", "ok 1a - a", "ok 99999999999999999999 - a", "okay 1",
			      "not ok", " ok 1 - a", "");

	assert_counts(&tap, 0, 1, 0, 0);
}

static void overlong_name_is_cut(void **state)
{
	struct tap tap = { 0 };
	char line[1024];

	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	memcpy(line, "ok 1 - ", 7);
	tap_line(&tap, "1..1");
	assert_int_equal(tap_line(&tap, line), TAP_PASSED);
	assert_int_equal(strlen(tap.last), TAP_NAME_SIZE - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_each_result_of_cmocka_1_1_5),
		cmocka_unit_test(counts_each_result_of_cmocka_1_1_7),
		cmocka_unit_test(adds_up_several_groups),
		cmocka_unit_test(planned_tests_without_result_have_failed),
		cmocka_unit_test(no_plan_means_no_test),
		cmocka_unit_test(failed_group_setup_fails_its_tests_once),
		cmocka_unit_test(failed_group_teardown_is_a_failure),
		cmocka_unit_test(success_out_of_place_is_talk),
		cmocka_unit_test(failure_out_of_place_still_counts),
		cmocka_unit_test(emulator_failure_marks_the_next_result),
		cmocka_unit_test(emulator_failure_is_no_pass_and_no_skip),
		cmocka_unit_test(emulator_failure_in_setup_marks_the_group),
		cmocka_unit_test(emulator_failure_after_the_last_result_fails_the_group),
		cmocka_unit_test(emulator_failure_before_the_plan_is_kept),
		cmocka_unit_test(malformed_lines_are_talk),
		cmocka_unit_test(overlong_name_is_cut),
	};

	return cmocka_run_group_tests_name("run_tap", tests, NULL, NULL);
}
