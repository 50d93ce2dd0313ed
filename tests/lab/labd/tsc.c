// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/labd/tsc.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

#define TSC_SPAN_MS  200
#define TSC_ATTEMPTS 200
#define TSC_KHZ_MIN  100000
#define TSC_KHZ_MAX  10000000

int tsc_khz_between(const struct tsc_sample *a, const struct tsc_sample *b, unsigned int *ret_khz)
{
	uint64_t ticks, ns, khz;

	if (b->ns <= a->ns || b->tsc <= a->tsc)
		return -ERANGE;
	ticks = b->tsc - a->tsc;
	ns = b->ns - a->ns;
	khz = (uint64_t)(((__uint128_t)ticks * 1000000 + ns / 2) / ns);
	if (khz < TSC_KHZ_MIN || khz > TSC_KHZ_MAX)
		return -ERANGE;
	*ret_khz = (unsigned int)khz;
	return 0;
}

#ifdef __x86_64__
#include <x86intrin.h>

/* The tightest of many: a sample that was interrupted is wide. */
static struct tsc_sample tsc_sample(void)
{
	struct tsc_sample best = { .width = UINT64_MAX };
	struct timespec ts;
	unsigned int aux;
	uint64_t before, after;

	for (int i = 0; i < TSC_ATTEMPTS; i++) {
		before = __rdtscp(&aux);
		clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
		after = __rdtscp(&aux);
		if (after - before >= best.width)
			continue;
		best.width = after - before;
		best.tsc = before + best.width / 2;
		best.ns = (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
	}
	return best;
}

int tsc_measure(unsigned int *ret_khz)
{
	struct tsc_sample first = tsc_sample(), second;

	/* The span is what is measured; how long it really was is read off. */
	poll(NULL, 0, TSC_SPAN_MS);
	second = tsc_sample();
	return tsc_khz_between(&first, &second, ret_khz);
}
#else
int tsc_measure(unsigned int *ret_khz)
{
	return -ENOTSUP;
}
#endif
