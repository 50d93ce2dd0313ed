/* SPDX-License-Identifier: GPL-2.0-only */
/* Which driver a PCI function is bound to. */
#ifndef PFKEEP_DRIVER_H
#define PFKEEP_DRIVER_H

#include <stdbool.h>

#include "pfkeep/bdf.h"
#include "pfkeep/problem.h"
#include "pfkeep/root.h"

#define DRIVER_VFIO "vfio-pci-sriov"

/*
 * Bind the function to the driver and to no other from now on (driver_override).
 * Nothing to do if it is. On failure it is with its old driver again, as far as
 * that takes it back.
 */
int driver_bind(const struct root *root, const struct bdf *bdf, const char *driver,
		struct problem *problem);

/*
 * Give the function back: to the driver of that name, or to none if it is
 * empty; the next driver may be any again.
 */
int driver_restore(const struct root *root, const struct bdf *bdf, const char *driver,
		   struct problem *problem);

/*
 * DRIVER_VFIO's keep-alive: the function stays as it is when its user is gone, bus
 * mastering included. With another driver it is off, and only to switch it on fails.
 */
int driver_keep_alive(const struct root *root, const struct bdf *bdf, bool on,
		      struct problem *problem);

#endif
