// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <json-c/json.h>

#include "tests/pf-image/qga.h"

/* The agent's port has no end-of-file: a sync that was lost is sent again. */
#define SYNC_AGAIN_MS 1000

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static int read_more(struct qga *q, long long deadline)
{
	struct pollfd fd = { .fd = q->fd, .events = POLLIN };
	long long left = deadline - now_ms();
	ssize_t n;

	if (q->used == sizeof(q->buf))
		return -EMSGSIZE;
	if (left <= 0 || poll(&fd, 1, (int)left) <= 0)
		return -ETIMEDOUT;
	n = read(q->fd, q->buf + q->used, sizeof(q->buf) - q->used);
	if (n <= 0)
		return n ? -errno : -ECONNRESET;
	q->used += n;
	return 0;
}

/* The next line as JSON; what isn't JSON is passed over. */
static int read_answer(struct qga *q, long long deadline, struct json_object **ret_answer)
{
	char *end;
	int ret;

	for (;;) {
		end = memchr(q->buf, '\n', q->used);
		if (end) {
			struct json_object *o;
			size_t len = end + 1 - q->buf;

			*end = '\0';
			o = json_tokener_parse(q->buf);
			memmove(q->buf, end + 1, q->used - len);
			q->used -= len;
			if (o) {
				*ret_answer = o;
				return 0;
			}
			continue;
		}
		ret = read_more(q, deadline);
		if (ret)
			return ret;
	}
}

static int send_command(struct qga *q, const char *command, struct json_object *args)
{
	struct json_object *o = json_object_new_object();
	const char *text;
	size_t len;
	int ret = 0;

	json_object_object_add(o, "execute", json_object_new_string(command));
	if (args)
		json_object_object_add(o, "arguments", json_object_get(args));
	text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);
	len = strlen(text);
	if (send(q->fd, text, len, MSG_NOSIGNAL) != (ssize_t)len ||
	    send(q->fd, "\n", 1, MSG_NOSIGNAL) != 1)
		ret = -errno;
	json_object_put(o);
	return ret;
}

static int call(struct qga *q, const char *command, struct json_object *args, long long deadline,
		struct json_object **ret_value)
{
	struct json_object *answer, *value;
	int ret = send_command(q, command, args) ?: read_answer(q, deadline, &answer);

	if (ret)
		return ret;
	if (json_object_object_get_ex(answer, "return", &value))
		*ret_value = json_object_get(value);
	else
		ret = -EREMOTEIO;
	json_object_put(answer);
	return ret;
}

int qga_call(struct qga *q, const char *command, struct json_object *args, int timeout_ms,
	     struct json_object **ret_value)
{
	return call(q, command, args, now_ms() + timeout_ms, ret_value);
}

static int try_sync(struct qga *q, int id)
{
	struct json_object *args = json_object_new_object(), *value;
	long long deadline = now_ms() + SYNC_AGAIN_MS;
	int ret;

	json_object_object_add(args, "id", json_object_new_int(id));
	ret = send_command(q, "guest-sync", args);
	json_object_put(args);
	while (!ret) {
		struct json_object *answer;

		ret = read_answer(q, deadline, &answer);
		if (ret)
			break;
		/* An answer to an earlier sync, late, is not this one's. */
		if (json_object_object_get_ex(answer, "return", &value) &&
		    json_object_get_int(value) == id) {
			json_object_put(answer);
			return 0;
		}
		json_object_put(answer);
	}
	return ret;
}

int qga_open(int fd, int timeout_ms, struct qga *ret_qga)
{
	long long deadline = now_ms() + timeout_ms;
	int ret = -ETIMEDOUT;

	*ret_qga = (struct qga){ .fd = fd };
	for (int id = 1; ret == -ETIMEDOUT && now_ms() < deadline; id++)
		ret = try_sync(ret_qga, id);
	if (ret)
		qga_close(ret_qga);
	return ret;
}

void qga_close(struct qga *q)
{
	if (q->fd >= 0)
		close(q->fd);
	q->fd = -1;
}

static struct json_object *shell_args(const char *line)
{
	struct json_object *args = json_object_new_object(), *arg = json_object_new_array();

	json_object_array_add(arg, json_object_new_string("-c"));
	json_object_array_add(arg, json_object_new_string(line));
	json_object_object_add(args, "path", json_object_new_string("/bin/sh"));
	json_object_object_add(args, "arg", arg);
	json_object_object_add(args, "capture-output", json_object_new_boolean(1));
	return args;
}

static char *decode_base64(const char *in)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *out = calloc(1, strlen(in) + 1);
	unsigned int bits = 0, held = 0;
	size_t n = 0;

	for (; out && *in && *in != '='; in++) {
		const char *digit = strchr(digits, *in);

		if (!digit)
			continue;
		bits = bits << 6 | (unsigned int)(digit - digits);
		held += 6;
		if (held >= 8) {
			held -= 8;
			out[n++] = (char)(bits >> held);
		}
	}
	return out;
}

/* The agent has no event for a program's end: its status is asked for, each answer a round trip. */
static int await_exit(struct qga *q, struct json_object *pid, long long deadline, char **ret_out)
{
	struct json_object *status, *exited, *out;
	int ret;

	do {
		ret = call(q, "guest-exec-status", pid, deadline, &status);
		if (ret)
			return ret;
		if (json_object_object_get_ex(status, "exited", &exited) &&
		    json_object_get_boolean(exited)) {
			*ret_out = decode_base64(json_object_object_get_ex(status, "out-data", &out)
							 ? json_object_get_string(out)
							 : "");
			json_object_put(status);
			return *ret_out ? 0 : -ENOMEM;
		}
		json_object_put(status);
	} while (now_ms() < deadline);
	return -ETIMEDOUT;
}

int qga_shell(struct qga *q, const char *line, int timeout_ms, char **ret_out)
{
	long long deadline = now_ms() + timeout_ms;
	struct json_object *args = shell_args(line), *pid;
	int ret = call(q, "guest-exec", args, deadline, &pid);

	json_object_put(args);
	if (ret)
		return ret;
	ret = await_exit(q, pid, deadline, ret_out);
	json_object_put(pid);
	return ret;
}
