/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LIBPFKEEP_LIVE_CMDLINE_H
#define LIBPFKEEP_LIVE_CMDLINE_H

#include "pfkeep/problem.h"

/*
 * May a kernel be jumped into with this command line? It must have live update
 * switched on, and nothing that takes away or moves what live functions need. Said
 * more than once, the last one counts, as for the kernel.
 */
int live_cmdline_check(const char *line, struct problem *problem);

#endif
