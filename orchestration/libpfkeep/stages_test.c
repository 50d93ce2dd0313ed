// SPDX-License-Identifier: GPL-2.0-only
#include "orchestration/testing/cmocka.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pfkeep/stages.h"

/* Each step leaves a letter; a capital is an undo. */
struct work {
	char trace[64];
	int fail_at;  /* stage that fails, from 0 */
	int stick_at; /* undo that fails */
};

static int step(struct work *work, int i, char letter, int bad, struct problem *problem)
{
	size_t n = strlen(work->trace);

	work->trace[n] = letter;
	work->trace[n + 1] = '\0';
	return i == bad ? problem_set(problem, -EIO, "thing %d is broken", i) : 0;
}

#define STAGE(i, small, capital)                                  \
	static int run##i(void *work, struct problem *problem)    \
	{                                                         \
		struct work *w = work;                            \
		return step(w, i, small, w->fail_at, problem);    \
	}                                                         \
	static int undo##i(void *work, struct problem *problem)   \
	{                                                         \
		struct work *w = work;                            \
		return step(w, i, capital, w->stick_at, problem); \
	}
STAGE(0, 'a', 'A')
STAGE(1, 'b', 'B')
STAGE(2, 'c', 'C')
STAGE(3, 'd', 'D')

static const struct stage stages[] = {
	{ "first", run0, undo0 },
	{ "second", run1, undo1 },
	{ "third", run2, NULL },
	{ "fourth", run3, undo3 },
};

static char seen[256];

static void watch(void *data, const char *stage, enum stages_event event,
		  const struct problem *problem)
{
	static const char mark[] = { '<', '>', '!', '~', '#' };
	size_t n = strlen(seen);

	snprintf(seen + n, sizeof(seen) - n, "%c%s", mark[event], stage);
	assert_int_equal(problem != NULL, event == STAGES_FAILED || event == STAGES_STUCK);
}

static int run(struct work *work, struct problem *problem)
{
	seen[0] = '\0';
	(void)undo2;
	return stages_run(stages, ARRAY_SIZE(stages), work, watch, NULL, problem);
}

static void all_stages_run_in_order(void **state)
{
	struct work work = { "", -1, -1 };

	assert_int_equal(run(&work, NULL), 0);
	assert_string_equal(work.trace, "abcd");
	assert_string_equal(seen, "<first>first<second>second<third>third<fourth>fourth");
}

static void a_failure_undoes_what_was_done_in_reverse(void **state)
{
	static const char *const want[] = { "a", "abA", "abcBA", "abcdBA" };
	struct problem problem;

	for (int i = 0; i < 4; i++) {
		struct work work = { "", i, -1 };

		assert_int_equal(run(&work, &problem), -EIO);
		assert_string_equal(work.trace, want[i]);
	}
	assert_string_equal(problem.text, "fourth: thing 3 is broken");
}

static void an_undo_that_fails_is_named_and_the_others_go_on(void **state)
{
	struct work work = { "", 3, 1 };
	struct problem problem;

	assert_int_equal(run(&work, &problem), -EIO);
	assert_string_equal(work.trace, "abcdBA");
	assert_string_equal(problem.text, "fourth: thing 3 is broken; second can't be undone: "
					  "thing 1 is broken");
	assert_non_null(strstr(seen, "!fourth#second~first"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_stages_run_in_order),
		cmocka_unit_test(a_failure_undoes_what_was_done_in_reverse),
		cmocka_unit_test(an_undo_that_fails_is_named_and_the_others_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
