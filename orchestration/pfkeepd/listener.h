/* SPDX-License-Identifier: GPL-2.0-only */
/* The daemon's socket; each connection is served by a thread of its own. */
#ifndef PFKEEPD_LISTENER_H
#define PFKEEPD_LISTENER_H

#include <systemd/sd-event.h>

#include "orchestration/pfkeepd/service.h"
#include "pfkeep/problem.h"

#define LISTENER_CONNECTIONS 256

struct listener {
	struct service *service;
	const char *path;
	int fd;
	sd_event_source *source;
};

/*
 * A socket of mode 0600 at path, in the place of one that nobody listens at any
 * more. -EADDRINUSE if somebody does.
 */
int listener_open(struct listener *listener, sd_event *event, struct service *service,
		  const char *path, struct problem *problem);
void listener_close(struct listener *listener);

#endif
