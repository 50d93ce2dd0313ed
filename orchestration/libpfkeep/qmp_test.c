// SPDX-License-Identifier: GPL-2.0-only
/* The monitor's client, against what a QEMU writes into the other end of a socket. */
#include "orchestration/testing/cmocka.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pfkeep/qmp.h"

#define HELLO "{\"QMP\": {}}\n{\"return\": {}}\n"
#define EVENT(name, sec) \
	"{\"event\": \"" name "\", \"timestamp\": {\"seconds\": " sec ", \"microseconds\": 5}}\n"
#define STOPPED	 "{\"return\": {\"running\": false}}\n"
#define LIMIT_MS 20000

static int ends[2];
static struct qmp qmp;
static struct problem problem;

static int setup(void **state)
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	problem = (struct problem){ 0 };
	return 0;
}

static int teardown(void **state)
{
	qmp_close(&qmp);
	close(ends[0]);
	if (ends[1] >= 0)
		close(ends[1]);
	return 0;
}

/* All that QEMU will ever say; then it lives on, or not. */
static void qemu_says(const char *text, bool lives)
{
	assert_int_equal(write(ends[1], text, strlen(text)), (ssize_t)strlen(text));
	if (!lives) {
		assert_int_equal(shutdown(ends[1], SHUT_WR), 0);
	}
}

static void opens(int64_t limit_ms)
{
	assert_int_equal(qmp_open(&qmp, ends[0], "QEMU", qmp_now_ms() + limit_ms, &problem), 0);
}

static void a_resume_before_the_answer_is_not_missed(void **state)
{
	qemu_says(HELLO EVENT("RESUME", "7") STOPPED, false);
	opens(LIMIT_MS);
	assert_int_equal(qmp_await_running(&qmp, &problem), 0);
	assert_int_equal(qmp.turned_us, 7000005);
}

static void a_guest_that_runs_is_not_waited_for(void **state)
{
	qemu_says(HELLO "{\"return\": {\"running\": true}}\n", false);
	opens(LIMIT_MS);
	assert_int_equal(qmp_await_running(&qmp, &problem), 0);
	assert_int_equal(qmp.turned_us, 0);
}

static void other_events_are_not_a_resume(void **state)
{
	qemu_says(HELLO STOPPED EVENT("STOP", "1") EVENT("JOB_STATUS_CHANGE", "2"), false);
	opens(LIMIT_MS);
	assert_int_equal(qmp_await_running(&qmp, &problem), -EPIPE);
	assert_string_equal(problem.text, "QEMU has ended");
	assert_int_equal(qmp.turned_us, 1000005);
}

static void a_guest_that_went_on_and_stopped_does_not_run(void **state)
{
	qemu_says(HELLO EVENT("RESUME", "1") EVENT("STOP", "2") STOPPED, false);
	opens(LIMIT_MS);
	assert_int_equal(qmp_await_running(&qmp, &problem), -EPIPE);
	assert_int_equal(qmp.turned_us, 2000005);
}

static void the_data_of_an_event_is_given_out(void **state)
{
	struct json_object *data = NULL;

	qemu_says(
		HELLO EVENT("MIGRATION_PASS",
			    "1") "{\"event\": \"MIGRATION\", \"data\": {\"status\": \"failed\"}}\n",
		true);
	opens(LIMIT_MS);
	assert_int_equal(qmp_wait(&qmp, "MIGRATION", &data, &problem), 0);
	assert_string_equal(json_object_get_string(json_object_object_get(data, "status")),
			    "failed");
	json_object_put(data);
}

static void silence_ends_at_the_deadline(void **state)
{
	qemu_says(HELLO STOPPED, true);
	opens(50);
	assert_int_equal(qmp_await_running(&qmp, &problem), -ETIMEDOUT);
	assert_string_equal(problem.text, "QEMU didn't answer in time");
}

static void a_refusal_is_told_in_qemus_words(void **state)
{
	qemu_says(HELLO "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no such bus\"}}\n",
		  true);
	opens(LIMIT_MS);
	assert_int_equal(qmp_command(&qmp, "device_add", NULL, NULL, &problem), -EREMOTEIO);
	assert_string_equal(problem.text, "QEMU refuses device_add: no such bus");
}

static void what_is_no_object_is_refused(void **state)
{
	qemu_says(HELLO "[1, 2]\n", true);
	opens(LIMIT_MS);
	assert_int_equal(qmp_command(&qmp, "query-status", NULL, NULL, &problem), -EBADMSG);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_resume_before_the_answer_is_not_missed),
		T(a_guest_that_runs_is_not_waited_for),
		T(other_events_are_not_a_resume),
		T(a_guest_that_went_on_and_stopped_does_not_run),
		T(the_data_of_an_event_is_given_out),
		T(silence_ends_at_the_deadline),
		T(a_refusal_is_told_in_qemus_words),
		T(what_is_no_object_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
