/* SPDX-License-Identifier: GPL-2.0-only */
/* A command that a client had started: its process group and its three streams. */
#ifndef LAB_AGENT_COMMAND_H
#define LAB_AGENT_COMMAND_H

#include "tests/lab/agent/session.h"

/* Start what the EXEC frame asks for as the session's work, or answer FAIL. */
void command_start(struct session *session, const struct proto_frame *frame);

#endif
