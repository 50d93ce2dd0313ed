// SPDX-License-Identifier: GPL-2.0-only
#include "orchestration/libpfkeep/live_qmp.h"

#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "pfkeep/cleanup.h"
#include "pfkeep/live.h"

#define LINE_MAX_BYTES (1 << 20)
#define CALL_MS	       20000
#define CONNECT_MS     2
#define AGE_MAX_US     (int64_t)300000000 /* else its clock has been set since */

struct live_qmp {
	int fd;
	char path[108];
	char *line;
	size_t len;
	bool resumed;	    /* it has said so */
	uint64_t connected; /* live_ticks() */
	int64_t turned_us;  /* when it stopped or resumed, by its clock; 0: hasn't said */
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Between bind() and listen() there is no event to wait for. */
static int connect_by(const char *path, int64_t deadline)
{
	const struct timespec pause = { .tv_nsec = CONNECT_MS * 1000000L };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	CLEANUP(cleanup_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	while (connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		int ret = -errno;

		if ((ret != -ENOENT && ret != -ECONNREFUSED) || now_ms() >= deadline)
			return ret;
		nanosleep(&pause, NULL);
	}
	return take_fd(&fd);
}

/* One line of JSON. */
static int receive(struct live_qmp *qmp, int64_t deadline, struct json_object **ret_object)
{
	for (;;) {
		char *end = memchr(qmp->line, '\n', qmp->len);
		struct pollfd pfd = { .fd = qmp->fd, .events = POLLIN };
		int64_t left = deadline - now_ms();
		ssize_t n;

		if (end) {
			*end = '\0';
			*ret_object = json_tokener_parse(qmp->line);
			qmp->len -= (size_t)(end + 1 - qmp->line);
			memmove(qmp->line, end + 1, qmp->len);
			return *ret_object ? 0 : -EBADMSG;
		}
		if (qmp->len == LINE_MAX_BYTES)
			return -EBADMSG;
		if (left <= 0 || !poll(&pfd, 1, (int)left))
			return -ETIMEDOUT;
		n = read(qmp->fd, qmp->line + qmp->len, LINE_MAX_BYTES - qmp->len);
		if (n <= 0)
			return n ? -errno : -ECONNRESET;
		qmp->len += (size_t)n;
	}
}

static int fail(const struct live_qmp *qmp, const char *what, int ret, struct problem *problem)
{
	return problem_set(problem, ret, "QEMU at %s: %s: %s", qmp->path, what, strerror(-ret));
}

static int send_all(const struct live_qmp *qmp, const char *text)
{
	size_t len = strlen(text);

	while (len) {
		ssize_t n = send(qmp->fd, text, len, MSG_NOSIGNAL);

		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

static int take_answer(const struct live_qmp *qmp, const char *command, struct json_object *object,
		       struct json_object **ret_answer, struct problem *problem)
{
	struct json_object *value;
	int ret = 0;

	if (json_object_object_get_ex(object, "error", &value)) {
		struct json_object *desc = NULL;

		json_object_object_get_ex(value, "desc", &desc);
		ret = problem_set(problem, -EIO, "QEMU at %s: %s: %s", qmp->path, command,
				  desc ? json_object_get_string(desc) : "failed");
	} else if (json_object_object_get_ex(object, "return", &value) && ret_answer) {
		*ret_answer = json_object_get(value);
	}
	json_object_put(object);
	return ret;
}

static bool is_answer(struct json_object *object)
{
	return json_object_object_get_ex(object, "return", NULL) ||
	       json_object_object_get_ex(object, "error", NULL);
}

static bool is_event(struct json_object *object, const char *event)
{
	struct json_object *name;

	return json_object_object_get_ex(object, "event", &name) &&
	       !strcmp(json_object_get_string(name), event);
}

static int64_t get_int(struct json_object *object, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(object, key, &value) ? json_object_get_int64(value) : 0;
}

static void note(struct live_qmp *qmp, struct json_object *object)
{
	bool resumed = is_event(object, "RESUME");
	struct json_object *stamp;

	qmp->resumed |= resumed;
	if ((resumed || is_event(object, "STOP")) &&
	    json_object_object_get_ex(object, "timestamp", &stamp))
		qmp->turned_us =
			get_int(stamp, "seconds") * 1000000 + get_int(stamp, "microseconds");
}

int live_qmp_call(struct live_qmp *qmp, const char *command, struct json_object *args,
		  struct json_object **ret_answer, struct problem *problem)
{
	struct json_object *call = json_object_new_object(), *object;
	int64_t deadline = now_ms() + CALL_MS;
	char *line = NULL;
	int ret;

	json_object_object_add(call, "execute", json_object_new_string(command));
	if (args)
		json_object_object_add(call, "arguments", args);
	ret = asprintf(&line, "%s\n",
		       json_object_to_json_string_ext(call, JSON_C_TO_STRING_PLAIN)) < 0
		      ? -ENOMEM
		      : send_all(qmp, line);
	free(line);
	json_object_put(call);
	while (!ret) {
		ret = receive(qmp, deadline, &object);
		if (!ret && is_answer(object))
			return take_answer(qmp, command, object, ret_answer, problem);
		if (!ret) {
			note(qmp, object);
			json_object_put(object);
		}
	}
	return fail(qmp, command, ret, problem);
}

int live_qmp_wait(struct live_qmp *qmp, const char *event, int timeout_ms,
		  struct json_object **ret_data, struct problem *problem)
{
	int64_t deadline = now_ms() + timeout_ms;
	struct json_object *object, *data;
	int ret;

	while (!(ret = receive(qmp, deadline, &object))) {
		bool found = is_event(object, event);

		note(qmp, object);
		if (found && ret_data && json_object_object_get_ex(object, "data", &data))
			*ret_data = json_object_get(data);
		json_object_put(object);
		if (found)
			return 0;
	}
	return fail(qmp, event, ret, problem);
}

/* The event may come before an answer that doesn't know of it yet. */
int live_qmp_await_running(struct live_qmp *qmp, int timeout_ms, struct problem *problem)
{
	struct json_object *status = NULL, *running = NULL;
	int ret = live_qmp_call(qmp, "query-status", NULL, &status, problem);
	bool runs = json_object_object_get_ex(status, "running", &running) &&
		    json_object_get_boolean(running);

	json_object_put(status);
	if (ret || runs || qmp->resumed)
		return ret;
	return live_qmp_wait(qmp, "RESUME", timeout_ms, NULL, problem);
}

uint64_t live_qmp_connected(const struct live_qmp *qmp)
{
	return qmp->connected;
}

uint64_t live_qmp_turned(const struct live_qmp *qmp, uint64_t ticks_per_ms)
{
	uint64_t now = live_ticks(), ago;
	struct timespec ts;
	int64_t us;

	clock_gettime(CLOCK_REALTIME, &ts);
	us = (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000 - qmp->turned_us;
	if (!qmp->turned_us || us < 0 || us > AGE_MAX_US)
		return now;
	ago = (uint64_t)us * ticks_per_ms / 1000;
	return ago < now ? now - ago : now;
}

int live_qmp_open(const char *path, int timeout_ms, struct live_qmp **ret_qmp,
		  struct problem *problem)
{
	int64_t deadline = now_ms() + timeout_ms;
	struct live_qmp *qmp = calloc(1, sizeof(*qmp));
	struct json_object *greeting = NULL;
	int ret;

	if (!qmp || !(qmp->line = malloc(LINE_MAX_BYTES))) {
		free(qmp);
		return problem_set(problem, -ENOMEM, "no memory");
	}
	snprintf(qmp->path, sizeof(qmp->path), "%s", path);
	qmp->fd = connect_by(path, deadline);
	qmp->connected = live_ticks();
	ret = qmp->fd < 0 ? qmp->fd : receive(qmp, deadline, &greeting);
	if (ret) {
		fail(qmp, "its monitor", ret, problem);
		live_qmp_close(qmp);
		return ret;
	}
	json_object_put(greeting);
	ret = live_qmp_call(qmp, "qmp_capabilities", NULL, NULL, problem);
	if (ret)
		live_qmp_close(qmp);
	else
		*ret_qmp = qmp;
	return ret;
}

void live_qmp_close(struct live_qmp *qmp)
{
	if (!qmp)
		return;
	if (qmp->fd >= 0)
		close(qmp->fd);
	free(qmp->line);
	free(qmp);
}
