// SPDX-License-Identifier: GPL-2.0-only
/* The static programs themselves, over the loopback interface. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <json-c/json.h>
#include <cmocka.h>

#define ARGS_MAX 16

struct process {
	pid_t pid;
	FILE *out;
	char line[4096];
};

/* build/tests/lab_guest -> build/lab/guest/NAME */
static void program_path(const char *name, char *path, size_t size)
{
	char self[400];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	assert_true(n > 0);
	self[n] = '\0';
	*strrchr(self, '/') = '\0';
	snprintf(path, size, "%s/../lab/guest/%s", self, name);
}

static void start(struct process *process, const char *name, const char *const args[])
{
	char path[500], *argv[ARGS_MAX + 1] = { path };
	int fds[2];

	program_path(name, path, sizeof(path));
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	process->pid = fork();
	assert_true(process->pid >= 0);
	if (process->pid == 0) {
		for (int i = 0; args[i]; i++)
			argv[i + 1] = strdup(args[i]);
		dup2(fds[1], STDOUT_FILENO);
		execv(path, argv);
		_exit(127);
	}
	close(fds[1]);
	process->out = fdopen(fds[0], "r");
	assert_non_null(process->out);
}

#define START(process, name, ...) start(process, name, (const char *const[]){ __VA_ARGS__, NULL })

static const char *next_line(struct process *process)
{
	if (!fgets(process->line, sizeof(process->line), process->out))
		fail_msg("the program ended without a word");
	process->line[strcspn(process->line, "\n")] = '\0';
	return process->line;
}

/* "listening on 4711" -> "4711" */
static const char *port_of(struct process *process, char port[8])
{
	const char *word = strrchr(next_line(process), ' ');

	assert_non_null(word);
	snprintf(port, 8, "%.6s", word + 1);
	return port;
}

static struct json_object *next_report(struct process *process)
{
	struct json_object *report = json_tokener_parse(next_line(process));

	if (!report)
		fail_msg("not JSON: %s", process->line);
	return report;
}

static uint64_t number(struct json_object *report, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(report, key, &value))
		fail_msg("no '%s' in %s", key, json_object_to_json_string(report));
	return json_object_get_uint64(value);
}

static int finish(struct process *process)
{
	int status;

	fclose(process->out);
	assert_int_equal(waitpid(process->pid, &status, 0), process->pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void echo_program_answers_every_datagram(void **state)
{
	struct process echo, flow;
	struct json_object *report;
	char port[8];

	START(&echo, "wire-echo", "0");
	START(&flow, "wire-flow", "echo", "127.0.0.1", "--port", port_of(&echo, port), "--rate",
	      "2000", "--count", "400", "--size", "1000");
	next_line(&flow);
	report = next_report(&flow);
	assert_int_equal(number(report, "sent"), 400);
	assert_int_equal(number(report, "received"), 400);
	assert_int_equal(number(report, "lost"), 0);
	assert_int_equal(number(report, "duplicated"), 0);
	assert_true(number(json_object_object_get(report, "rtt_ns"), "p50") > 0);
	json_object_put(report);
	assert_int_equal(finish(&flow), 0);

	kill(echo.pid, SIGUSR1);
	report = next_report(&echo);
	assert_int_equal(number(report, "echoed"), 400);
	json_object_put(report);
	kill(echo.pid, SIGTERM);
	report = next_report(&echo);
	assert_int_equal(number(report, "received"), 400);
	json_object_put(report);
	assert_int_equal(finish(&echo), 0);
}

static void receiver_counts_what_a_sender_sends(void **state)
{
	struct process receiver, flow;
	struct json_object *report;
	char port[8];

	START(&receiver, "wire-flow", "receive", "--port", "0", "--id", "5", "--count", "300");
	port_of(&receiver, port);
	START(&flow, "wire-flow", "send", "127.0.0.1", "--port", port, "--id", "6", "--rate",
	      "5000", "--count", "10");
	next_line(&flow);
	json_object_put(next_report(&flow));
	assert_int_equal(finish(&flow), 0);
	START(&flow, "wire-flow", "send", "127.0.0.1", "--port", port, "--id", "5", "--rate",
	      "5000", "--count", "300");
	next_line(&flow);
	report = next_report(&flow);
	assert_int_equal(number(report, "sent"), 300);
	assert_false(json_object_object_get_ex(report, "lost", NULL));
	json_object_put(report);
	assert_int_equal(finish(&flow), 0);

	report = next_report(&receiver);
	assert_int_equal(number(report, "received"), 300);
	assert_int_equal(number(report, "lost"), 0);
	assert_int_equal(number(report, "corrupted"), 0);
	json_object_put(report);
	assert_int_equal(finish(&receiver), 0);
}

static void nobody_there_is_all_lost(void **state)
{
	struct process echo, flow;
	struct json_object *report;
	char port[8];

	/* A port that was free a moment ago. */
	START(&echo, "wire-echo", "0");
	port_of(&echo, port);
	kill(echo.pid, SIGTERM);
	json_object_put(next_report(&echo));
	assert_int_equal(finish(&echo), 0);

	START(&flow, "wire-flow", "echo", "127.0.0.1", "--port", port, "--rate", "1000", "--count",
	      "20", "--drain", "50");
	next_line(&flow);
	report = next_report(&flow);
	assert_int_equal(number(report, "received"), 0);
	assert_int_equal(number(report, "lost"), 20);
	assert_int_equal(number(report, "pending"), 0);
	json_object_put(report);
	assert_int_equal(finish(&flow), 0);
}

static void interrupted_flow_still_reports(void **state)
{
	struct process flow;
	struct json_object *report;

	START(&flow, "wire-flow", "receive", "--port", "0");
	next_line(&flow);
	kill(flow.pid, SIGTERM);
	report = next_report(&flow);
	assert_int_equal(number(report, "received"), 0);
	json_object_put(report);
	assert_int_equal(finish(&flow), 0);
}

static void bad_arguments_are_status_2(void **state)
{
	static const char *const bad[][5] = {
		{ "sing", NULL },
		{ "echo", NULL },
		{ "echo", "10.0.0", NULL },
		{ "receive", "10.0.0.1", NULL },
		{ "send", "10.0.0.1", "--rate", "0", NULL },
		{ "send", "10.0.0.1", "--size", "27", NULL },
		{ "send", "10.0.0.1", "--id", "65536", NULL },
		{ "send", "10.0.0.1", "--count", "-1", NULL },
	};
	struct process flow;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		start(&flow, "wire-flow", bad[i]);
		assert_int_equal(finish(&flow), 2);
	}
	START(&flow, "wire-echo", "65536");
	assert_int_equal(finish(&flow), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(echo_program_answers_every_datagram),
		cmocka_unit_test(receiver_counts_what_a_sender_sends),
		cmocka_unit_test(nobody_there_is_all_lost),
		cmocka_unit_test(interrupted_flow_still_reports),
		cmocka_unit_test(bad_arguments_are_status_2),
	};

	return cmocka_run_group_tests_name("lab_guest", tests, NULL, NULL);
}
