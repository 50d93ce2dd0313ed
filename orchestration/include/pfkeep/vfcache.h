/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The table of all VFs, kept: sysfs takes a dozen calls for each VF, so a PF is
 * read again only after something was said to have changed about it. Whoever asks
 * gets the table as a memory file.
 */
#ifndef PFKEEP_VFCACHE_H
#define PFKEEP_VFCACHE_H

#include "pfkeep/problem.h"
#include "pfkeep/vftable.h"

struct vfcache;

/*
 * catch_up is called before each answer, and has said by vfcache_touch() what has
 * changed by then when it returns. NULL: nobody says, so nothing is kept.
 */
int vfcache_new(const struct root *root, void (*catch_up)(void *data, struct vfcache *cache),
		void *data, struct vfcache **ret_cache);
void vfcache_free(struct vfcache *cache);

/* A function came, went, or has another driver. These three wait for nothing. */
void vfcache_touch(struct vfcache *cache, const struct bdf *function);
void vfcache_touch_all(struct vfcache *cache);
/* A VF of this PF has another owner. */
void vfcache_touch_owner(struct vfcache *cache, const struct bdf *pf);

enum vfcache_form { VFCACHE_LINES, VFCACHE_JSON };

/*
 * The table in a sealed memory file, for the caller to close; of one PF, or only
 * NULL. It is shared with others who ask: not to be read by its offset.
 */
int vfcache_open(struct vfcache *cache, const struct bdf *only, enum vfcache_form form,
		 const struct vftable_owners *owners, int *ret_fd, struct problem *problem);

#endif
