/* SPDX-License-Identifier: GPL-2.0-only */
/* Terminals that a QEMU has opened for its character devices. */
#ifndef LIBPFKEEP_VMM_PTY_H
#define LIBPFKEEP_VMM_PTY_H

#include <json-c/json_object.h>

#include "orchestration/libpfkeep/vmm_status.h"

#define VMM_PTYS_MAX 16

/* Of what query-chardev answers: how many. */
size_t vmm_pty_list(struct json_object *chardevs, struct vmm_pty ret_ptys[static VMM_PTYS_MAX]);

#endif
