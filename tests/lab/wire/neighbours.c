// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/wire/neighbours.h"

#include <stdbool.h>

/* The index, or n if there is none. */
static size_t find(const struct neighbours *neighbours, uint16_t vlan, uint32_t ip)
{
	size_t i;

	for (i = 0; i < neighbours->n; i++) {
		if (neighbours->list[i].ip == ip && neighbours->list[i].vlan == vlan)
			break;
	}
	return i;
}

static size_t oldest(const struct neighbours *neighbours)
{
	size_t oldest = 0;

	for (size_t i = 1; i < neighbours->n; i++) {
		if (neighbours->list[i].seen_ns < neighbours->list[oldest].seen_ns)
			oldest = i;
	}
	return oldest;
}

static bool is_usable(uint32_t ip, const struct frame_mac *mac)
{
	return ip != 0 && !(mac->bytes[0] & 1) && !frame_mac_is_zero(mac);
}

void neighbours_learn(struct neighbours *neighbours, uint16_t vlan, uint32_t ip,
		      const struct frame_mac *mac, uint64_t now_ns)
{
	size_t i;

	if (!is_usable(ip, mac))
		return;
	i = find(neighbours, vlan, ip);
	if (i == NEIGHBOURS_MAX)
		i = oldest(neighbours);
	else if (i == neighbours->n)
		neighbours->n++;
	neighbours->list[i] = (struct neighbour){ vlan, ip, *mac, now_ns };
}

const struct neighbour *neighbours_find(const struct neighbours *neighbours, uint16_t vlan,
					uint32_t ip)
{
	size_t i = find(neighbours, vlan, ip);

	return i < neighbours->n ? &neighbours->list[i] : NULL;
}
