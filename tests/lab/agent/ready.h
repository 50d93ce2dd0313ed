/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * When is the lab host ready? When a socket exists and a command that talks to
 * it has ended with 0: labd hears of it as the event "ready".
 */
#ifndef LAB_AGENT_READY_H
#define LAB_AGENT_READY_H

#include "tests/lab/agent/events.h"
#include "tests/lab/lib/loop.h"

/* Wait for path, then run argv (kept, not copied) and post how it ended. */
int ready_watch(struct loop *loop, struct events *events, const char *path, char *const *argv);

#endif
