/* SPDX-License-Identifier: GPL-2.0-only */
/* What the lab host's agent tells: each boot of a kernel, and readiness. */
#ifndef LABD_GUEST_H
#define LABD_GUEST_H

#include <stdbool.h>

#include "tests/lab/agent/proto.h"
#include "tests/lab/lib/loop.h"

#define GUEST_BOOTS 64

struct guest_boot {
	char boot_id[40];
	char release[65];
	double at;	 /* labd's uptime when the agent came up */
	double ready_at; /* when libvirt answered; 0: not yet */
	int ready_status;
};

struct guest {
	struct loop *loop;
	struct loop_source src;
	struct proto_decoder dec;
	bool stopping;
	unsigned int n_boots; /* all; the first GUEST_BOOTS of them are kept */
	struct guest_boot boots[GUEST_BOOTS];
	/* event is "boot", "ready" or "stopping"; n_boots is up to date. */
	void (*on_event)(void *data, const char *event);
	void *data;
};

/* Takes the descriptor over. */
int guest_open(struct loop *loop, struct guest *guest, int fd);
void guest_close(struct guest *guest);
/* The boot that runs now, NULL before the first. */
struct guest_boot *guest_current(struct guest *guest);

#endif
