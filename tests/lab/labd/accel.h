/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KVM or TCG? /dev/kvm may be there and open and yet boot no kernel, or boot one
 * that can have no VMs of its own. So what it promises is checked, a kernel is
 * booted with it, and the verdict is remembered for this machine.
 */
#ifndef LABD_ACCEL_H
#define LABD_ACCEL_H

#include <stdbool.h>

#include "tests/lab/lib/artifacts.h"

struct accel {
	bool kvm;
	char reason[160];
};

/* Never fails: what can't be found out means TCG. memory is the verdict's file. */
void accel_choose(const struct artifacts *artifacts, const char *memory, struct accel *ret_accel);

/* Do these texts (/proc/cpuinfo, the module's "nested" parameter) promise nesting? */
bool accel_promises_nesting(const char *cpuinfo, const char *nested, const char **ret_reason);

#endif
