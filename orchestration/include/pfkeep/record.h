/* SPDX-License-Identifier: GPL-2.0-only */
/* What the state holds: one record for each adopted PF and each VF that is owned or set. */
#ifndef PFKEEP_RECORD_H
#define PFKEEP_RECORD_H

#include <json-c/json_object.h>

#include "pfkeep/bdf.h"
#include "pfkeep/domain.h"
#include "pfkeep/owner.h"
#include "pfkeep/pci.h"
#include "pfkeep/state.h"
#include "pfkeep/vfconf.h"

/* Where an operation that takes several steps was; what a restart goes on from. */
enum record_phase { RECORD_ADOPTING, RECORD_ADOPTED, RECORD_RELEASING };

struct record_pf {
	struct bdf bdf;
	enum record_phase phase;
	char domain[DOMAIN_NAME]; /* name of the PF VM */
	char uuid[UUID_TEXT];	  /* of the PF VM */
	char driver[PCI_NAME];	  /* whose the PF was; empty: nobody's */
	uint16_t vfs;
};

struct record_vf {
	struct owner_claim claim; /* pf, index; uuid empty: nobody's */
	char domain[DOMAIN_NAME];
	struct vfconf conf;
	/*
	 * The domain's metadata asked for it, with these settings when it was last looked
	 * at: the VF goes when they do, and without them it is as new.
	 */
	bool by_metadata;
	struct vfconf asked;
};

int record_get_pf(const struct state *state, const struct bdf *bdf, struct record_pf *ret_pf);
int record_get_vf(const struct state *state, const struct bdf *pf, uint16_t index,
		  struct record_vf *ret_vf);
int record_put_pf(struct state_change *change, const struct record_pf *pf);
/* One that says nothing (no owner, nothing set) is deleted instead. */
int record_put_vf(struct state_change *change, const struct record_vf *vf);
int record_delete_pf(struct state_change *change, const struct bdf *bdf);
int record_delete_vf(struct state_change *change, const struct bdf *pf, uint16_t index);

/*
 * Call the functions for each record, PFs first. -EBADMSG, with the key, for one
 * that isn't as this program writes it.
 */
int record_each(const struct state *state,
		int (*on_pf)(void *data, const struct record_pf *pf, struct problem *problem),
		int (*on_vf)(void *data, const struct record_vf *vf, struct problem *problem),
		void *data, struct problem *problem);

int record_each_pf(const struct state *state,
		   int (*on_pf)(void *data, const struct record_pf *pf, struct problem *problem),
		   void *data, struct problem *problem);

const char *record_phase_name(enum record_phase phase);

#endif
