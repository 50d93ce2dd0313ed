// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "pfkeep/cleanup.h"
#include "pfkeep/wire.h"

#define CHUNK 65536

static int parse(const char *text, struct json_object **ret_message)
{
	struct json_tokener *tok = json_tokener_new_ex(WIRE_DEPTH);
	struct json_object *message;
	bool whole;

	if (!tok)
		return -ENOMEM;
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	/* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): read_text() fails with an errno, never 0 */
	message = json_tokener_parse_ex(tok, text, (int)strlen(text) + 1);
	whole = json_tokener_get_error(tok) == json_tokener_success;
	json_tokener_free(tok);
	if (!whole || !json_object_is_type(message, json_type_object)) {
		json_object_put(message);
		return -EBADMSG;
	}
	*ret_message = message;
	return 0;
}

/*
 * Bytes up to and with the zero. A caller waits for its answer before it calls
 * again, so nothing may come behind it.
 */
static int read_text(int fd, char **ret_text)
{
	CLEANUP(cleanup_free) char *text = NULL;
	size_t len = 0, size = 0;

	for (;;) {
		char *end;
		ssize_t n;

		if (len == size) {
			char *more = size < WIRE_MAX ? realloc(text, size + CHUNK) : NULL;

			if (!more)
				return size < WIRE_MAX ? -ENOMEM : -EMSGSIZE;
			text = more;
			size += CHUNK;
		}
		n = read(fd, text + len, size - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return len ? -EBADMSG : -ENODATA;
		end = memchr(text + len, 0, (size_t)n);
		len += (size_t)n;
		if (!end)
			continue;
		if (end != text + len - 1)
			return -EBADMSG;
		*ret_text = TAKE_PTR(text);
		return 0;
	}
}

int wire_read(int fd, struct json_object **ret_message)
{
	CLEANUP(cleanup_free) char *text = NULL;
	int ret;

	ret = read_text(fd, &text);
	return ret ? ret : parse(text, ret_message);
}

void wire_stream_release(struct wire_stream *stream)
{
	free(stream->text);
	*stream = (struct wire_stream){ .fd = -1 };
}

/* What was handed out goes, what came behind it stays. */
static void advance(struct wire_stream *stream)
{
	stream->len -= stream->used;
	memmove(stream->text, stream->text + stream->used, stream->len);
	stream->used = 0;
}

static int fill(struct wire_stream *stream)
{
	ssize_t n;

	if (stream->len == stream->size) {
		char *more = stream->size < WIRE_MAX ? realloc(stream->text, stream->size + CHUNK)
						     : NULL;

		if (!more)
			return stream->size < WIRE_MAX ? -ENOMEM : -EMSGSIZE;
		stream->text = more;
		stream->size += CHUNK;
	}
	do
		n = read(stream->fd, stream->text + stream->len, stream->size - stream->len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (!n)
		return stream->len ? -EBADMSG : -ENODATA;
	stream->len += (size_t)n;
	return 0;
}

int wire_next(struct wire_stream *stream, struct json_object **ret_message)
{
	char *end;
	int ret;

	if (stream->used)
		advance(stream);
	while (!stream->len || !(end = memchr(stream->text, 0, stream->len))) {
		ret = fill(stream);
		if (ret)
			return ret;
	}
	stream->used = (size_t)(end - stream->text) + 1;
	return parse(stream->text, ret_message);
}

int wire_write(int fd, struct json_object *message)
{
	const char *text = json_object_to_json_string_ext(
		message, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	size_t left;

	if (!text)
		return -ENOMEM;
	left = strlen(text) + 1;
	while (left) {
		ssize_t n = send(fd, text, left, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		left -= (size_t)n;
	}
	return 0;
}

int wire_connect(const char *path, int *ret_fd, struct problem *problem)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	CLEANUP(cleanup_close) int fd = -1;

	if (strlen(path) >= sizeof(addr.sun_path))
		return problem_set(problem, -ENAMETOOLONG, "%.60s: is too long for a socket", path);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return problem_set(problem, -errno, "pfkeepd doesn't answer at %s: %s", path,
				   strerror(errno));
	*ret_fd = take_fd(&fd);
	return 0;
}

/* {"error":"org...","parameters":{"message":"..."}} */
static int remote_error(struct json_object *reply, struct json_object *error,
			struct problem *problem)
{
	struct json_object *parameters = json_object_object_get(reply, "parameters"),
			   *message = NULL;

	if (json_object_is_type(parameters, json_type_object))
		json_object_object_get_ex(parameters, "message", &message);
	if (json_object_is_type(message, json_type_string))
		return problem_set(problem, -EREMOTEIO, "%s", json_object_get_string(message));
	return problem_set(problem, -EREMOTEIO, "pfkeepd: %s %s", json_object_get_string(error),
			   parameters ? json_object_to_json_string(parameters) : "");
}

static int take_reply(struct json_object *reply, struct json_object **ret_parameters,
		      struct problem *problem)
{
	struct json_object *value;

	if (json_object_object_get_ex(reply, "error", &value))
		return remote_error(reply, value, problem);
	if (!json_object_object_get_ex(reply, "parameters", &value) ||
	    !json_object_is_type(value, json_type_object))
		return problem_set(problem, -EBADMSG, "pfkeepd: an answer without parameters");
	*ret_parameters = json_object_get(value);
	return 0;
}

int wire_follow(int fd, const char *method, struct wire_stream *ret_stream)
{
	struct json_object *request = json_object_new_object();
	char name[64];
	int ret;

	snprintf(name, sizeof(name), WIRE_INTERFACE ".%s", method);
	json_object_object_add(request, "method", json_object_new_string(name));
	json_object_object_add(request, "more", json_object_new_boolean(true));
	ret = wire_write(fd, request);
	json_object_put(request);
	*ret_stream = (struct wire_stream){ .fd = fd };
	return ret;
}

int wire_call(int fd, const char *method, struct json_object *parameters,
	      struct json_object **ret_parameters, struct problem *problem)
{
	struct json_object *request = json_object_new_object(), *reply = NULL;
	char name[64];
	int ret;

	if (!request) {
		json_object_put(parameters);
		return -ENOMEM;
	}
	snprintf(name, sizeof(name), WIRE_INTERFACE ".%s", method);
	json_object_object_add(request, "method", json_object_new_string(name));
	if (parameters)
		json_object_object_add(request, "parameters", parameters);
	ret = wire_write(fd, request);
	if (!ret)
		ret = wire_read(fd, &reply);
	json_object_put(request);
	if (ret)
		return problem_set(problem, ret, "pfkeepd: %s", strerror(-ret));
	ret = take_reply(reply, ret_parameters, problem);
	json_object_put(reply);
	return ret;
}
