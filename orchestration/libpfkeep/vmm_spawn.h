/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Start a program as libvirt started another that runs: in its control group and mount
 * namespace, with its user, groups, limits, environment and security label.
 */
#ifndef LIBPFKEEP_VMM_SPAWN_H
#define LIBPFKEEP_VMM_SPAWN_H

#include <stddef.h>
#include <sys/types.h>

#include "pfkeep/problem.h"

#define VMM_FD_MAX 512 /* their numbers lie below */

/* A descriptor of ours, and its number in the program. */
struct vmm_pass {
	int fd;
	int as;
};

/* pidfd is that of like. All other descriptors but 0, 1 and 2 of like are closed. */
int vmm_spawn(pid_t like, int pidfd, char *const *argv, const struct vmm_pass *passes, size_t n,
	      pid_t *ret_pid, int *ret_pidfd, struct problem *problem);

/* A copy of another process's descriptor. */
int vmm_fd_of(int pidfd, int fd, int *ret_fd);

/* Kill it and wait for its end. */
int vmm_kill(int pidfd, int timeout_ms);

#endif
