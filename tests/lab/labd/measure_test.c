// SPDX-License-Identifier: GPL-2.0-only
/* What labd finds out about the machine: the TSC's rate, and what KVM promises. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "tests/lab/labd/accel.h"
#include "tests/lab/labd/tsc.h"

static void the_rate_is_exact_to_the_khz(void **state)
{
	struct tsc_sample a = { .tsc = 1000, .ns = 500 }, b;
	unsigned int khz;

	b = (struct tsc_sample){ .tsc = 1000 + 449999600, .ns = 500 + 200000000 };
	assert_int_equal(tsc_khz_between(&a, &b, &khz), 0);
	assert_int_equal(khz, 2249998);
}

static void a_long_span_does_not_overflow(void **state)
{
	struct tsc_sample a = { 0 }, b = { .tsc = 3000000ull * 1000 * 86400, .ns = 86400000000000 };
	unsigned int khz;

	assert_int_equal(tsc_khz_between(&a, &b, &khz), 0);
	assert_int_equal(khz, 3000000);
}

static void a_clock_that_stands_or_runs_back_is_refused(void **state)
{
	struct tsc_sample a = { .tsc = 1000, .ns = 500 }, b = { .tsc = 2000, .ns = 500 };
	struct tsc_sample c = { .tsc = 900, .ns = 600 }, d = { .tsc = 1001, .ns = 1000000000 };
	unsigned int khz;

	assert_int_equal(tsc_khz_between(&a, &b, &khz), -ERANGE);
	assert_int_equal(tsc_khz_between(&a, &c, &khz), -ERANGE);
	assert_int_equal(tsc_khz_between(&a, &d, &khz), -ERANGE);
}

static void two_measurements_of_this_machine_agree(void **state)
{
	unsigned int first, second;

	if (tsc_measure(&first) == -ENOTSUP)
		skip();
	assert_int_equal(tsc_measure(&second), 0);
	/* Within 50 ppm: KVM's guests hang from some 1500 ppm on. */
	assert_in_range(second, first - first / 20000, first + first / 20000);
}

static bool promises(const char *cpuinfo, const char *nested)
{
	const char *reason;

	return accel_promises_nesting(cpuinfo, nested, &reason);
}

static void a_cpu_with_nesting_switched_on_promises_it(void **state)
{
	assert_true(promises("processor\t: 0\nflags\t\t: fpu svm avx\nbugs\t:\n", "1\n"));
	assert_true(promises("processor\t: 0\nflags\t\t: fpu vmx\n", "Y\n"));
}

static void without_svm_or_vmx_there_is_no_nesting(void **state)
{
	assert_false(promises("processor\t: 0\nflags\t\t: fpu avx\n", "1\n"));
	/* Neither a word that holds it, nor one in another line. */
	assert_false(promises("processor\t: 0\nflags\t\t: fpu svm_lock avx\n", "1\n"));
	assert_false(promises("model name\t: svm\nflags\t\t: fpu\nvmx flags\t: vmx\n", "1\n"));
	assert_false(promises("", "1\n"));
}

static void nesting_that_is_switched_off_is_none(void **state)
{
	assert_false(promises("processor\t: 0\nflags\t\t: svm\n", "0\n"));
	assert_false(promises("processor\t: 0\nflags\t\t: svm\n", "N\n"));
	assert_false(promises("processor\t: 0\nflags\t\t: svm\n", ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rate_is_exact_to_the_khz),
		cmocka_unit_test(a_long_span_does_not_overflow),
		cmocka_unit_test(a_clock_that_stands_or_runs_back_is_refused),
		cmocka_unit_test(two_measurements_of_this_machine_agree),
		cmocka_unit_test(a_cpu_with_nesting_switched_on_promises_it),
		cmocka_unit_test(without_svm_or_vmx_there_is_no_nesting),
		cmocka_unit_test(nesting_that_is_switched_off_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
