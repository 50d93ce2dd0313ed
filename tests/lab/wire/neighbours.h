/* SPDX-License-Identifier: GPL-2.0-only */
/* Who has which address on which VLAN, as seen; the least recently seen makes room. */
#ifndef TESTS_LAB_WIRE_NEIGHBOURS_H
#define TESTS_LAB_WIRE_NEIGHBOURS_H

#include <stddef.h>
#include <stdint.h>

#include "tests/lab/wire/frame.h"

#define NEIGHBOURS_MAX 1024

struct neighbour {
	uint16_t vlan;
	uint32_t ip;
	struct frame_mac mac;
	uint64_t seen_ns;
};

struct neighbours {
	struct neighbour list[NEIGHBOURS_MAX];
	size_t n;
};

void neighbours_learn(struct neighbours *neighbours, uint16_t vlan, uint32_t ip,
		      const struct frame_mac *mac, uint64_t now_ns);

/* NULL if unknown. */
const struct neighbour *neighbours_find(const struct neighbours *neighbours, uint16_t vlan,
					uint32_t ip);

#endif
