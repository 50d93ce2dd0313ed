/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * labd's control socket: a JSON object a line, {"v":1,"cmd":...} answered by
 * {"v":1,"ok":true,...} or {"v":1,"ok":false,"error":"..."}.
 */
#ifndef LABD_CTL_H
#define LABD_CTL_H

#include <json-c/json.h>
#include <stdbool.h>

#include "tests/lab/lib/jsonline.h"
#include "tests/lab/lib/loop.h"
#include "tests/lab/lib/rundir.h"

#define CTL_VERSION 1
#define CTL_CLIENTS 64

struct ctl;

struct ctl_client {
	struct ctl *ctl;
	struct loop_source src; /* fd -1: free */
	struct jsonline in;
	bool watches;	     /* gets events */
	uint32_t generation; /* differs for each user of this place */
};

struct ctl {
	struct loop *loop;
	struct loop_source listen;
	struct ctl_client clients[CTL_CLIENTS];
	/*
	 * Answers with ctl_reply() or ctl_fail(), now or later, or takes the
	 * socket with ctl_steal().
	 */
	void (*on_request)(void *data, struct ctl_client *client, json_object *request);
	void *data;
};

int ctl_open(struct loop *loop, struct ctl *ctl, const struct rundir *dir);
void ctl_close(struct ctl *ctl);
/* Takes reply over; NULL for an answer with nothing but "ok". */
void ctl_reply(struct ctl_client *client, json_object *reply);
__attribute__((format(printf, 2, 3))) void ctl_fail(struct ctl_client *client, const char *format,
						    ...);
/* To all that watch; event stays the caller's. */
void ctl_publish(struct ctl *ctl, json_object *event);
/* The client's descriptor, now the caller's. */
int ctl_steal(struct ctl_client *client);

#endif
