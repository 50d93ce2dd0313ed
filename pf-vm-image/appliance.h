/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libguestfs, made to start on a machine that has no kernel of its own to lend
 * (a container, a fresh install) or whose /dev/kvm can't boot one.
 */
#ifndef PF_VM_IMAGE_APPLIANCE_H
#define PF_VM_IMAGE_APPLIANCE_H

#include <guestfs.h>

#include "tests/lab/products/problem.h"
#include "tests/lab/products/progress.h"

/* A handle that draws its progress on pg (may be NULL); not launched. */
int appliance_open(struct progress *pg, const char *tmpdir, const char *log, guestfs_h **ret_g,
		   struct problem *p);
int appliance_launch(guestfs_h *g, struct problem *p);

/* Writes all back and ends the appliance; -EIO if that failed. */
int appliance_close(guestfs_h *g, struct problem *p);

#endif
