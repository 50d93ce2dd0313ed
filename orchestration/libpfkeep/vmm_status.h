/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libvirtd's own account of the domains that run, below /run/libvirt/qemu. It reads it
 * when it starts, and so finds another process for a domain than the one it left. To
 * be written only while libvirtd doesn't run.
 */
#ifndef LIBPFKEEP_VMM_STATUS_H
#define LIBPFKEEP_VMM_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "pfkeep/problem.h"
#include "pfkeep/root.h"

/* The process of a domain. -ENOENT: it doesn't run. */
int vmm_status_pid(const struct root *root, const char *domain, pid_t *ret_pid,
		   struct problem *problem);
/* A terminal that the new QEMU has opened for its character device. */
struct vmm_pty {
	char chardev[64];
	char path[64];
};

/* From now on it is another, of this program. -ESTALE if it wasn't old before. */
struct vmm_status {
	pid_t old, new;
	const char *program;
	const struct vmm_pty *ptys;
	size_t n_ptys;
	bool bare; /* not in a mount namespace of its own, whatever it was before */
};

/* The account itself, and, where there is none, that one with what changes. */
int vmm_status_read(const struct root *root, const char *domain, char **ret_text,
		    struct problem *problem);
int vmm_status_restore(const struct root *root, const char *domain, const char *text,
		       const struct vmm_status *status, struct problem *problem);

int vmm_status_set(const struct root *root, const char *domain, const struct vmm_status *status,
		   struct problem *problem);

#endif
