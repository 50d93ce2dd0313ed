/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How often each duration was seen, in constant space: 64 steps to each power
 * of two, so that a percentile is at most 1.6 % above the true value, and the
 * least and the greatest are exact.
 */
#ifndef TESTS_LAB_WIRE_HISTOGRAM_H
#define TESTS_LAB_WIRE_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEPS	  64
#define HISTOGRAM_BUCKETS (59 * HISTOGRAM_STEPS)

struct histogram {
	uint64_t total;
	uint64_t min;
	uint64_t max;
	uint32_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t value);

/* The value that permille of all are not above (nearest rank); 0 if there is none. */
uint64_t histogram_permille(const struct histogram *histogram, unsigned int permille);

#endif
