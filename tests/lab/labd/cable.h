/* SPDX-License-Identifier: GPL-2.0-only */
/* The cables of a lab: a station at the far end of each network PF. */
#ifndef LABD_CABLE_H
#define LABD_CABLE_H

#include <json-c/json.h>

#include "tests/lab/labd/ctl.h"
#include "tests/lab/lib/loop.h"
#include "tests/lab/lib/rundir.h"
#include "tests/lab/lib/spec.h"

#define CABLE_WAITERS 32

struct station;

struct cable {
	struct loop_source src;
	struct station *station; /* NULL: this PF has no cable */
};

/* Somebody who waits for a flow's end. */
struct cable_waiter {
	struct ctl_client *client; /* NULL: free */
	uint32_t generation;
	unsigned int pf;
	unsigned int flow;
};

struct cables {
	struct loop *loop;
	unsigned int n;
	struct cable cable[LAB_PF_MAX];
	struct cable_waiter waiters[CABLE_WAITERS];
};

/* Each station has the address 10.77.PF.1, and captures into wire.PF.pcap. */
int cables_open(struct loop *loop, struct cables *cables, const struct lab_spec *spec,
		const struct rundir *dir, struct lab_error *ret_error);
void cables_close(struct cables *cables);

/* One of labctl's wire commands: "pf", "action" and what the action takes. */
void cables_request(struct cables *cables, struct ctl_client *client, json_object *request);

#endif
