/* SPDX-License-Identifier: GPL-2.0-only */
/* A file on its way into the lab host (push) or out of it (pull). */
#ifndef LAB_AGENT_TRANSFER_H
#define LAB_AGENT_TRANSFER_H

#include "tests/lab/agent/session.h"

void transfer_push(struct session *session, const struct proto_frame *frame);
void transfer_pull(struct session *session, const struct proto_frame *frame);

#endif
