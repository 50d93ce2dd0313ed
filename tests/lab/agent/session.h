/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One session of the agent: a virtio-serial port, the frames on it, and the
 * one piece of work (a command or a file transfer) that its client asked for.
 */
#ifndef LAB_AGENT_SESSION_H
#define LAB_AGENT_SESSION_H

#include "tests/lab/agent/proto.h"
#include "tests/lab/lib/loop.h"

struct session;

/* What a kind of work does with its session's events. */
struct session_work {
	void (*frame)(struct session *session, const struct proto_frame *frame);
	/* The outbox took no more, and has room again. */
	void (*room)(struct session *session);
	/* The client is gone: stop, send nothing, call session_work_ended(). */
	void (*cancel)(struct session *session);
};

struct session {
	struct loop *loop;
	struct loop_source port;
	struct proto_decoder dec;
	const struct session_work *work;
	void *work_data;
	bool greeted;
	/* A HELLO that came while the last client's work was being ended. */
	bool hello_waits;
	struct proto_hello hello;
	size_t out_pos;
	size_t out_len;
	uint8_t out[4 * PROTO_WIRE_MAX];
};

/* Takes the fd over when it succeeds; a session lasts as long as the agent. */
int session_open(struct loop *loop, int port_fd, struct session **ret_session);

/* Room for one more data frame; work must ask before it sends one. */
bool session_has_room(const struct session *session);
void session_send(struct session *session, enum proto_type type, const void *payload, size_t len);
void session_send_fail(struct session *session, int error, const char *what);
void session_work_ended(struct session *session);

#endif
