// SPDX-License-Identifier: GPL-2.0-only
#include "orchestration/testing/cmocka.h"

#include "orchestration/pfkeepd/backoff.h"

#define BOOT_S 300 /* what a PF VM gets to boot, if nothing else is said */

/* It ends again that long after each start; the clock is somewhere. */
static time_t nth_wait(struct backoff *backoff, unsigned int n, time_t runs, time_t *now)
{
	time_t wait = 0;

	while (n--) {
		wait = backoff_next(backoff, *now);
		*now += wait + runs;
	}
	return wait;
}

static void each_end_waits_for_longer_up_to_a_limit(void **state)
{
	static const time_t waits[] = { 0, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300 };
	struct backoff backoff = { 0 };
	time_t now = 5;

	for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
		assert_int_equal(nth_wait(&backoff, 1, 1, &now), waits[i]);
		assert_int_equal(backoff.n, i + 1);
	}
}

static void one_that_ran_for_long_is_started_at_once(void **state)
{
	struct backoff backoff = { 0 };
	time_t now = 100000;

	assert_int_equal(nth_wait(&backoff, 6, 1, &now), 32);
	now += 600;
	assert_int_equal(nth_wait(&backoff, 2, 1, &now), 2);
}

/* It would be started at once each time that its limit for booting and the wait make QUIET_S. */
static void one_that_hangs_in_its_boot_hasnt_run(void **state)
{
	struct backoff backoff = { 0 };
	time_t now = 100000;

	assert_int_equal(nth_wait(&backoff, 12, BOOT_S + 5, &now), 300);
	assert_int_equal(nth_wait(&backoff, 12, BOOT_S + 5, &now), 300);
	assert_int_equal(backoff.n, 24);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_end_waits_for_longer_up_to_a_limit),
		cmocka_unit_test(one_that_ran_for_long_is_started_at_once),
		cmocka_unit_test(one_that_hangs_in_its_boot_hasnt_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
