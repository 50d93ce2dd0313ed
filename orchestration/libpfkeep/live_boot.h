/* SPDX-License-Identifier: GPL-2.0-only */
/* What of the time between the jump and the restore was whose. */
#ifndef LIBPFKEEP_LIVE_BOOT_H
#define LIBPFKEEP_LIVE_BOOT_H

#include "pfkeep/live.h"

/*
 * Phases "jump" (until the kernel's clock began), "kernel" (until its init) and
 * "init" (until now, which is ticks); or one "boot", if the kernel doesn't say.
 */
void live_boot_split(struct live *live, const struct root *root, uint64_t ticks);

/* When the kernel started init, from a line of /dev/kmsg. */
bool live_boot_is_init(const char *line, uint64_t *ret_us);

#endif
