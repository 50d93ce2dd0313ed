/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is said of the last live update: the record that the kernels hand over, with
 * how it ended. It is on disk before the jump, so that an update of which the next
 * kernel knows nothing is told, too.
 */
#ifndef PFKEEP_LIVEREPORT_H
#define PFKEEP_LIVEREPORT_H

#include "pfkeep/live.h"

int live_report_read(const struct root *root, struct live *ret_live, struct problem *problem);
int live_report_write(const struct root *root, const struct live *live, struct problem *problem);

/*
 * The kernel that was jumped into can't read what it was handed, or got nothing: the
 * report that was left before the jump, if there is one, says so now.
 */
void live_report_lost(const struct root *root, const char *stage, const struct problem *problem);

/* How an update ended that failed. The first failure counts. */
void live_fail(struct live *live, const char *stage, const struct problem *problem);

/* 0 where the counter's speed isn't known, or goes backwards. */
double live_report_ms(const struct live *live, uint64_t from, uint64_t to);

/* A VM's silence: from its stop until it ran again. */
struct live_blackout {
	uint64_t from, to;
	bool over;    /* it ran again */
	bool stopped; /* else it never stood still */
};
struct live_blackout live_report_blackout(const struct live_vm *vm);

/* Of those VMs that ran again. */
double live_report_longest_ms(const struct live *live);

/* When it all began, by the counter. */
uint64_t live_report_begin(const struct live *live);
/* And ended. */
uint64_t live_report_end(const struct live *live);

#endif
