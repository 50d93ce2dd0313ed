/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A flow: numbered, timestamped and checksummed datagrams, and the exact account
 * of what became of each. Pure: the caller sends, receives and tells the time
 * (CLOCK_MONOTONIC, in ns), so the wire and the programs in guests share it.
 *
 * An echo flow is accounted by its sender, who knows every number that it sent.
 * A one-way flow is accounted by its receiver, who takes the greatest number it
 * has seen for the number sent.
 */
#ifndef TESTS_LAB_WIRE_FLOW_H
#define TESTS_LAB_WIRE_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/lab/wire/histogram.h"

#define FLOW_PAYLOAD_MIN 28
#define FLOW_PAYLOAD_MAX 8972
#define FLOW_ECHO_PORT	 7777

/* Numbers further back than this can't be told from duplicates: "late". */
#define FLOW_WINDOW (1u << 20)

enum flow_kind {
	FLOW_ECHO = 1,
	FLOW_ONE_WAY = 2,
};

struct flow_payload {
	enum flow_kind kind;
	uint16_t id;
	uint64_t number;
	uint64_t sent_ns;
};

/* len must be at least FLOW_PAYLOAD_MIN; the rest is filled with a pattern. */
void flow_payload_build(uint8_t *data, size_t len, const struct flow_payload *payload);

/* -EPROTO: no flow's datagram. -EBADMSG: one, but damaged. */
int flow_payload_parse(const uint8_t *data, size_t len, struct flow_payload *ret_payload);

struct flow_gap {
	uint64_t start_ns; /* the last arrival before it, or the first send */
	uint64_t end_ns;   /* the arrival that ended it; if open, the last send */
	bool open;
};

struct flow {
	bool sender;	   /* knows what was sent */
	uint64_t base;	   /* the number that the account begins with */
	uint64_t next;	   /* sender: to send; receiver: the greatest seen + 1 */
	uint64_t newest;   /* the greatest number received + 1 */
	uint64_t received; /* each number once */
	uint64_t duplicated;
	uint64_t reordered; /* received after a greater number */
	uint64_t corrupted;
	uint64_t late;	   /* so far back that it may be a duplicate; counted as nothing else */
	uint64_t early;	   /* from before base; counted as nothing else */
	uint64_t first_ns; /* first send (receiver: arrival) */
	uint64_t last_sent_ns;
	uint64_t last_received_ns;
	struct flow_gap longest;	 /* among those that have ended */
	struct histogram rtt;		 /* senders only */
	uint64_t seen[FLOW_WINDOW / 64]; /* one bit a number, by its low bits */
};

/* NULL if out of memory; ended by free(). */
struct flow *flow_new(bool sender);

/* Starts the account anew; what is still under way belongs to the old one. */
void flow_reset(struct flow *flow);

/* Returns the number to send now. */
uint64_t flow_send(struct flow *flow, uint64_t now_ns);

/* A datagram of this flow arrived whole; what can't be true counts as corrupted. */
void flow_receive(struct flow *flow, const struct flow_payload *payload, uint64_t now_ns);
void flow_receive_corrupted(struct flow *flow);

uint64_t flow_sent(const struct flow *flow);

/* Numbers not seen though a greater one was. */
uint64_t flow_lost(const struct flow *flow);

/* Numbers sent after the newest that was seen: lost, or still under way. */
uint64_t flow_pending(const struct flow *flow);

/* The longest time without an arrival: the blackout. */
struct flow_gap flow_longest_gap(const struct flow *flow);

#endif
