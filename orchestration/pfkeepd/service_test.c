// SPDX-License-Identifier: GPL-2.0-only
/* The daemon's protocol, over a real socket pair, with a core that has no PF. */
#include "orchestration/testing/cmocka.h"

#include <errno.h>
#include <ftw.h>
#include <json-c/json.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "orchestration/libpfkeep/core_priv.h"
#include "orchestration/pfkeepd/events.h"
#include "orchestration/pfkeepd/service.h"
#include "orchestration/testing/fakehost.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/virt.h"
#include "pfkeep/wire.h"

static struct fakehost host;
static char dir[40];
static const struct core_config config = { .vm_type = "test", .memory_mib = 128 };
static struct core core;
static struct service service = { .core = &core, .lock = PTHREAD_MUTEX_INITIALIZER };
static int fd;
static pthread_t thread;
static struct problem problem;

static void *serve(void *data)
{
	int *end = data;

	service_serve(&service, *end);
	close(*end);
	return NULL;
}

static int setup(void **state)
{
	static int fds[2];

	fakehost_setup(&host);
	snprintf(dir, sizeof(dir), "/tmp/pfkeep-service-XXXXXX");
	assert_non_null(mkdtemp(dir));
	core = (struct core){ .root = &host.root, .config = &config };
	assert_int_equal(state_open(dir, &core.state, NULL), 0);
	assert_int_equal(virt_connect("test:///default", &core.conn, NULL), 0);
	assert_int_equal(core_load(&core, NULL), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	fd = fds[0];
	return pthread_create(&thread, NULL, serve, &fds[1]);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int teardown(void **state)
{
	shutdown(fd, SHUT_RDWR);
	close(fd);
	pthread_join(thread, NULL);
	core_unload(&core);
	state_close(core.state);
	virConnectClose(core.conn);
	fakehost_teardown(&host);
	return nftw(dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* The raw answer to a raw message; the caller puts it. */
static struct json_object *ask(const char *message)
{
	struct json_object *reply;

	assert_int_equal(send(fd, message, strlen(message) + 1, MSG_NOSIGNAL), strlen(message) + 1);
	assert_int_equal(wire_read(fd, &reply), 0);
	return reply;
}

static void expect_error(const char *message, const char *error)
{
	struct json_object *reply = ask(message);

	assert_string_equal(json_object_get_string(json_object_object_get(reply, "error")), error);
	json_object_put(reply);
}

static void the_daemon_describes_itself(void **state)
{
	struct json_object *reply = ask("{\"method\":\"org.varlink.service.GetInfo\"}");

	assert_non_null(strstr(json_object_to_json_string(reply), WIRE_INTERFACE));
	json_object_put(reply);
	reply = ask("{\"method\":\"org.varlink.service.GetInterfaceDescription\","
		    "\"parameters\":{\"interface\":\"" WIRE_INTERFACE "\"}}");
	const char *text = json_object_get_string(
		json_object_object_get(json_object_object_get(reply, "parameters"), "description"));

	assert_string_equal(text, service_interface);
	json_object_put(reply);
}

static void every_method_is_described_with_its_parameters(void **state)
{
	size_t described = 0;

	for (const char *at = service_interface; (at = strstr(at, "\nmethod ")); at++)
		described++;
	assert_int_equal(described, service_method_count);
	for (size_t i = 0; i < service_method_count; i++) {
		char line[64], names[64], *rest = names, *name;
		const char *at, *end;

		snprintf(line, sizeof(line), "\nmethod %s(", service_methods[i].name);
		at = strstr(service_interface, line);
		assert_non_null(at);
		end = strstr(at, ") ->");
		assert_non_null(end);
		snprintf(names, sizeof(names), "%s", service_methods[i].parameters);
		while ((name = strsep(&rest, " ")) && *name) {
			snprintf(line, sizeof(line), "%s: ", name);
			assert_true(strstr(at, line) && strstr(at, line) < end);
		}
	}
}

static void wrong_calls_are_answered_with_varlink_s_errors(void **state)
{
	expect_error("{}", "org.varlink.service.InvalidParameter");
	expect_error("{\"method\":7}", "org.varlink.service.InvalidParameter");
	expect_error("{\"method\":\"org.pfkeep.Manager.No\"}",
		     "org.varlink.service.MethodNotFound");
	expect_error("{\"method\":\"org.other.X\"}", "org.varlink.service.InterfaceNotFound");
	expect_error("{\"method\":\"org.varlink.service.X\"}",
		     "org.varlink.service.MethodNotFound");
	expect_error("{\"method\":\"org.varlink.service.GetInterfaceDescription\"}",
		     "org.varlink.service.InvalidParameter");
	expect_error("{\"method\":\"org.pfkeep.Manager.ListPFs\",\"parameters\":[]}",
		     "org.varlink.service.InvalidParameter");
	expect_error("{\"method\":\"org.pfkeep.Manager.Release\",\"parameters\":{\"p\":1}}",
		     "org.varlink.service.InvalidParameter");
	expect_error("{\"method\":\"org.pfkeep.Manager.Release\",\"parameters\":{\"\":1}}",
		     "org.varlink.service.InvalidParameter");
}

static void calls_that_fail_say_why_in_one_line(void **state)
{
	static const struct {
		const char *method, *parameters, *words;
	} bad[] = {
		{ "Release", "{}", "the parameter pf must be a string" },
		{ "Release", "{\"pf\":\"eth0\"}", "eth0: a PF is named" },
		{ "Release", "{\"pf\":\"0000:01:00.0\"}", "0000:01:00.0: isn't adopted" },
		{ "Adopt", "{\"pf\":\"0000:01:00.0\"}",
		  "check: 0000:01:00.0: no such PCI function" },
		{ "Adopt", "{\"pf\":\"0000:01:00.0\",\"vfs\":-1}", "vfs must be a number" },
		{ "SetVFs", "{\"pf\":\"0000:01:00.0\",\"vfs\":65536}", "vfs must be a number" },
		{ "SetVF", "{\"pf\":\"0000:01:00.0\",\"index\":0,\"vlan\":\"x\"}", "vlan 'x'" },
		{ "SetVF", "{\"pf\":\"0000:01:00.0\",\"index\":0,\"vlan\":7}",
		  "vlan must be a string" },
		{ "Assign", "{\"pf\":\"0000:01:00.0\"}", "domain must be a string" },
		{ "Release", "{\"pf\":\"0000:01:00.0\",\"force\":1}",
		  "force must be true or false" },
		{ "Restart", "{\"pf\":\"0000:01:00.0\"}", "isn't adopted" },
		{ "Events", "{}", "call it with" },
		{ "Unassign", "{\"pf\":\"0000:01:00.0\"}", "index must be a number" },
		{ "MayStart", "{\"xml\":\"<x>\"}", "not well-formed" },
		{ "MayStart", "{\"xml\":\"a\\u0000b\"}", "zero byte" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct json_object *out;

		assert_int_equal(wire_call(fd, bad[i].method, json_tokener_parse(bad[i].parameters),
					   &out, &problem),
				 -EREMOTEIO);
		if (!strstr(problem.text, bad[i].words))
			fail_msg("%s: %s", bad[i].method, problem.text);
	}
}

static void calls_that_succeed_answer(void **state)
{
	struct json_object *out;

	assert_int_equal(wire_call(fd, "ListPFs", NULL, &out, &problem), 0);
	assert_int_equal(json_object_array_length(json_object_object_get(out, "pfs")), 0);
	json_object_put(out);
	assert_int_equal(wire_call(fd, "ListVFs", NULL, &out, &problem), 0);
	json_object_put(out);
	assert_int_equal(
		wire_call(fd, "MayStart",
			  json_tokener_parse(
				  "{\"xml\":\"<domain><name>a</name><uuid>"
				  "c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid></domain>\"}"),
			  &out, &problem),
		0);
	json_object_put(out);
}

/* libvirt waits for the hook's answer while the operation waits for libvirt. */
static void a_hook_is_answered_while_an_operation_runs(void **state)
{
	pthread_mutex_lock(&service.lock);
	calls_that_succeed_answer(state);
	pthread_mutex_unlock(&service.lock);
}

/* The next event, which must be of this name; the caller puts it. */
static struct json_object *next_event(struct wire_stream *stream, const char *name)
{
	struct json_object *message, *event;

	assert_int_equal(wire_next(stream, &message), 0);
	assert_true(json_object_get_boolean(json_object_object_get(message, "continues")));
	event = json_object_get(
		json_object_object_get(json_object_object_get(message, "parameters"), "event"));
	json_object_put(message);
	assert_string_equal(json_object_get_string(json_object_object_get(event, "event")), name);
	return event;
}

static void expect_event(struct wire_stream *stream, const char *name, const char *member,
			 const char *value)
{
	struct json_object *event = next_event(stream, name);

	assert_string_equal(json_object_get_string(json_object_object_get(event, member)), value);
	json_object_put(event);
}

static void save(const char *key, const char *record)
{
	struct state_change change;

	assert_int_equal(state_change_init(&change), 0);
	if (record)
		assert_int_equal(state_put(&change, key, json_tokener_parse(record)), 0);
	else
		assert_int_equal(state_delete(&change, key), 0);
	pthread_mutex_lock(&core.books);
	core_tell_change(&core, &change);
	pthread_mutex_unlock(&core.books);
	state_change_release(&change);
}

static void changes_are_told_in_order_to_who_follows(void **state)
{
	struct wire_stream stream;

	core.tell = events_tell;
	assert_int_equal(wire_follow(fd, "Events", &stream), 0);
	json_object_put(next_event(&stream, "begin"));
	for (int i = 0; i < 1000; i++)
		save("vf/0000:01:00.0/3", i % 2 ? "{\"domain\":\"web\"}" : "{\"domain\":\"sql\"}");
	save("pf/0000:01:00.0", "{\"phase\":\"adopting\"}");
	save("vf/0000:01:00.0/3", NULL);
	save("pf/0000:01:00.0", NULL);
	for (int i = 0; i < 1000; i++)
		expect_event(&stream, "vf", "domain", i % 2 ? "web" : "sql");
	expect_event(&stream, "pf", "phase", "adopting");
	expect_event(&stream, "vf-free", "index", "3");
	expect_event(&stream, "pf-released", "pf", "0000:01:00.0");
	wire_stream_release(&stream);
}

/* Its queue is bounded, and nobody waits for it. */
static void who_reads_too_slowly_is_let_go(void **state)
{
	struct wire_stream stream;
	struct json_object *message;
	unsigned int n = 0;
	int ret;

	core.tell = events_tell;
	assert_int_equal(wire_follow(fd, "Events", &stream), 0);
	json_object_put(next_event(&stream, "begin"));
	for (int i = 0; i < 20000; i++)
		save("vf/0000:01:00.0/3", "{\"domain\":\"web\"}");
	while (!(ret = wire_next(&stream, &message))) {
		json_object_put(message);
		n++;
	}
	assert_true(ret == -ENODATA || ret == -ECONNRESET);
	assert_true(n < 20000);
	wire_stream_release(&stream);
}

static void figures_are_in_prometheus_format(void **state)
{
	struct json_object *out;
	const char *text;

	save("pf/0000:01:00.0", "{}");
	assert_int_equal(wire_call(fd, "Release", json_tokener_parse("{\"pf\":\"0000:01:00.0\"}"),
				   &out, &problem),
			 -EREMOTEIO);
	assert_int_equal(wire_call(fd, "Metrics", NULL, &out, &problem), 0);
	text = json_object_get_string(json_object_object_get(out, "text"));
	assert_non_null(strstr(text, "\n# TYPE pfkeep_calls_failed_total counter\n"));
	assert_non_null(strstr(text, "\npfkeep_calls_failed_total{method=\"Release\"} "));
	assert_null(strstr(text, "pfkeep_calls_failed_total{method=\"Release\"} 0\n"));
	assert_non_null(strstr(text, "\npfkeep_state_transactions_total "));
	assert_int_equal(text[strlen(text) - 1], '\n');
	json_object_put(out);
}

static void check_hangs_up(const char *bytes, size_t len)
{
	struct json_object *reply;

	assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), len);
	assert_int_equal(wire_read(fd, &reply), -ENODATA);
}

static void what_is_no_message_ends_the_connection(void **state)
{
	check_hangs_up("hello", 6);
}

static void two_messages_at_once_end_it_too(void **state)
{
	check_hangs_up("{}\0{}", 6);
}

static void so_does_one_without_end(void **state)
{
	static char flood[1 << 16];
	struct json_object *reply;
	int ret;

	memset(flood, ' ', sizeof(flood));
	for (size_t sent = 0; sent <= WIRE_MAX; sent += sizeof(flood))
		if (send(fd, flood, sizeof(flood), MSG_NOSIGNAL) < 0)
			break;
	ret = wire_read(fd, &reply);
	assert_true(ret == -ENODATA || ret == -ECONNRESET);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(the_daemon_describes_itself),
		cmocka_unit_test(every_method_is_described_with_its_parameters),
		T(wrong_calls_are_answered_with_varlink_s_errors),
		T(calls_that_fail_say_why_in_one_line),
		T(calls_that_succeed_answer),
		T(a_hook_is_answered_while_an_operation_runs),
		T(changes_are_told_in_order_to_who_follows),
		T(who_reads_too_slowly_is_let_go),
		T(figures_are_in_prometheus_format),
		T(what_is_no_message_ends_the_connection),
		T(two_messages_at_once_end_it_too),
		T(so_does_one_without_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
