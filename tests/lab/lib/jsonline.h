/* SPDX-License-Identifier: GPL-2.0-only */
/* JSON objects, one a line, over a stream socket: QMP's and labd's way to talk. */
#ifndef LAB_JSONLINE_H
#define LAB_JSONLINE_H

#include <json-c/json.h>
#include <stddef.h>

#define JSONLINE_MAX (1 << 20)

struct jsonline {
	char *buf;
	size_t len;
	size_t size;
};

void jsonline_free(struct jsonline *in);
/* Append what came; -EMSGSIZE when a line grows past the limit. */
int jsonline_feed(struct jsonline *in, const char *data, size_t len);
/*
 * Take the next whole line: 1 with an object in *ret_object (to be put), 0 when
 * there is none yet, -EBADMSG when the line was no JSON object (dropped).
 */
int jsonline_next(struct jsonline *in, json_object **ret_object);
/* Blocking: send one object as a line. */
int jsonline_send(int fd, json_object *object);
/* Blocking: the next object. -EPIPE when the other side hung up. */
int jsonline_recv(int fd, struct jsonline *in, json_object **ret_object);

/* A member's value, or the fallback when it is absent or of another type. */
const char *jsonline_string(json_object *object, const char *key, const char *fallback);
int64_t jsonline_int(json_object *object, const char *key, int64_t fallback);

#endif
