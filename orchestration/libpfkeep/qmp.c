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

static int explain(struct problem *problem, int err)
{
	if (err == -ETIMEDOUT)
		return problem_set(problem, err, "QEMU didn't answer in time");
	if (err == -EPIPE)
		return problem_set(problem, err, "QEMU has ended");
	return problem_set(problem, err, "QEMU's monitor: %s", strerror(-err));
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
		json_object_put(object);
	}
	return explain(problem, ret);
}

int qmp_open(struct qmp *qmp, int fd, int64_t deadline, struct problem *problem)
{
	struct json_object *greeting;
	int ret;

	*qmp = (struct qmp){ .fd = fd, .deadline = deadline };
	ret = next(qmp, &greeting);
	if (!ret) {
		json_object_put(greeting);
		ret = qmp_command(qmp, "qmp_capabilities", NULL, NULL, problem);
	} else {
		explain(problem, ret);
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

/* An event that came while it was asked is in the answer already. */
int qmp_await_running(struct qmp *qmp, struct problem *problem)
{
	struct json_object *status = NULL, *object;
	bool running;
	int ret = qmp_command(qmp, "query-status", NULL, &status, problem);

	if (ret)
		return ret;
	running = json_object_get_boolean(json_object_object_get(status, "running"));
	json_object_put(status);
	while (!running) {
		const char *event;

		ret = next(qmp, &object);
		if (ret)
			return explain(problem, ret);
		event = json_object_get_string(json_object_object_get(object, "event"));
		running = event && !strcmp(event, "RESUME");
		json_object_put(object);
	}
	return 0;
}
