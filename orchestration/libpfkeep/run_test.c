// SPDX-License-Identifier: GPL-2.0-only
#include "orchestration/testing/cmocka.h"

#include <errno.h>
#include <signal.h>

#include "orchestration/libpfkeep/run.h"

#define LONG_MS 20000

static int output(const char *script, int timeout_ms, char *ret_text, size_t size)
{
	char *const argv[] = { (char *)"/bin/sh", (char *)"-c", (char *)script, NULL };

	return run_output(argv, timeout_ms, ret_text, size);
}

static pid_t aside(const char *script)
{
	char *const argv[] = { (char *)"/bin/sh", (char *)"-c", (char *)script, NULL };
	pid_t pid = 0;

	assert_int_equal(run_aside(argv, &pid), 0);
	assert_true(pid > 0);
	return pid;
}

static void what_it_says_is_collected(void **state)
{
	char text[16];

	assert_int_equal(output("echo said; echo complained >&2", LONG_MS, text, sizeof(text)), 0);
	assert_string_equal(text, "said\n");
	assert_int_equal(output("exit 3", LONG_MS, text, sizeof(text)), -ECHILD);
	assert_int_equal(output("echo longer than there is room for", LONG_MS, text, sizeof(text)),
			 -EFBIG);
	assert_int_equal(output("exec sleep 1000", 10, text, sizeof(text)), -ETIMEDOUT);
	assert_int_equal(output("exec >&-; exec sleep 1000", 100, text, sizeof(text)), -ETIMEDOUT);
}

static void what_runs_beside_says_how_it_ended(void **state)
{
	assert_int_equal(run_end(aside("exit 0"), LONG_MS), 0);
	assert_int_equal(run_end(aside("exit 3"), LONG_MS), -ECHILD);
	assert_int_equal(run_end(aside("kill -9 $$"), LONG_MS), -ECHILD);
}

static void what_takes_longer_is_ended(void **state)
{
	pid_t pid = aside("exec sleep 1000");

	assert_int_equal(run_end(pid, 0), -ETIMEDOUT);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(errno, ESRCH);
}

static void what_isnt_there_isnt_started(void **state)
{
	char *const argv[] = { (char *)"/no/such/program", NULL };
	char text[16];
	pid_t pid;

	assert_int_equal(run_aside(argv, &pid), -ENOENT);
	assert_int_equal(run_output(argv, LONG_MS, text, sizeof(text)), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_it_says_is_collected),
		cmocka_unit_test(what_runs_beside_says_how_it_ended),
		cmocka_unit_test(what_takes_longer_is_ended),
		cmocka_unit_test(what_isnt_there_isnt_started),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
