/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rate of this machine's TSC. Under TCG it is the guest's too, and a guest
 * that calibrates it itself gets it wrong on a loaded machine: its KVM then
 * arms timers that its own guests never see.
 */
#ifndef LABD_TSC_H
#define LABD_TSC_H

#include <stdint.h>

struct tsc_sample {
	uint64_t tsc;
	uint64_t ns;
	uint64_t width; /* TSC ticks that reading ns took */
};

/* -ENOTSUP on a machine without a TSC. Takes about a fifth of a second. */
int tsc_measure(unsigned int *ret_khz);
/* kHz from two samples; -ERANGE for nonsense. */
int tsc_khz_between(const struct tsc_sample *a, const struct tsc_sample *b, unsigned int *ret_khz);

#endif
