/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The cable to QEMU: frames over a unix stream socket, each after its length as
 * four bytes, big-endian. We listen and QEMU connects, again whenever it starts:
 *
 *   -netdev stream,id=wire0,server=off,addr.type=unix,addr.path=PATH,reconnect-ms=100
 *
 * (reconnect=1, in seconds, with QEMU 8.0 to 9.1; with either, QEMU may be the first
 * to start, and outlives us, too.)
 *
 * One peer at a time; the next waits until the one before has gone. Nothing here
 * blocks: what the peer doesn't take at once is queued, and beyond LINK_QUEUE
 * bytes it is refused, as a real cable's far end would drop it.
 */
#ifndef TESTS_LAB_WIRE_LINK_H
#define TESTS_LAB_WIRE_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINK_QUEUE (1u << 20)

struct link;

typedef void (*link_frame_fn)(void *arg, const uint8_t *frame, size_t len);

/* path may be NULL: then the peer comes by link_attach(). A stale socket file is replaced. */
int link_open(const char *path, link_frame_fn on_frame, void *arg, struct link **ret_link);

/* Takes a connected stream socket as the peer; -EBUSY if there is one. */
int link_attach(struct link *link, int fd);

/* Readable when link_poll() has something to do. */
int link_fd(const struct link *link);

/* Accepts, reads all that is there (calling on_frame), writes what is queued. */
int link_poll(struct link *link);

bool link_is_up(const struct link *link);

/* 0 if sent or queued; -ENOTCONN, -ENOBUFS (the queue is full) or -EMSGSIZE. */
int link_send(struct link *link, const uint8_t *frame, size_t len);

struct link_counts {
	uint64_t connects;
	uint64_t disconnects;
	uint64_t protocol_errors; /* a length that can't be; the peer was dropped */
	uint64_t sent;
	uint64_t received;
	uint64_t refused; /* by link_send() */
};

const struct link_counts *link_counts(const struct link *link);

/* Removes the socket file. NULL is fine. */
void link_close(struct link *link);

#endif
