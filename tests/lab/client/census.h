/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a leak would add to: things that can be counted exactly, and memory, where
 * only a steady growth says something.
 */
#ifndef TESTS_LAB_CLIENT_CENSUS_H
#define TESTS_LAB_CLIENT_CENSUS_H

#include <stdbool.h>

#define CENSUS_PLACES 6
#define CENSUS_SLABS  512

struct census {
	unsigned int entries[CENSUS_PLACES]; /* of folders that have one for each device */
	unsigned int n_slabs;
	struct census_slab {
		char name[32];
		unsigned long objects;
	} slabs[CENSUS_SLABS];
	unsigned long kernel_kib; /* what the kernel uses itself */
};

void census_take(struct census *ret_census);
/* Says what differs; false if anything does. */
bool census_same_entries(const struct census *before, const struct census *after);
/*
 * Has any slab grown between each two of the @n takes by an object a round, or all
 * memory by a page? Says which; false if so.
 */
bool census_no_growth(const struct census *takes, unsigned int n, unsigned int rounds);

#endif
