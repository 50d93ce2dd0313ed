/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by station.c (the cable, ARP, ICMP) and station_flow.c (flows). */
#ifndef TESTS_LAB_WIRE_STATION_PRIV_H
#define TESTS_LAB_WIRE_STATION_PRIV_H

#include "tests/lab/wire/neighbours.h"
#include "tests/lab/wire/pcap.h"
#include "tests/lab/wire/station.h"

#define STATION_FLOW_PORT 20000 /* + id: the port that an echo flow sends from */

struct station_address {
	uint16_t vlan;
	uint32_t ip;
};

struct station_flow {
	struct station_flow_config config;
	enum station_flow_state state;
	struct flow *flow;
	uint64_t interval_ns;
	uint64_t due_ns; /* of the next frame, ARP request or end of draining */
	uint64_t sent;	 /* since the start, resets or not */
	uint64_t not_sent;
	uint64_t late_max_ns;
};

struct station {
	struct station_config config;
	struct link *link;
	struct pcap *pcap;
	int epoll;
	int timer;
	struct station_counts counts;
	struct station_address addresses[STATION_ADDRESSES];
	size_t n_addresses;
	struct neighbours neighbours;
	struct station_flow *flows[STATION_FLOWS];
	size_t n_flows;
};

bool station_has_address(const struct station *station, uint16_t vlan, uint32_t ip);

/* Sends what is due; returns when to come back, or 0 if nothing will be due. */
uint64_t station_flow_run(struct station *station, uint64_t now_ns);

/* A UDP frame to one of our addresses. */
void station_flow_input(struct station *station, const struct frame *frame, uint64_t now_ns);

/* Sets the timer to what the flows want next. */
void station_arm(struct station *station);

#endif
