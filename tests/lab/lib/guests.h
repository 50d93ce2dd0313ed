/* SPDX-License-Identifier: GPL-2.0-only */
/* What became of the lab host's VMs, from the copies that consoles_collect() made. */
#ifndef LAB_GUESTS_H
#define LAB_GUESTS_H

#include "tests/lab/lib/guest_verdict.h"
#include "tests/lab/lib/rundir.h"

/* The texts of one VM, each its own; guests_free() in every case. */
void guests_read(const struct rundir *dir, const char *name, struct guest_evidence *ret_evidence);
void guests_free(struct guest_evidence *evidence);

/* Calls fn for each VM with a console under which the emulator failed. */
typedef void (*guests_fn)(void *data, const char *name, const struct guest_verdict *verdict);
void guests_judge(const struct rundir *dir, guests_fn fn, void *data);

#endif
