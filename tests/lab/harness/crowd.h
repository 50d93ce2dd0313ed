/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Many tenants at once, called t1, t2, and so on: defined, started and stopped side by side by
 * shell functions in the lab host, which crowd.c lists.
 */
#ifndef TESTS_LAB_HARNESS_CROWD_H
#define TESTS_LAB_HARNESS_CROWD_H

#include "tests/lab/harness/bench.h"
#include "tests/lab/harness/lab.h"

struct crowd {
	struct lab *lab;
	unsigned int tenants;
	unsigned int limit_s; /* of each command: what takes longer is a deadlock, or as bad */
	const char *words;    /* to who has no VF and starts */
	char vars[80];	      /* the shell's, such as PFs: "pf=0000:01:00.0" */
};

/*
 * The XML of tn for each n from first to last, each of which wants one VF of the PF, whichever:
 * that of the lab's small guest at 10.77.0.(10+n), changed by a sed script.
 */
void crowd_write(const struct crowd *crowd, unsigned int first, unsigned int last, const char *pf,
		 const char *change);
/* A script with the shell functions and the variables; its output, which the caller frees. */
char *crowd_run(const struct crowd *crowd, unsigned int timeout_s, const char *script);
/*
 * All of them start and stop this many times, side by side, while the commands' shell functions
 * with these names are done again and again. The slowest of what is timed becomes figures.
 */
void crowd_cycle(const struct crowd *crowd, struct bench *bench, unsigned int rounds,
		 const char *commands, const char *names);
/* They are undefined: no VF has an owner, no token is left, the kernel has no complaint. */
void crowd_assert_gone(const struct crowd *crowd);

#endif
