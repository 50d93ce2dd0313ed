/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The root file system, made in libguestfs' appliance: filled, changed, listed
 * and packed into a squashfs, in one start of the appliance.
 */
#ifndef PF_VM_IMAGE_ROOT_H
#define PF_VM_IMAGE_ROOT_H

#include "pf-vm-image/edit.h"
#include "pf-vm-image/scratch.h"
#include "pf-vm-image/tree.h"
#include "tests/lab/products/progress.h"

struct root_job {
	struct progress *progress;
	const struct scratch *scratch;
	int64_t epoch;
	const char *disk; /* to start from: an image's disk, or NULL for an empty root */
	/* Fills and changes the root, mounted at "/". */
	int (*fill)(struct edit *e, void *data);
	void *data;
	struct tree_want *wants;
	size_t n_wants;
};

/* The squashfs to squashfs, what it holds to ret_tree. */
int root_make(const struct root_job *job, const char *squashfs, struct tree *ret_tree,
	      struct problem *p);

/* What an image's disk holds. */
int root_read(const char *disk, struct progress *pg, struct tree_want *wants, size_t n_wants,
	      struct tree *ret_tree, struct problem *p);

#endif
