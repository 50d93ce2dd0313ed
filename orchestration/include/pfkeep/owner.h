/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whose is which VF. Pure bookkeeping, nothing outside is touched: a VF has one
 * owner or none, and a domain's request number N (its Nth want) has one VF or
 * none. The cost of a claim doesn't depend on how many VFs there are.
 */
#ifndef PFKEEP_OWNER_H
#define PFKEEP_OWNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pfkeep/bdf.h"
#include "pfkeep/problem.h"
#include "pfkeep/uuid.h"

struct owner_table;

struct owner_claim {
	struct bdf pf;
	uint16_t index;
	uint16_t request;
	char uuid[UUID_TEXT]; /* of the domain */
};

int owner_new(struct owner_table **ret_table);
void owner_free(struct owner_table *table);

/*
 * A PF with so many VFs, new or changed. -EBUSY, nothing changed, if a VF that
 * would go is owned.
 */
int owner_set_pf(struct owner_table *table, const struct bdf *bdf, uint16_t num_vfs,
		 struct problem *problem);
/* -EBUSY while one of its VFs is owned, -ENOENT if it isn't there. */
int owner_remove_pf(struct owner_table *table, const struct bdf *bdf, struct problem *problem);

/* Its VFs are there and set as recorded; not so until it is said. */
void owner_set_ready(struct owner_table *table, const struct bdf *bdf, bool ready);
bool owner_is_ready(const struct owner_table *table, const struct bdf *bdf);

/* The domain that is the PF's VM, and which PF's a domain is; costs by PFs, not VFs. */
void owner_set_vm(struct owner_table *table, const struct bdf *bdf, const char *uuid);
int owner_pf_of_vm(const struct owner_table *table, const char *uuid, struct bdf *ret_pf);

/*
 * Claim one VF. Claiming again what is already so is no error. -EBUSY if the VF is
 * another's, or the request has another VF; -ENOENT if there is no such VF.
 */
int owner_take(struct owner_table *table, const struct owner_claim *claim, struct problem *problem);
/*
 * The VF of the PF that the request has, else the first free one. claim's index is
 * set. -ENOSPC if none is free.
 */
int owner_take_any(struct owner_table *table, struct owner_claim *claim, struct problem *problem);
/* -ENOENT if the VF isn't there or has no owner; ret_claim may be NULL. */
int owner_of(const struct owner_table *table, const struct bdf *pf, uint16_t index,
	     struct owner_claim *ret_claim);
/* -EPERM if it is another's, -ENOENT if it is nobody's. */
int owner_give_back(struct owner_table *table, const struct owner_claim *claim,
		    struct problem *problem);

/* Number of claims of the domain; the first max of them are copied. */
size_t owner_list(const struct owner_table *table, const char *uuid, struct owner_claim *ret_claims,
		  size_t max);
size_t owner_count(const struct owner_table *table, const struct bdf *pf);

/* 0, or -EUCLEAN with what is wrong: both directions of the books agree. */
int owner_check(const struct owner_table *table, struct problem *problem);

#endif
