// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/agent/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lab/agent/command.h"
#include "tests/lab/agent/transfer.h"

/* Kept free for replies (CREDIT, EXIT, FAIL, HELLO) behind the last data frame. */
#define SESSION_RESERVE PROTO_WIRE_MAX

bool session_has_room(const struct session *session)
{
	return sizeof(session->out) - session->out_len >= PROTO_WIRE_MAX + SESSION_RESERVE;
}

static void session_flush(struct session *session)
{
	ssize_t n;

	while (session->out_pos < session->out_len) {
		n = write(session->port.fd, session->out + session->out_pos,
			  session->out_len - session->out_pos);
		if (n <= 0)
			break;
		session->out_pos += (size_t)n;
	}
	memmove(session->out, session->out + session->out_pos, session->out_len - session->out_pos);
	session->out_len -= session->out_pos;
	session->out_pos = 0;
}

void session_send(struct session *session, enum proto_type type, const void *payload, size_t len)
{
	size_t n;

	if (sizeof(session->out) - session->out_len < PROTO_WIRE_MAX)
		return; /* only a client that reads nothing and asks on gets here */
	if (proto_encode(type, payload, len, session->out + session->out_len, &n))
		return;
	session->out_len += n;
	session_flush(session);
}

void session_send_fail(struct session *session, int error, const char *what)
{
	uint8_t payload[600];
	char text[400];

	snprintf(text, sizeof(text), "%s: %s", what, strerror(error));
	session_send(session, PROTO_FAIL, payload, proto_fail_pack(error, text, payload));
}

static void session_boot_id(char boot_id[PROTO_BOOT_ID])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, boot_id, PROTO_BOOT_ID - 1);

	boot_id[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

static void session_greet(struct session *session)
{
	uint8_t payload[128];

	session->hello_waits = false;
	session->greeted = true;
	/* What the last client left unread is not for this one. */
	session->out_pos = 0;
	session->out_len = 0;
	session->hello.version = PROTO_VERSION;
	session_boot_id(session->hello.boot_id);
	session_send(session, PROTO_HELLO, payload, proto_hello_pack(&session->hello, payload));
}

void session_work_ended(struct session *session)
{
	session->work = NULL;
	session->work_data = NULL;
	if (session->hello_waits)
		session_greet(session);
}

static void session_hello(struct session *session, const struct proto_frame *frame)
{
	if (proto_hello_parse(frame->payload, frame->len, &session->hello))
		return;
	session->hello_waits = true;
	if (session->work)
		session->work->cancel(session);
	else
		session_greet(session);
}

static void session_frame(struct session *session, const struct proto_frame *frame)
{
	if (frame->type == PROTO_HELLO) {
		session_hello(session, frame);
	} else if (!session->greeted || session->hello_waits) {
		/* Left over from a client that is gone. */
	} else if (session->work) {
		session->work->frame(session, frame);
	} else if (frame->type == PROTO_EXEC) {
		command_start(session, frame);
	} else if (frame->type == PROTO_PUSH) {
		transfer_push(session, frame);
	} else if (frame->type == PROTO_PULL) {
		transfer_pull(session, frame);
	}
	/* Anything else belongs to work that ended a moment ago. */
}

static void session_feed(struct session *session, const uint8_t *data, size_t len)
{
	struct proto_frame frame;
	size_t used;

	while (len) {
		if (proto_decode(&session->dec, data, len, &used, &frame) == 1)
			session_frame(session, &frame);
		data += used;
		len -= used;
	}
}

/*
 * The port is watched edge-triggered: until the far end is there, poll() says HUP
 * for ever, but the driver wakes its pollers once for each change. Who comes and
 * goes at the far end is told in the stream, by HELLO, and by nothing else: the
 * driver's word of it is not in order with the stream's bytes.
 */
static void session_port_event(struct loop_source *src, uint32_t events)
{
	struct session *session = src->data;
	uint8_t buf[32768];
	bool was_full;
	ssize_t n;

	while ((n = read(src->fd, buf, sizeof(buf))) > 0)
		session_feed(session, buf, (size_t)n);
	was_full = !session_has_room(session);
	session_flush(session);
	if (was_full && session_has_room(session) && session->work)
		session->work->room(session);
}

int session_open(struct loop *loop, int port_fd, struct session **ret_session)
{
	struct session *session = calloc(1, sizeof(*session));
	int err;

	if (!session)
		return -ENOMEM;
	session->loop = loop;
	session->port.fd = port_fd;
	session->port.events = EPOLLIN | EPOLLOUT | EPOLLET;
	session->port.fn = session_port_event;
	session->port.data = session;
	err = loop_watch(loop, &session->port);
	if (err) {
		free(session);
		return err;
	}
	*ret_session = session;
	return 0;
}
