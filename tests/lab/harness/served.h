/* SPDX-License-Identifier: GPL-2.0-only */
/* A tenant on a VF of an adopted PF, as the wire sees it while things happen to its PF VM. */
#ifndef TESTS_LAB_HARNESS_SERVED_H
#define TESTS_LAB_HARNESS_SERVED_H

#include "tests/lab/harness/bench.h"
#include "tests/lab/harness/pfkeep.h"
#include "tests/lab/harness/wire.h"

#define SERVED_MAC    "02:70:66:00:00:01"
#define SERVED_FRAMES 50 /* a second */

struct served {
	struct lab *lab;
	struct bench bench;
	struct tenant tenant;
	char *pf, *pf_vm;
	unsigned int vfs; /* of the PF */
	bool settings;	  /* the PF's driver sets its VFs' MAC, VLAN and so on */
	unsigned int flows;
};

/* The first igb PF is adopted, the tenant has its first VF and answers. */
void served_begin(struct served *served, struct lab *lab);
/* The same of a PF that is adopted and has no settings for its VFs; it is taken over. */
void served_begin_on(struct served *served, struct lab *lab, char *pf);
/* The default name of the PF's VM; the caller frees. */
char *served_pf_vm(const char *pf);
/* Saves the figures under the scenario's name; 0 or -1. */
int served_end(struct served *served, const char *scenario);

/* Frames from the wire to the tenant: so many, or, if 0, until it is finished. */
struct wire_flow served_flow(struct served *served, unsigned int count);
/* None may be lost. */
void served_finish_whole(struct served *served, const struct wire_flow *flow, const char *figure);
/* What is lost and the longest silence are said, and figures. */
void served_finish(struct served *served, const struct wire_flow *flow, const char *figure);

/*
 * The PF is back: some frames are answered within a few looks of the tenant's driver, then
 * all are; the tenant has booted once, has its VF, and its settings can be set.
 */
void served_as_before(struct served *served);

/*
 * A line for the PF VM's shell, whose end nobody waits for; but for these events of the
 * daemon's, if any.
 */
void served_tell_pf_vm(struct served *served, const char *line, const char *events);

#endif
