/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The folder that work in progress lives in: beside the output, so that the
 * result gets its name by a rename, and gone when the program ends.
 */
#ifndef PF_VM_IMAGE_SCRATCH_H
#define PF_VM_IMAGE_SCRATCH_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/lab/products/problem.h"

struct scratch {
	char dir[PATH_MAX];
	char image[PATH_MAX]; /* the result, as it grows */
	char log[PATH_MAX];
};

/* output: the image to be; needs that many bytes free beside it. */
int scratch_open(const char *output, uint64_t need, struct scratch *ret_scratch, struct problem *p);
void scratch_close(struct scratch *s);

/* -ENOSPC unless that many bytes are free where dir is. */
int scratch_check_space(const char *dir, uint64_t need, struct problem *p);

/* DIR/NAME in a buffer of PATH_MAX; -ENAMETOOLONG if it doesn't fit. */
int scratch_path(const char *dir, const char *name, char ret_path[PATH_MAX]);

/* Gives the image its name, in one step; replaces one that is there. */
int scratch_publish(struct scratch *s, const char *output, struct problem *p);

/*
 * Whether what is at output, if anything, may be replaced: -EEXIST if it is no
 * image, -EBUSY if a QEMU has its disk open.
 */
int scratch_check_output(const char *output, struct problem *p);

int scratch_remove_tree(const char *path);

#endif
