/* SPDX-License-Identifier: GPL-2.0-only */
/* Changes to whoever asked for them, in order; who reads too slowly is let go. */
#ifndef PFKEEPD_EVENTS_H
#define PFKEEPD_EVENTS_H

#include <json-c/json_object.h>

#include "pfkeep/problem.h"

/* Takes over event; waits for nobody. For core.tell. */
void events_tell(void *data, struct json_object *event);
void events_tell_problem(const struct problem *problem);
/* Serve a connection that asked for them until it is gone. */
void events_serve(int fd);

#endif
