/* SPDX-License-Identifier: GPL-2.0-only */
/* Writes the PF VM's initrd: pf-init and the modules that reach its disk. */
#ifndef PF_VM_IMAGE_INITRD_H
#define PF_VM_IMAGE_INITRD_H

#include <stddef.h>

#include "tests/lab/products/problem.h"

struct initrd_source {
	const char *init;	    /* the static program */
	const char *modules_dir;    /* where the paths below start */
	const char *const *modules; /* uncompressed, in the order to load them in */
	size_t n_modules;
};

/* The same sources give the same bytes. */
int initrd_write(const struct initrd_source *s, const char *path, struct problem *p);

#endif
