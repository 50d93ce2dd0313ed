/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For the station's tests: a peer on the other end of the cable that behaves as
 * told. It stands for QEMU and a guest; the lab itself runs the real ones.
 */
#ifndef TESTS_LAB_WIRE_FAKE_GUEST_H
#define TESTS_LAB_WIRE_FAKE_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/lab/wire/frame.h"

struct fake_guest {
	int fd;
	struct frame_mac mac;
	uint16_t vlan;
	uint32_t ip;
	/* What it does to every nth datagram that it echoes; 0: never. */
	unsigned int drop_nth;
	unsigned int duplicate_nth;
	unsigned int corrupt_nth;
	unsigned int swap_nth; /* answers it after the next one */
	bool silent;
	unsigned int echoed;
	unsigned int arp_requests;
	unsigned int arp_replies;
	unsigned int icmp_replies;
	struct frame_mac told_mac; /* of the last ARP reply */
	uint8_t held[FRAME_MAX];
	size_t held_len;
	uint8_t input[1 << 20];
	size_t input_len;
};

/* Reads what is there and answers; returns false when the station has hung up. */
bool fake_guest_poll(struct fake_guest *guest);

void fake_guest_send(struct fake_guest *guest, const uint8_t *frame, size_t len);

#endif
