/* SPDX-License-Identifier: GPL-2.0-only */
/* A UDP socket and the signals, as the programs inside guests use them. */
#ifndef TESTS_LAB_GUEST_UDP_H
#define TESTS_LAB_GUEST_UDP_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* From where a datagram came, and to which of our addresses. */
struct udp_origin {
	struct sockaddr_in from;
	struct in_pktinfo to;
};

/*
 * Bound to address (0: any) and port (0: the kernel's choice), non-blocking, with
 * a receive buffer that takes what piles up while the guest stands still.
 */
int udp_open(uint32_t address, uint16_t port, int *ret_fd);

int udp_port(int fd, uint16_t *ret_port);

/* The length, or -errno; -EAGAIN when there is no more. */
ssize_t udp_receive(int fd, void *data, size_t size, struct udp_origin *ret_origin);

/* Back to where it came from, from the address and interface that it came to. */
int udp_reply(int fd, void *data, size_t len, const struct udp_origin *origin);

/* Reads SIGINT and SIGTERM (end) and SIGUSR1 (report) instead of their default. */
int udp_signals(int *ret_fd);

/* CLOCK_MONOTONIC in ns */
uint64_t udp_now(void);

#endif
