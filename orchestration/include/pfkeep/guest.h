/* SPDX-License-Identifier: GPL-2.0-only */
/* What pfkeep has a PF VM do with its PF, by way of the VM's agent. */
#ifndef PFKEEP_GUEST_H
#define PFKEEP_GUEST_H

#include <stdint.h>

#include "pfkeep/agent.h"
#include "pfkeep/vfconf.h"

/* Where the PF is in its VM (domain_pfvm_xml() puts it there). */
#define GUEST_PF "0000:01:00.0"

/*
 * Wait until the PF's driver is bound in the guest; the agent may be up
 * before it. -ETIMEDOUT.
 */
int guest_wait_driver(const struct agent_link *link, unsigned int timeout_ms,
		      struct problem *problem);
int guest_get_vfs(const struct agent_link *link, uint16_t *ret_num, uint16_t *ret_total,
		  struct problem *problem);
/*
 * A network PF's interface is up: without that a VF finds nobody to talk to. Others
 * have nothing to be done.
 */
int guest_up(const struct agent_link *link, struct problem *problem);
/* From any number to num: by way of none, as the kernel wants it. Verified. */
int guest_set_vfs(const struct agent_link *link, uint16_t num, struct problem *problem);

/* Apply the fields that are set to a VF. -ENOTSUP if the PF is no network device. */
int guest_set_vf(const struct agent_link *link, uint16_t index, const struct vfconf *conf,
		 struct problem *problem);

#endif
