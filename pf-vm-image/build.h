/* SPDX-License-Identifier: GPL-2.0-only */
/* Builds an image from packages. */
#ifndef PF_VM_IMAGE_BUILD_H
#define PF_VM_IMAGE_BUILD_H

#include <stdint.h>

#include "pf-vm-image/scratch.h"
#include "tests/lab/products/progress.h"

struct build_options {
	const char *output;
	const char *suite;
	const char *kernel_deb;	     /* NULL: Debian's kernel of the suite */
	const char *const *drivers;  /* besides the recipe's; NULL-terminated */
	const char *const *firmware; /* packages; NULL-terminated */
	const char *init;	     /* the initrd's program */
	int64_t epoch;		     /* no file is younger */
};

int build_image(const struct build_options *o, struct progress *pg, struct problem *p);

#endif
