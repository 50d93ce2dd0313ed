// SPDX-License-Identifier: GPL-2.0-only
#include "tests/run/program.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/run/child.h"
#include "tests/run/clock.h"

#define LINE_SIZE      4096
#define LOG_MAX	       (256LL << 20)
#define LEFTOVER_GRACE 2000 /* ms for a daemon to finish after its test did */

struct run {
	const struct program *program;
	struct program_result *result;
	struct child child;
	struct tap tap;
	int signals;
	long long logged;
	bool log_cut;
	char line[LINE_SIZE];
	size_t line_len;
};

/* "NAME=COMMAND": the length of NAME, or 0 if there is none. */
static size_t given_name_len(const char *command)
{
	size_t len = strcspn(command, "=/ ");

	return command[len] == '=' ? len : 0;
}

void program_name(const char *command, char *name, size_t size)
{
	size_t len = given_name_len(command);
	const char *start = command, *end = command + len;

	if (!len) {
		end = command + strcspn(command, " ");
		for (start = end; start > command && start[-1] != '/'; start--)
			;
	}
	snprintf(name, size, "%.*s", (int)(end - start), start);
}

static char *copy_command(const char *command)
{
	size_t len = given_name_len(command);

	return strdup(len ? command + len + 1 : command);
}

__attribute__((format(printf, 2, 3))) static void fail(struct run *run, const char *format, ...)
{
	struct program_result *result = run->result;
	size_t used = strlen(result->reason);
	va_list args;

	if (used && used + 2 < sizeof(result->reason)) {
		memcpy(result->reason + used, "; ", 3);
		used += 2;
	}
	va_start(args, format);
	vsnprintf(result->reason + used, sizeof(result->reason) - used, format, args);
	va_end(args);
}

static void log_output(struct run *run, const char *data, size_t len)
{
	if (run->log_cut)
		return;
	if (run->logged + (long long)len > LOG_MAX) {
		fprintf(run->program->log, "\n(cut here: more than %lld MiB)\n", LOG_MAX >> 20);
		run->log_cut = true;
		return;
	}
	fwrite(data, 1, len, run->program->log);
	run->logged += (long long)len;
}

static void end_of_line(struct run *run)
{
	enum tap_event event;

	run->line[run->line_len] = '\0';
	run->line_len = 0;
	if (run->program->line)
		run->program->line(run->program->tick_arg, run->line);
	if (run->program->plain)
		return;
	event = tap_line(&run->tap, run->line);
	if (event == TAP_PASSED || event == TAP_FAILED || event == TAP_SKIPPED)
		run->program->tick(run->program->tick_arg, run->tap.last);
}

/* What a line has beyond LINE_SIZE is talk, never a result: it is dropped. */
static void take_output(struct run *run, const char *data, size_t len)
{
	log_output(run, data, len);
	for (size_t i = 0; i < len; i++) {
		if (data[i] == '\n')
			end_of_line(run);
		else if (data[i] && run->line_len < LINE_SIZE - 1)
			run->line[run->line_len++] = data[i];
	}
}

/* Returns false at the end of the output. */
static bool read_output(struct run *run)
{
	char data[16384];
	ssize_t n;

	while ((n = read(run->child.out, data, sizeof(data))) > 0)
		take_output(run, data, (size_t)n);
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* Until the program exits, the time is over or someone wants us to stop. */
static bool watch(struct run *run, long long deadline)
{
	struct pollfd fds[] = {
		{ .fd = run->signals, .events = POLLIN },
		{ .fd = run->child.out, .events = POLLIN },
	};

	while (!run->child.exited && !run->child.interrupted) {
		long long left = deadline - clock_ms();

		if (left <= 0)
			return false;
		if (poll(fds, 2, left < 1000 ? (int)left : 1000) == 0)
			run->program->tick(run->program->tick_arg, run->tap.last);
		child_signals(&run->child, run->signals);
		child_reap(&run->child);
		if (fds[1].revents && !read_output(run))
			fds[1].fd = -1;
	}
	return true;
}

static void judge_plain(struct run *run, bool ended_well)
{
	if (ended_well)
		run->result->counts.passed = 1;
	else
		run->result->counts.failed = 1;
}

static void judge_tap(struct run *run, bool ended_well)
{
	struct tap *tap = &run->tap;
	struct tap_counts *counts = &tap->counts;

	tap_end(tap);
	if (tap->missing)
		fail(run, "%u planned test%s gave no result", tap->missing,
		     tap->missing == 1 ? "" : "s");
	if (counts->passed + counts->failed + counts->skipped == 0) {
		fail(run, "no test ran");
		counts->failed++;
	} else if (!ended_well && counts->failed == 0) {
		/* A sanitizer, an atexit handler or a leftover process spoke last. */
		counts->failed++;
	}
	run->result->counts = *counts;
}

static void judge_end(struct run *run, bool in_time)
{
	struct child *child = &run->child;
	bool left_over = false, bad_exit;
	char names[128];

	if (child->exited && !child->interrupted)
		left_over = child_linger(child, run->signals, LEFTOVER_GRACE);
	if (left_over) {
		child_names(names, sizeof(names));
		fail(run, "left running: %s", names);
	}
	bad_exit = child->exited && child->status != 0;
	if (child->interrupted)
		fail(run, "interrupted by %s", strsignal(child->interrupted));
	else if (!in_time)
		fail(run, "not done after %d s, ended", run->program->timeout_s);
	else if (WIFSIGNALED(child->status))
		fail(run, "ended by signal %d (%s)", WTERMSIG(child->status),
		     strsignal(WTERMSIG(child->status)));
	else if (bad_exit && (run->program->plain || !run->tap.counts.failed))
		fail(run, "exit status %d", WEXITSTATUS(child->status));
	child_end(child, run->signals, run->program->grace_ms);
	read_output(run);
	if (run->line_len)
		end_of_line(run);
	if (run->program->plain)
		judge_plain(run, in_time && !left_over && !bad_exit && !child->interrupted);
	else
		judge_tap(run, in_time && !left_over && !bad_exit && !child->interrupted);
}

static int split(char *command, char *argv[PROGRAM_ARGS_MAX + 1])
{
	char *save = NULL;
	int n = 0;

	for (char *word = strtok_r(command, " \t", &save); word;
	     word = strtok_r(NULL, " \t", &save)) {
		if (n == PROGRAM_ARGS_MAX)
			return -E2BIG;
		argv[n++] = word;
	}
	argv[n] = NULL;
	return n ? 0 : -EINVAL;
}

int program_run(const struct program *program, int signals, struct program_result *ret_result)
{
	struct run run = { .program = program, .result = ret_result, .signals = signals };
	long long start = clock_ms();
	char *argv[PROGRAM_ARGS_MAX + 1];
	char *command = copy_command(program->command);
	bool in_time;
	int r;

	memset(ret_result, 0, sizeof(*ret_result));
	if (!command)
		return -ENOMEM;
	r = split(command, argv);
	if (r < 0)
		goto out;
	r = child_start(argv, &run.child);
	if (r < 0)
		goto out;
	in_time = watch(&run, start + program->timeout_s * 1000LL);
	judge_end(&run, in_time);
	close(run.child.out);
	ret_result->elapsed_ms = clock_ms() - start;
	ret_result->interrupted = run.child.interrupted;
out:
	free(command);
	return r;
}
