// SPDX-License-Identifier: GPL-2.0-only
/* The runner as a process of its own, over real cmocka programs that misbehave. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/run/clock.h"
#include "tests/run/runner.h"

#define ARGS_MAX 16

struct scratch {
	char dir[64];
	char probe[512];
	char file[96];
	char command[700];
	char output[65536];
};

static int scratch_new(void **state)
{
	struct scratch *scratch = calloc(1, sizeof(*scratch));
	char self[400];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (!scratch || n < 0)
		return -1;
	self[n] = '\0';
	*strrchr(self, '/') = '\0';
	snprintf(scratch->probe, sizeof(scratch->probe), "%s/run_probe", self);
	snprintf(scratch->dir, sizeof(scratch->dir), "/tmp/run-test-XXXXXX");
	if (!mkdtemp(scratch->dir))
		return -1;
	snprintf(scratch->file, sizeof(scratch->file), "%s/file", scratch->dir);
	*state = scratch;
	return 0;
}

static int scratch_free(void **state)
{
	struct scratch *scratch = *state;
	char path[128];

	unlink(scratch->file);
	snprintf(path, sizeof(path), "%s/run_probe.log", scratch->dir);
	unlink(path);
	rmdir(scratch->dir);
	free(scratch);
	return 0;
}

static pid_t start_runner(const char *const args[], int *ret_out)
{
	char *argv[ARGS_MAX + 1] = { strdup("run") };
	int fds[2], n = 1;
	pid_t pid;

	for (; args[n - 1]; n++)
		argv[n] = strdup(args[n - 1]);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	fflush(stdout);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(fds[1], STDOUT_FILENO);
		dup2(fds[1], STDERR_FILENO);
		exit(runner_main(n, argv));
	}
	while (n > 0)
		free(argv[--n]);
	close(fds[1]);
	*ret_out = fds[0];
	return pid;
}

static int finish_runner(struct scratch *scratch, pid_t pid, int out)
{
	size_t used = 0;
	ssize_t n;
	int status;

	while ((n = read(out, scratch->output + used, sizeof(scratch->output) - 1 - used)) > 0)
		used += (size_t)n;
	scratch->output[used] = '\0';
	close(out);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int run_args(struct scratch *scratch, const char *const args[])
{
	int out;
	pid_t pid = start_runner(args, &out);

	return finish_runner(scratch, pid, out);
}

#define RUN(scratch, ...) run_args(scratch, (const char *const[]){ __VA_ARGS__, NULL })

static char *probe(struct scratch *scratch, const char *how)
{
	snprintf(scratch->command, sizeof(scratch->command), "%s %s %s", scratch->probe, how,
		 scratch->file);
	return scratch->command;
}

static const char *last_line(struct scratch *scratch)
{
	size_t len = strlen(scratch->output);

	assert_true(len > 0 && scratch->output[len - 1] == '\n');
	scratch->output[len - 1] = '\0';
	return strrchr(scratch->output, '\n') ? strrchr(scratch->output, '\n') + 1
					      : scratch->output;
}

static void assert_says(const struct scratch *scratch, const char *text)
{
	if (!strstr(scratch->output, text))
		fail_msg("'%s' is not in:\n%s", text, scratch->output);
}

static void all_passed_is_status_0(void **state)
{
	struct scratch *scratch = *state;

	assert_int_equal(RUN(scratch, "--", probe(scratch, "pass")), 0);
	assert_null(strstr(scratch->output, "a line from the test"));
	assert_string_equal(last_line(scratch), "3 passed, 0 failed");
}

static void failure_shows_whole_output(void **state)
{
	struct scratch *scratch = *state;

	assert_int_equal(RUN(scratch, probe(scratch, "fail")), 1);
	assert_says(scratch, "a line from the test\n");
	assert_says(scratch, "# 0x1 != 0x2\n");
	assert_string_equal(last_line(scratch), "2 passed, 1 failed");
}

static void skip_is_counted_apart(void **state)
{
	struct scratch *scratch = *state;

	assert_int_equal(RUN(scratch, probe(scratch, "skip")), 0);
	assert_string_equal(last_line(scratch), "2 passed, 0 failed, 1 skipped");
}

static void crash_fails_the_tests_not_reached(void **state)
{
	struct scratch *scratch = *state;

	assert_int_equal(RUN(scratch, probe(scratch, "killed")), 1);
	assert_says(scratch, "2 planned tests gave no result");
	assert_says(scratch, "ended by signal 9");
	assert_string_equal(last_line(scratch), "1 passed, 2 failed");
}

static void early_exit_with_status_0_fails(void **state)
{
	struct scratch *scratch = *state;

	assert_int_equal(RUN(scratch, probe(scratch, "exit-early")), 1);
	assert_string_equal(last_line(scratch), "1 passed, 2 failed");
}

static void program_without_tests_fails(void **state)
{
	struct scratch *scratch = *state;

	assert_int_equal(RUN(scratch, probe(scratch, "nothing")), 1);
	assert_says(scratch, "no test ran");
	assert_string_equal(last_line(scratch), "0 passed, 1 failed");
}

static void missing_program_fails(void **state)
{
	struct scratch *scratch = *state;

	assert_int_equal(RUN(scratch, "/nonexistent/test"), 1);
	assert_says(scratch, "/nonexistent/test: No such file or directory");
	assert_string_equal(last_line(scratch), "0 passed, 1 failed");
}

static void bad_exit_status_after_passes_is_a_failure(void **state)
{
	struct scratch *scratch = *state;

	assert_int_equal(RUN(scratch, probe(scratch, "pass-then-exit-3")), 1);
	assert_says(scratch, "exit status 3");
	assert_string_equal(last_line(scratch), "3 passed, 1 failed");
}

static void emulator_failure_is_shown_apart(void **state)
{
	struct scratch *scratch = *state;

	assert_int_equal(RUN(scratch, probe(scratch, "emulator")), 1);
	assert_says(scratch, "\n1 of the failed: hit by an emulator failure\n");
	assert_string_equal(last_line(scratch), "2 passed, 1 failed");
}

/* A process of the test's own, which the runner must never touch. */
static pid_t start_bystander(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		for (;;)
			pause();
	}
	return pid;
}

static void assert_spared(pid_t bystander)
{
	assert_int_equal(waitpid(bystander, NULL, WNOHANG), 0);
	kill(bystander, SIGKILL);
	waitpid(bystander, NULL, 0);
}

static pid_t announced_pid(struct scratch *scratch)
{
	FILE *file = fopen(scratch->file, "re");
	char line[32] = "";
	long pid;

	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	fclose(file);
	pid = strtol(line, NULL, 10);
	assert_true(pid > 0);
	return (pid_t)pid;
}

static void assert_gone(pid_t pid)
{
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(errno, ESRCH);
}

static void timeout_ends_the_daemons_too_and_only_these(void **state)
{
	struct scratch *scratch = *state;
	pid_t bystander = start_bystander();
	long long start = clock_ms();

	assert_int_equal(RUN(scratch, "--timeout", "1", "--grace", "60", probe(scratch, "hang")),
			 1);
	/* SIGTERM did it: nobody waited for the grace to be over */
	assert_true(clock_ms() - start < 50000);
	assert_gone(announced_pid(scratch));
	assert_spared(bystander);
	assert_says(scratch, "not done after 1 s");
	assert_string_equal(last_line(scratch), "1 passed, 2 failed");
}

static void daemon_deaf_to_sigterm_is_killed(void **state)
{
	struct scratch *scratch = *state;

	assert_int_equal(RUN(scratch, "--timeout", "1", "--grace", "1", probe(scratch, "stubborn")),
			 1);
	assert_gone(announced_pid(scratch));
}

static void interrupt_ends_the_children_and_counts_what_ran(void **state)
{
	struct scratch *scratch = *state;
	pid_t bystander = start_bystander(), runner, hung;
	int out;

	assert_int_equal(mkfifo(scratch->file, 0600), 0);
	runner = start_runner((const char *const[]){ probe(scratch, "hang"), scratch->probe, NULL },
			      &out);
	hung = announced_pid(scratch); /* blocks until the daemon is there */
	assert_int_equal(kill(runner, SIGINT), 0);
	assert_int_equal(finish_runner(scratch, runner, out), 128 + SIGINT);
	assert_gone(hung);
	assert_spared(bystander);
	assert_string_equal(last_line(scratch), "1 passed, 2 failed");
}

static void process_left_behind_is_ended_and_a_failure(void **state)
{
	struct scratch *scratch = *state;

	assert_int_equal(RUN(scratch, probe(scratch, "leave")), 1);
	assert_gone(announced_pid(scratch));
	assert_says(scratch, "left running: run_probe");
	assert_string_equal(last_line(scratch), "3 passed, 1 failed");
}

static void plain_program_is_one_test(void **state)
{
	struct scratch *scratch = *state;

	assert_int_equal(RUN(scratch, "--plain", "/bin/true", "/bin/false"), 1);
	assert_string_equal(last_line(scratch), "1 passed, 1 failed");
}

/* Once: what was shown as it came isn't shown again when the program fails. */
static void followed_output_is_shown_once_as_it_comes(void **state)
{
	struct scratch *scratch = *state;
	const char *text = "a line from the test\n", *first;

	assert_int_equal(RUN(scratch, "--follow", probe(scratch, "fail")), 1);
	first = strstr(scratch->output, text);
	assert_non_null(first);
	assert_non_null(strstr(first + 1, text)); /* two tests print it */
	assert_null(strstr(strstr(first + 1, text) + 1, text));
	assert_true(first < strstr(scratch->output, "FAILED run_probe"));
	assert_string_equal(last_line(scratch), "2 passed, 1 failed");
}

static void program_may_be_given_a_name(void **state)
{
	struct scratch *scratch = *state;

	assert_int_equal(RUN(scratch, "--plain", "two words=/bin/true", "lint=/bin/false a=b"), 1);
	assert_says(scratch, " FAILED lint: ");
	assert_says(scratch, "two: No such file or directory");
	assert_string_equal(last_line(scratch), "0 passed, 2 failed");
}

static void log_dir_keeps_the_output(void **state)
{
	struct scratch *scratch = *state;
	char path[128], text[256] = "";
	FILE *log;

	assert_int_equal(RUN(scratch, "--log-dir", scratch->dir, probe(scratch, "pass")), 0);
	snprintf(path, sizeof(path), "%s/run_probe.log", scratch->dir);
	log = fopen(path, "re");
	assert_non_null(log);
	assert_true(fread(text, 1, sizeof(text) - 1, log) > 0);
	fclose(log);
	assert_non_null(strstr(text, "a line from the test\n"));
}

static void groups_are_summed_under_one_line(void **state)
{
	struct scratch *scratch = *state;
	char tally[96];

	snprintf(tally, sizeof(tally), "%s/run_probe.log", scratch->dir);
	assert_int_equal(
		RUN(scratch, "--title", "unit tests", "--tally", tally, probe(scratch, "skip")), 0);
	assert_string_equal(last_line(scratch), "unit tests: 2 passed, 0 failed, 1 skipped");
	assert_int_equal(
		RUN(scratch, "--title", "lab", "--tally", tally, probe(scratch, "emulator")), 1);
	assert_int_equal(RUN(scratch, "--sum", tally, "unit tests", "lab"), 1);
	assert_says(scratch, "\n1 of the failed: hit by an emulator failure\n");
	assert_string_equal(last_line(scratch), "4 passed, 1 failed, 1 skipped");
}

static void group_missing_from_the_tally_is_a_failure(void **state)
{
	struct scratch *scratch = *state;
	char tally[96];

	snprintf(tally, sizeof(tally), "%s/run_probe.log", scratch->dir);
	assert_int_equal(RUN(scratch, "--title", "unit", "--tally", tally, probe(scratch, "pass")),
			 0);
	assert_int_equal(RUN(scratch, "--sum", tally, "unit"), 0);
	assert_int_equal(RUN(scratch, "--sum", tally, "unit", "lab"), 1);
	assert_says(scratch, "lab: did not come to its end");
	assert_string_equal(last_line(scratch), "3 passed, 1 failed");
}

static void sum_of_nothing_is_no_success(void **state)
{
	struct scratch *scratch = *state;

	assert_int_equal(RUN(scratch, "--sum", scratch->file), 1);
	assert_string_equal(last_line(scratch), "0 passed, 0 failed");
}

static void broken_tally_is_refused(void **state)
{
	struct scratch *scratch = *state;
	FILE *file = fopen(scratch->file, "we");

	assert_non_null(file);
	fputs("3 0 0 0 unit\n7 zero\n", file);
	fclose(file);
	assert_int_equal(RUN(scratch, "--sum", scratch->file), 1);
	assert_says(scratch, "Invalid argument");
}

static void bad_usage_is_status_2(void **state)
{
	struct scratch *scratch = *state;

	assert_int_equal(RUN(scratch, "--timeout", "0", "x"), 2);
	assert_int_equal(RUN(scratch, "--timeout", "1x", "x"), 2);
	assert_int_equal(RUN(scratch, "--nonsense"), 2);
	assert_int_equal(RUN(scratch, "--"), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_new, scratch_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_passed_is_status_0),
		TEST(failure_shows_whole_output),
		TEST(skip_is_counted_apart),
		TEST(crash_fails_the_tests_not_reached),
		TEST(early_exit_with_status_0_fails),
		TEST(program_without_tests_fails),
		TEST(missing_program_fails),
		TEST(bad_exit_status_after_passes_is_a_failure),
		TEST(emulator_failure_is_shown_apart),
		TEST(timeout_ends_the_daemons_too_and_only_these),
		TEST(daemon_deaf_to_sigterm_is_killed),
		TEST(interrupt_ends_the_children_and_counts_what_ran),
		TEST(process_left_behind_is_ended_and_a_failure),
		TEST(plain_program_is_one_test),
		TEST(followed_output_is_shown_once_as_it_comes),
		TEST(program_may_be_given_a_name),
		TEST(log_dir_keeps_the_output),
		TEST(groups_are_summed_under_one_line),
		TEST(group_missing_from_the_tally_is_a_failure),
		TEST(sum_of_nothing_is_no_success),
		TEST(broken_tally_is_refused),
		TEST(bad_usage_is_status_2),
	};

	return cmocka_run_group_tests_name("run_end_to_end", tests, NULL, NULL);
}
