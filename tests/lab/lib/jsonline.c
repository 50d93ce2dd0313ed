// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/lib/jsonline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

void jsonline_free(struct jsonline *in)
{
	free(in->buf);
	memset(in, 0, sizeof(*in));
}

int jsonline_feed(struct jsonline *in, const char *data, size_t len)
{
	size_t need = in->len + len;
	char *buf;

	if (need > JSONLINE_MAX)
		return -EMSGSIZE;
	if (need > in->size) {
		buf = realloc(in->buf, need * 2);
		if (!buf)
			return -ENOMEM;
		in->buf = buf;
		in->size = need * 2;
	}
	memcpy(in->buf + in->len, data, len);
	in->len = need;
	return 0;
}

static json_object *parse_line(const char *line, size_t len)
{
	json_tokener *tok = json_tokener_new_ex(32);
	json_object *object;

	if (!tok)
		return NULL;
	object = json_tokener_parse_ex(tok, line, (int)len);
	if (object && (json_tokener_get_error(tok) != json_tokener_success ||
		       !json_object_is_type(object, json_type_object))) {
		json_object_put(object);
		object = NULL;
	}
	json_tokener_free(tok);
	return object;
}

int jsonline_next(struct jsonline *in, json_object **ret_object)
{
	char *end = in->len ? memchr(in->buf, '\n', in->len) : NULL;
	size_t used;

	if (!end)
		return 0;
	used = (size_t)(end - in->buf) + 1;
	*ret_object = parse_line(in->buf, used);
	memmove(in->buf, in->buf + used, in->len - used);
	in->len -= used;
	return *ret_object ? 1 : -EBADMSG;
}

int jsonline_send(int fd, json_object *object)
{
	const char *text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN);
	struct iovec iov[2] = { { (void *)text, strlen(text) }, { (void *)"\n", 1 } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t n;

	while (iov[0].iov_len || iov[1].iov_len) {
		n = sendmsg(fd, &msg, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		for (int i = 0; i < 2; i++) {
			size_t take = (size_t)n < iov[i].iov_len ? (size_t)n : iov[i].iov_len;

			iov[i].iov_base = (char *)iov[i].iov_base + take;
			iov[i].iov_len -= take;
			n -= (ssize_t)take;
		}
	}
	return 0;
}

int jsonline_recv(int fd, struct jsonline *in, json_object **ret_object)
{
	char buf[4096];
	ssize_t n;
	int ret;

	for (;;) {
		ret = jsonline_next(in, ret_object);
		if (ret)
			return ret < 0 ? ret : 0;
		n = recv(fd, buf, sizeof(buf), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EPIPE;
		ret = jsonline_feed(in, buf, (size_t)n);
		if (ret)
			return ret;
	}
}

const char *jsonline_string(json_object *object, const char *key, const char *fallback)
{
	json_object *value;

	if (!json_object_object_get_ex(object, key, &value) ||
	    !json_object_is_type(value, json_type_string))
		return fallback;
	return json_object_get_string(value);
}

int64_t jsonline_int(json_object *object, const char *key, int64_t fallback)
{
	json_object *value;

	if (!json_object_object_get_ex(object, key, &value) ||
	    !json_object_is_type(value, json_type_int))
		return fallback;
	return json_object_get_int64(value);
}
