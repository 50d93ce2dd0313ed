/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Changes to the image's file system through libguestfs. Each touched path is
 * remembered and dated at the end: a build must not show when it was run.
 */
#ifndef PF_VM_IMAGE_EDIT_H
#define PF_VM_IMAGE_EDIT_H

#include <stddef.h>
#include <stdint.h>
#include <guestfs.h>

#include "tests/lab/products/problem.h"

struct edit {
	guestfs_h *g;
	struct problem *problem;
	char **touched;
	size_t n_touched;
};

int edit_write(struct edit *e, const char *path, unsigned int mode, const char *data, size_t len);
int edit_upload(struct edit *e, const char *from, const char *path, unsigned int mode);
int edit_symlink(struct edit *e, const char *target, const char *path);
int edit_mkdir(struct edit *e, const char *path);
/* A path that isn't there is fine. */
int edit_remove(struct edit *e, const char *path);
/* Removes all names from a folder but those in keep, which ends with NULL. */
int edit_keep_only(struct edit *e, const char *dir, const char *const *keep);
int edit_chmod(struct edit *e, const char *path, unsigned int mode);
int edit_tar_in(struct edit *e, const char *tar, const char *dir);
/* A path that something else changed: to be dated too. */
int edit_touched(struct edit *e, const char *path);

/* Dates all that was touched. */
int edit_settle(struct edit *e, int64_t epoch);
void edit_free(struct edit *e);

/* The last error of the handle, for p. Returns a negative errno. */
int edit_failed(guestfs_h *g, const char *what, struct problem *p);

#endif
