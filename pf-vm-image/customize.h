/* SPDX-License-Identifier: GPL-2.0-only */
/* Makes a changed copy of an image. */
#ifndef PF_VM_IMAGE_CUSTOMIZE_H
#define PF_VM_IMAGE_CUSTOMIZE_H

#include <stdbool.h>
#include <stddef.h>

#include "pf-vm-image/scratch.h"
#include "tests/lab/products/progress.h"

struct customize_file {
	const char *from; /* on this machine */
	const char *to;	  /* absolute, in the image */
	unsigned int mode;
};

struct customize_options {
	const char *image;
	const char *output;	    /* may be the image itself: it is replaced as a whole */
	const char *const *debs;    /* NULL-terminated, as the next two */
	const char *const *modules; /* .ko files */
	const char *const *scripts; /* run at boot */
	const struct customize_file *files;
	size_t n_files;
	bool set_vfs;
	unsigned int vfs;
};

int customize_image(const struct customize_options *o, struct progress *pg, struct problem *p);

#endif
