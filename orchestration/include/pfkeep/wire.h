/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The daemon's protocol is Varlink (https://varlink.org): JSON objects, each ended
 * by a zero byte, over a Unix socket; one call at a time on a connection. The
 * interface org.pfkeep.Manager is described in pfkeepd/interface.c and by the
 * daemon itself (org.varlink.service.GetInterfaceDescription).
 */
#ifndef PFKEEP_WIRE_H
#define PFKEEP_WIRE_H

#include <json-c/json_object.h>
#include <stddef.h>

#include "pfkeep/problem.h"

#define WIRE_SOCKET    "/run/pfkeep/pfkeepd"
#define WIRE_INTERFACE "org.pfkeep.Manager"
#define WIRE_MAX       (2u << 20) /* of a message; a domain's XML fits, escaped */
#define WIRE_DEPTH     16

/*
 * The next message. -ENODATA when the other end hung up between two messages;
 * -EMSGSIZE, -EBADMSG, -errno.
 */
int wire_read(int fd, struct json_object **ret_message);
int wire_write(int fd, struct json_object *message);
/* With an open file; -1: none. */
int wire_write_file(int fd, struct json_object *message, int file);

int wire_connect(const char *path, int *ret_fd, struct problem *problem);
/*
 * Call a method (without its interface) and wait for the answer. Takes over
 * parameters, which may be NULL. An error of the daemon comes back as -EREMOTEIO
 * with its own line in problem.
 */
int wire_call(int fd, const char *method, struct json_object *parameters,
	      struct json_object **ret_parameters, struct problem *problem);

/* The same of a method whose answer comes with an open file. */
int wire_call_file(int fd, const char *method, struct json_object *parameters, int *ret_file,
		   struct problem *problem);

/* Answers of a method that goes on answering ("more"). The connection is the caller's. */
struct wire_stream {
	int fd;
	char *text;
	size_t len, size, used;
};

int wire_follow(int fd, const char *method, struct wire_stream *ret_stream);
int wire_next(struct wire_stream *stream, struct json_object **ret_message);
void wire_stream_release(struct wire_stream *stream);

#endif
