// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/wire/histogram.h"

#define STEP_BITS 6 /* of HISTOGRAM_STEPS */

static unsigned int bucket_of(uint64_t value)
{
	unsigned int shift;

	if (value < HISTOGRAM_STEPS)
		return (unsigned int)value;
	shift = 63 - (unsigned int)__builtin_clzll(value) - STEP_BITS;
	return shift * HISTOGRAM_STEPS + (unsigned int)(value >> shift);
}

/* The greatest value that falls into the bucket. */
static uint64_t bucket_top(unsigned int bucket)
{
	unsigned int shift;
	uint64_t step;

	if (bucket < HISTOGRAM_STEPS)
		return bucket;
	shift = bucket / HISTOGRAM_STEPS - 1;
	step = bucket % HISTOGRAM_STEPS + HISTOGRAM_STEPS;
	return ((step + 1) << shift) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
	histogram->buckets[bucket_of(value)]++;
	if (histogram->total == 0 || value < histogram->min)
		histogram->min = value;
	if (value > histogram->max)
		histogram->max = value;
	histogram->total++;
}

uint64_t histogram_permille(const struct histogram *histogram, unsigned int permille)
{
	uint64_t rank = (histogram->total * permille + 999) / 1000, seen = 0;

	if (histogram->total == 0)
		return 0;
	if (rank == 0)
		return histogram->min;
	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		uint64_t top;

		seen += histogram->buckets[i];
		if (seen < rank)
			continue;
		top = bucket_top(i);
		return top < histogram->max ? top : histogram->max;
	}
	return histogram->max;
}
