/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libvirtd stands still while the process behind a domain changes, and then starts anew
 * from its own account of the domains. Its clients wait; VMs don't notice.
 */
#ifndef LIBPFKEEP_VMM_LIBVIRTD_H
#define LIBPFKEEP_VMM_LIBVIRTD_H

#include <limits.h>
#include <sys/types.h>

#include "pfkeep/problem.h"
#include "pfkeep/root.h"

struct vmm_libvirtd {
	char cgroup[PATH_MAX];
	int pidfd;
	int guard; /* lets libvirtd run again when this end closes, if by our death */
};

/* Whichever of libvirtd and virtqemud runs; -ENOTSUP if it is no unit of systemd. */
int vmm_libvirtd_hold(const struct root *root, struct vmm_libvirtd *ret_daemon,
		      struct problem *problem);
/* The same without holding it: could it be done? To be let go, too. */
int vmm_libvirtd_find(const struct root *root, struct vmm_libvirtd *ret_daemon,
		      struct problem *problem);
/* It goes on as if nothing had been. */
void vmm_libvirtd_let_go(struct vmm_libvirtd *daemon);
/* It is killed where it stands; systemd starts it again. */
int vmm_libvirtd_renew(struct vmm_libvirtd *daemon, struct problem *problem);

#endif
