/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * qemu-guest-agent in a PF VM, as its documentation says that it answers: the
 * attributes of one PF, and ip. Setting sriov_numvfs in it makes VFs in the fake
 * host, as the real path through QEMU and our driver does.
 */
#ifndef ORCHESTRATION_TESTING_FAKEGUEST_H
#define ORCHESTRATION_TESTING_FAKEGUEST_H

#include <stdint.h>

#include "orchestration/testing/fakehost.h"
#include "pfkeep/agent.h"
#include "pfkeep/vfconf.h"

struct fakeguest {
	struct fakehost *host; /* may be NULL */
	char pf[BDF_TEXT];     /* on the host */
	uint16_t total_vfs, num_vfs;
	int driver_after;  /* reads of uevent until the driver is there */
	int fail_write;	   /* sriov_numvfs is refused */
	bool up, needs_up; /* the interface is; without it no VFs are made, which is not said */
	int silent;	   /* no reply at all */
	int ip_status;	   /* exit status of ip link set */
	char ip[512];	   /* words of the last ip link set, the whole line */
	unsigned int n_ip; /* how often that was run */
	struct vfconf confs[256]; /* what the driver was told, by VF */
	/* Instead of the answer to the command of this name. */
	const char *lie_about;
	const char *lie;
	/* of the agent's own */
	char path[128];
	char *output;
	char *pending;
	unsigned int polls;
};

struct agent_link fakeguest_link(struct fakeguest *guest);
/* A driver that was started anew. */
void fakeguest_forget(struct fakeguest *guest);
/* Nothing in it differs from what a driver starts with. */
bool fakeguest_is_default(const struct vfconf *conf);
void fakeguest_release(struct fakeguest *guest);

#endif
