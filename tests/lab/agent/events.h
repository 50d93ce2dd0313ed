/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the agent tells labd unasked, over the port PROTO_EVENT_PORT: one EVENT
 * frame each, lines of key=value, "event" first:
 *
 *	event=boot boot_id= release=	the agent runs, in this boot of the kernel
 *	event=ready status=		the readiness command ended
 *	event=stopping			the lab host shuts down (or is about to kexec)
 */
#ifndef LAB_AGENT_EVENTS_H
#define LAB_AGENT_EVENTS_H

#include "tests/lab/agent/proto.h"
#include "tests/lab/lib/loop.h"

struct events {
	struct loop_source port;
	size_t len;
	uint8_t out[2 * PROTO_WIRE_MAX];
};

/* Takes the fd over when it succeeds. */
int events_open(struct loop *loop, int port_fd, struct events **ret_events);
__attribute__((format(printf, 2, 3))) void events_post(struct events *events, const char *format,
						       ...);
void events_post_boot(struct events *events);

#endif
