/* SPDX-License-Identifier: GPL-2.0-only */
/* Where pf-image keeps what takes long to make: the appliance's kernel, the verdict on KVM. */
#ifndef PF_VM_IMAGE_CACHE_H
#define PF_VM_IMAGE_CACHE_H

#include <limits.h>

#include "tests/lab/products/problem.h"

/* The folder, made if it wasn't there: $PFKEEP_CACHE/pf-image, root's or the user's cache. */
int cache_dir(char ret_dir[PATH_MAX], struct problem *p);

#endif
