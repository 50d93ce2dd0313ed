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

/* Of the ancillary data, if there is a file in it. */
static int take_file(struct msghdr *header)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(header);
	int file;

	if (!control || control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS ||
	    control->cmsg_len != CMSG_LEN(sizeof(file)))
		return -1;
	memcpy(&file, CMSG_DATA(control), sizeof(file));
	return file;
}

/* Files are only taken where one is asked for; the last that came is kept. */
static ssize_t receive(int fd, char *text, size_t size, int *ret_file)
{
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { text, size };
	struct msghdr header = { .msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = ret_file ? control : NULL,
				 .msg_controllen = ret_file ? sizeof(control) : 0 };
	ssize_t n = recvmsg(fd, &header, MSG_CMSG_CLOEXEC);
	int file = n < 0 ? -1 : take_file(&header);

	if (n < 0)
		return -errno;
	if (file >= 0) {
		cleanup_close(ret_file);
		*ret_file = file;
	}
	return n;
}

/*
 * Bytes up to and with the zero. A caller waits for its answer before it calls
 * again, so nothing may come behind it.
 */
static int read_text(int fd, char **ret_text, int *ret_file)
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
		n = receive(fd, text + len, size - len, ret_file);
		if (n == -EINTR)
			continue;
		if (n < 0)
			return (int)n;
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

	ret = read_text(fd, &text, NULL);
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

/* The file goes with the first byte. */
static ssize_t send_part(int fd, const char *text, size_t len, int file)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .header = { .cmsg_len = CMSG_LEN(sizeof(int)),
				  .cmsg_level = SOL_SOCKET,
				  .cmsg_type = SCM_RIGHTS } };
	struct iovec iov = { (void *)text, len };
	const struct msghdr header = { .msg_iov = &iov,
				       .msg_iovlen = 1,
				       .msg_control = &control,
				       .msg_controllen = sizeof(control) };

	if (file < 0)
		return send(fd, text, len, MSG_NOSIGNAL);
	memcpy(CMSG_DATA(&control.header), &file, sizeof(file));
	return sendmsg(fd, &header, MSG_NOSIGNAL);
}

int wire_write_file(int fd, struct json_object *message, int file)
{
	const char *text = json_object_to_json_string_ext(
		message, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	size_t left;

	if (!text)
		return -ENOMEM;
	left = strlen(text) + 1;
	while (left) {
		ssize_t n = send_part(fd, text, left, file);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		file = -1;
		text += n;
		left -= (size_t)n;
	}
	return 0;
}

int wire_write(int fd, struct json_object *message)
{
	return wire_write_file(fd, message, -1);
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

static int call(int fd, const char *method, struct json_object *parameters,
		struct json_object **ret_parameters, int *ret_file, struct problem *problem)
{
	struct json_object *request = json_object_new_object(), *reply = NULL;
	CLEANUP(cleanup_free) char *text = NULL;
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
		ret = read_text(fd, &text, ret_file);
	if (!ret)
		ret = parse(text, &reply);
	json_object_put(request);
	if (ret)
		return problem_set(problem, ret, "pfkeepd: %s", strerror(-ret));
	ret = take_reply(reply, ret_parameters, problem);
	json_object_put(reply);
	return ret;
}

int wire_call(int fd, const char *method, struct json_object *parameters,
	      struct json_object **ret_parameters, struct problem *problem)
{
	return call(fd, method, parameters, ret_parameters, NULL, problem);
}

int wire_call_file(int fd, const char *method, struct json_object *parameters, int *ret_file,
		   struct problem *problem)
{
	CLEANUP(cleanup_close) int file = -1;
	struct json_object *answer;
	int ret;

	ret = call(fd, method, parameters, &answer, &file, problem);
	if (ret)
		return ret;
	json_object_put(answer);
	if (file < 0)
		return problem_set(problem, -EBADMSG, "pfkeepd: an answer without its file");
	*ret_file = take_fd(&file);
	return 0;
}
