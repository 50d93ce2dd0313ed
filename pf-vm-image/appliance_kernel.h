/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A kernel for libguestfs' appliance: the machine's own if /boot has one, else
 * Debian's cloud kernel, unpacked into the cache. Nothing is installed.
 */
#ifndef PF_VM_IMAGE_APPLIANCE_KERNEL_H
#define PF_VM_IMAGE_APPLIANCE_KERNEL_H

#include "tests/lab/products/problem.h"

/* Sets SUPERMIN_KERNEL and SUPERMIN_MODULES where they are needed. */
int appliance_kernel_provide(struct problem *p);

#endif
