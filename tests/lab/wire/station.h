/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The far end of a PF's cable: an Ethernet station with addresses on any VLAN,
 * which answers ARP and ICMP echo, learns who is there, and runs flows.
 *
 * It lives in its owner's event loop: wait until station_fd() is readable, then
 * call station_poll(). It never blocks, has no thread, and has nothing to do
 * between events. A QEMU that goes and comes back (see link.h for its side) finds
 * addresses and flows as they were; meanwhile flows send nothing, and what they
 * could not send isn't counted as sent.
 */
#ifndef TESTS_LAB_WIRE_STATION_H
#define TESTS_LAB_WIRE_STATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/lab/wire/flow.h"
#include "tests/lab/wire/frame.h"
#include "tests/lab/wire/link.h"

#define STATION_ADDRESSES 256
#define STATION_FLOWS	  64
#define STATION_RATE_MAX  100000 /* frames a second */
#define STATION_DRAIN_NS  2000000000ull

struct station;

struct station_config {
	const char *path; /* of the socket that QEMU connects to; NULL: station_attach() */
	struct frame_mac mac;
	const char *pcap_path; /* NULL: no capture */
	uint64_t pcap_max_bytes;
	uint64_t drain_ns; /* how long answers may take after the last frame; 0: STATION_DRAIN_NS */
	/* Every frame that arrives, before the station deals with it; may be NULL. */
	void (*on_frame)(void *arg, const uint8_t *frame, size_t len, uint64_t now_ns);
	void *arg;
};

int station_open(const struct station_config *config, struct station **ret_station);
int station_attach(struct station *station, int fd);
void station_close(struct station *station);

int station_fd(const struct station *station);
int station_poll(struct station *station);

bool station_is_up(const struct station *station);

/* The station answers for ip on vlan. -EEXIST, -ENOSPC. */
int station_add_address(struct station *station, uint16_t vlan, uint32_t ip);

/* Any frame, as it is. Errors as of link_send(). */
int station_send(struct station *station, const uint8_t *frame, size_t len);

/* What ARP and IPv4 have shown; -ENOENT if not (yet) seen. */
int station_neighbour(const struct station *station, uint16_t vlan, uint32_t ip,
		      struct frame_mac *ret_mac);

enum station_flow_kind {
	STATION_ECHO,	 /* we send, an echo program in the guest answers */
	STATION_SEND,	 /* we send, a receiver in the guest counts */
	STATION_RECEIVE, /* a guest sends, we count */
};

struct station_flow_config {
	enum station_flow_kind kind;
	uint16_t id; /* ours, not 0 */
	uint16_t vlan;
	uint32_t src_ip;	  /* ours, must be an address on vlan; RECEIVE: any if 0 */
	uint32_t dst_ip;	  /* RECEIVE: the sender, any if 0 */
	struct frame_mac dst_mac; /* zero: by ARP */
	uint16_t port;		  /* theirs; RECEIVE: ours. 0: FLOW_ECHO_PORT */
	uint32_t rate;		  /* frames a second */
	uint32_t size;		  /* of the UDP payload */
	uint64_t count;		  /* frames to send, 0: until stopped */
};

/*
 * -EEXIST: the id is taken; -EADDRNOTAVAIL: src_ip isn't ours; -ERANGE: rate, size or id;
 * -ENOSPC: too many flows.
 */
int station_flow_start(struct station *station, const struct station_flow_config *config);

/* Sends no more; answers are still taken. -ENOENT. */
int station_flow_stop(struct station *station, uint16_t id);

/* Counts anew from here, so that a warm-up isn't measured. -ENOENT. */
int station_flow_reset(struct station *station, uint16_t id);

/* Forgets the flow. -ENOENT. */
int station_flow_remove(struct station *station, uint16_t id);

enum station_flow_state {
	STATION_FLOW_RESOLVING, /* waits for ARP */
	STATION_FLOW_RUNNING,
	STATION_FLOW_DRAINING, /* has sent all; answers may be under way */
	STATION_FLOW_DONE,
};

struct station_flow_info {
	struct station_flow_config config;
	struct frame_mac dst_mac;
	enum station_flow_state state;
	uint64_t not_sent;    /* due, but the cable was down or full, or we too late */
	uint64_t late_max_ns; /* how late the station itself was to send, at worst */
	const struct flow *flow;
};

/* By position, 0 up; -ENOENT after the last. */
int station_flow_info(const struct station *station, size_t i, struct station_flow_info *ret_info);

struct station_counts {
	struct link_counts link;
	uint64_t malformed;
	uint64_t arp_answered;
	uint64_t icmp_answered;
	uint64_t stray; /* flow datagrams that no flow here claims */
	uint64_t captured;
	int capture_error; /* why the capture ended, or 0 */
};

struct station_counts station_counts(const struct station *station);
struct frame_mac station_mac(const struct station *station);

/* Neighbours by position, for the report; -ENOENT after the last. */
int station_neighbour_info(const struct station *station, size_t i, uint16_t *ret_vlan,
			   uint32_t *ret_ip, struct frame_mac *ret_mac);

/* CLOCK_MONOTONIC in ns: what all times of the station are in. */
uint64_t station_now(void);

#endif
