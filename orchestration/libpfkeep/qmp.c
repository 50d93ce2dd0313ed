// SPDX-License-Identifier: GPL-2.0-only
#include "pfkeep/qmp.h"

#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "pfkeep/cleanup.h"

#define CHUNK 65536
#define DEPTH 64

int64_t qmp_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

struct json_object *qmp_request(const char *name, struct json_object *arguments)
{
	struct json_object *request = json_object_new_object();

	json_object_object_add(request, "execute", json_object_new_string(name));
	if (arguments)
		json_object_object_add(request, "arguments", arguments);
	return request;
}

int qmp_answer(struct json_object *answer, const char *name, struct json_object **ret_return,
	       struct problem *problem)
{
	struct json_object *value;

	if (json_object_object_get_ex(answer, "error", &value))
		return problem_set(problem, -EREMOTEIO, "QEMU refuses %s: %s", name,
				   json_object_get_string(json_object_object_get(value, "desc")));
	if (!json_object_object_get_ex(answer, "return", &value))
		return problem_set(problem, -EBADMSG,
				   "QEMU answers %s with neither error nor "
				   "result",
				   name);
	if (ret_return)
		*ret_return = value;
	return 0;
}

/* More bytes of QEMU's. */
static int fill(struct qmp *qmp)
{
	struct pollfd pfd = { .fd = qmp->fd, .events = POLLIN };
	int64_t left = qmp->deadline - qmp_now_ms();
	char *more;
	ssize_t n;
	int ret;

	ret = left > 0 ? poll(&pfd, 1, (int)left) : 0;
	if (ret < 0)
		return errno == EINTR ? 0 : -errno;
	if (!ret)
		return -ETIMEDOUT;
	if (qmp->len >= QMP_LINE_MAX)
		return -EMSGSIZE;
	more = realloc(qmp->text, qmp->len + CHUNK);
	if (!more)
		return -ENOMEM;
	qmp->text = more;
	n = read(qmp->fd, qmp->text + qmp->len, CHUNK);
	if (n <= 0)
		return n && errno != ECONNRESET ? -errno : -EPIPE;
	qmp->len += (size_t)n;
	return 0;
}

static int parse(const char *line, size_t len, struct json_object **ret_object)
{
	struct json_tokener *tok = json_tokener_new_ex(DEPTH);

	if (!tok)
		return -ENOMEM;
	*ret_object = json_tokener_parse_ex(tok, line, (int)len);
	json_tokener_free(tok);
	if (json_object_is_type(*ret_object, json_type_object))
		return 0;
	json_object_put(*ret_object);
	return -EBADMSG;
}

/* The next line's object. */
static int next(struct qmp *qmp, struct json_object **ret_object)
{
	for (;;) {
		char *start = qmp->text + qmp->used;
		char *end = qmp->text ? memchr(start, '\n', qmp->len - qmp->used) : NULL;
		int ret;

		if (end) {
			qmp->used += (size_t)(end - start) + 1;
			return parse(start, (size_t)(end - start) + 1, ret_object);
		}
		if (qmp->text && qmp->used) {
			qmp->len -= qmp->used;
			memmove(qmp->text, start, qmp->len);
			qmp->used = 0;
		}
		ret = fill(qmp);
		if (ret)
			return ret;
	}
}

static int explain(const struct qmp *qmp, int err, struct problem *problem)
{
	if (err == -ETIMEDOUT)
		return problem_set(problem, err, "%s didn't answer in time", qmp->who);
	if (err == -EPIPE)
		return problem_set(problem, err, "%s has ended", qmp->who);
	return problem_set(problem, err, "%s: its monitor: %s", qmp->who, strerror(-err));
}

static bool is_event(struct json_object *object, const char *name)
{
	const char *event = json_object_get_string(json_object_object_get(object, "event"));

	return event && !strcmp(event, name);
}

static void note(struct qmp *qmp, struct json_object *object)
{
	struct json_object *stamp = json_object_object_get(object, "timestamp");
	bool resumed = is_event(object, "RESUME");

	if (!resumed && !is_event(object, "STOP"))
		return;
	qmp->resumed = resumed;
	if (stamp)
		qmp->turned_us =
			json_object_get_int64(json_object_object_get(stamp, "seconds")) * 1000000 +
			json_object_get_int64(json_object_object_get(stamp, "microseconds"));
}

static int say(struct qmp *qmp, const char *name, struct json_object *arguments)
{
	struct json_object *request = qmp_request(name, arguments);
	const char *text = json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN);
	ssize_t len = (ssize_t)strlen(text);
	int ret = 0;

	if (send(qmp->fd, text, (size_t)len, MSG_NOSIGNAL) != len ||
	    send(qmp->fd, "\n", 1, MSG_NOSIGNAL) != 1)
		ret = -EPIPE;
	json_object_put(request);
	return ret;
}

int qmp_command(struct qmp *qmp, const char *name, struct json_object *arguments,
		struct json_object **ret_return, struct problem *problem)
{
	struct json_object *object, *value = NULL;
	int ret = say(qmp, name, arguments);

	while (!ret) {
		ret = next(qmp, &object);
		if (ret)
			break;
		if (!json_object_object_get_ex(object, "event", NULL)) {
			ret = qmp_answer(object, name, &value, problem);
			if (!ret && ret_return)
				*ret_return = json_object_get(value);
			json_object_put(object);
			return ret;
		}
		note(qmp, object);
		json_object_put(object);
	}
	return explain(qmp, ret, problem);
}

int qmp_wait(struct qmp *qmp, const char *event, struct json_object **ret_data,
	     struct problem *problem)
{
	struct json_object *object;
	int ret;

	while (!(ret = next(qmp, &object))) {
		bool found = is_event(object, event);

		note(qmp, object);
		if (found && ret_data)
			*ret_data = json_object_get(json_object_object_get(object, "data"));
		json_object_put(object);
		if (found)
			return 0;
	}
	return explain(qmp, ret, problem);
}

int qmp_open(struct qmp *qmp, int fd, const char *who, int64_t deadline, struct problem *problem)
{
	struct json_object *greeting;
	int ret;

	*qmp = (struct qmp){ .fd = fd, .deadline = deadline, .who = who };
	ret = next(qmp, &greeting);
	if (!ret) {
		json_object_put(greeting);
		ret = qmp_command(qmp, "qmp_capabilities", NULL, NULL, problem);
	} else {
		explain(qmp, ret, problem);
	}
	if (ret)
		qmp_close(qmp);
	return ret;
}

void qmp_close(struct qmp *qmp)
{
	free(qmp->text);
	*qmp = (struct qmp){ .fd = -1 };
}

/* The event may come before an answer that doesn't know of it yet. */
int qmp_await_running(struct qmp *qmp, struct problem *problem)
{
	struct json_object *status = NULL;
	int ret = qmp_command(qmp, "query-status", NULL, &status, problem);
	bool running = json_object_get_boolean(json_object_object_get(status, "running"));

	json_object_put(status);
	if (ret || running || qmp->resumed)
		return ret;
	return qmp_wait(qmp, "RESUME", NULL, problem);
}
