/* SPDX-License-Identifier: GPL-2.0-only */
/* Between the files of the core. */
#ifndef LIBPFKEEP_CORE_PRIV_H
#define LIBPFKEEP_CORE_PRIV_H

#include "pfkeep/core.h"
#include "pfkeep/token.h"

/* A VM's agent and what must be let go of after. */
struct core_agent {
	virDomainPtr dom;
	struct agent_link link;
};

/* The agent of the PF's VM; if wait, it and the PF's driver are waited for. */
int core_agent_open(struct core *core, const struct record_pf *pf, bool wait,
		    struct core_agent *ret_agent, struct problem *problem);
/* The agent alone, of a VM that may have no PF yet. */
int core_agent_wait(struct core *core, const struct record_pf *pf, struct core_agent *ret_agent,
		    struct problem *problem);
void core_agent_close(struct core_agent *agent);

/* Into and out of the books, under their lock. */
int core_own_pf(struct core *core, const struct record_pf *pf, struct problem *problem);
int core_disown_pf(struct core *core, const struct bdf *pf, struct problem *problem);
int core_save_pf(struct core *core, const struct record_pf *pf, struct problem *problem);
int core_save_vf(struct core *core, const struct record_vf *vf, struct problem *problem);
int core_forget_pf(struct core *core, const struct record_pf *pf, struct problem *problem);

/* The record of a PF that is adopted, or why not. */
int core_need_pf(const struct core *core, const struct bdf *bdf, struct record_pf *ret_pf,
		 struct problem *problem);
/* The record of a VF; an empty one if there is none. */
int core_get_vf(const struct core *core, const struct bdf *pf, uint16_t index,
		struct record_vf *ret_vf, struct problem *problem);
/*
 * With its token at hand while QEMU starts. xml: instead of its definition; apart: without
 * its PF, -ENOENT if it has none.
 */
int core_start_vm(struct core *core, const char *uuid, const char *xml, bool apart,
		  struct problem *problem);
/* The VM, by xml if that isn't NULL, and all that it has to do for its VFs. */
int core_run_pf(struct core *core, const struct record_pf *pf, const char *xml,
		struct problem *problem);
/* A VM that isn't there is started, and one that is there does what it has to for its VFs. */
int core_settle_pf(struct core *core, const struct record_pf *pf, struct problem *problem);
/* The VFs that the host has now are as many as expected, and with our driver. */
int core_take_vfs(struct core *core, const struct bdf *bdf, uint16_t vfs, struct problem *problem);
/* Take VM and VFs away and give the PF back, as far as there is anything. */
int core_dismantle(struct core *core, const struct record_pf *pf, struct problem *problem);

/* What a PF VM's guest says, or doesn't, has no name: of which PF it is. Returns ret. */
int core_blame_pf(const struct bdf *pf, int ret, struct problem *problem);

/*
 * Make the domain the VF's owner, in the books and in the state: of this one, or of
 * any free one of the PF. Fills in index, request and settings; what it was set to before
 * is the caller's to put back if the domain doesn't get it after all.
 */
int core_claim(struct core *core, bool any, struct record_vf *vf, struct vfconf *ret_before,
	       struct problem *problem);
/* core_unassign(), whatever its domain asks for. */
int core_evict_vf(struct core *core, const struct bdf *pf, uint16_t index, struct problem *problem);
int core_unclaim(struct core *core, const struct record_vf *vf, struct problem *problem);
/* The domain's definition has the VFs that it owns, and no others of ours. */
int core_sync_domain(struct core *core, virDomainPtr dom, struct problem *problem);
/* Nobody knows the VF's token. */
int core_lock_vf(struct core *core, const struct bdf *vf, struct problem *problem);
/* What QEMUs were shown of tokens and need no more, as nobody was there to take it away. */
int core_hide_tokens(struct core *core, struct problem *problem);
bool core_is_pfvm(const struct core *core, const char *uuid);

int core_find_vf(const struct core *core, const struct bdf *pf, uint16_t index, struct bdf *ret_vf,
		 struct problem *problem);
/* By the PF's VM; nothing is recorded. */
int core_apply_vf(struct core *core, const struct bdf *pf, uint16_t index,
		  const struct vfconf *conf, struct problem *problem);
void core_set_ready(struct core *core, const struct bdf *pf, bool ready);
int core_need_ready(const struct core *core, const struct bdf *pf, struct problem *problem);
/* why NULL: it has all. Returns whether it is another reason than before. */
bool core_set_unmet(struct core *core, const char *uuid, const char *why);
/* NULL if nothing is known; call with the books locked. */
const char *core_why_unmet(struct core *core, const char *uuid);
void core_free_unmet(struct core *core);

/* With the books locked. */
void core_tell_change(struct core *core, const struct state_change *change);
void core_tell_ready(struct core *core, const struct bdf *pf, bool ready);
/* A PF VM couldn't be given its PF while it ran. */
void core_tell_whole(struct core *core, const struct bdf *pf, const char *why);

#endif
