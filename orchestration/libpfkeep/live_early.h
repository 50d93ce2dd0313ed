/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether the VMs can go on from the next kernel's initramfs: it has the root and
 * /usr mounted, and nothing else.
 */
#ifndef LIBPFKEEP_LIVE_EARLY_H
#define LIBPFKEEP_LIVE_EARLY_H

#include "pfkeep/live.h"
#include "pfkeep/root.h"

/* On the next kernel's command line: not before the host's init. The last one counts. */
#define LIVE_EARLY "pfkeep.restore=early"
#define LIVE_LATE  "pfkeep.restore=late"

int live_early(const struct root *root, const struct live *live, bool *ret_early,
	       struct problem *problem);
/* Without the words of ours that an update before this one has left there. */
void live_early_strip(char *cmdline);

#endif
