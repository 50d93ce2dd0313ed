/* SPDX-License-Identifier: GPL-2.0-only */
/* Flows between the far end of a PF's cable and what is behind it. */
#ifndef TESTS_LAB_HARNESS_WIRE_H
#define TESTS_LAB_HARNESS_WIRE_H

#include "tests/lab/harness/lab.h"

struct wire_report {
	struct json_object *json;
	int64_t sent, received, lost, duplicated, corrupted;
	int64_t not_sent; /* due, but the sender or the cable was too slow */
	int64_t gap_ns;	  /* the longest time without an answer */
};

struct wire_report wire_report_parse(const char *json);
void wire_report_free(struct wire_report *report);

/* Numbered frames to an echo program behind PF `pf`. */
struct wire_flow {
	unsigned int pf, id;
	const char *ip;
	unsigned int vlan; /* 0: untagged */
	const char *mac;   /* NULL: by ARP */
	unsigned int rate, size;
	unsigned int count; /* 0: until wire_finish() */
};

void wire_start(struct lab *lab, const struct wire_flow *flow);
/* Waits until all is sent and answered, or stops it; the final account. */
struct wire_report wire_finish(struct lab *lab, const struct wire_flow *flow);

/*
 * The highest rate of the flow, in frames a second for a second each, at which
 * all that was due was sent and came back: by doubling from flow->rate, then
 * between the last two. 0 when not even that was.
 */
unsigned int wire_saturate(struct lab *lab, const struct wire_flow *flow);

/* Something was sent, and nothing came back. */
void wire_assert_silent(const struct wire_report *report);
/* Something was sent, all of it came back once and as it was. */
void wire_assert_whole(const struct wire_report *report);

#endif
