/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The PF VM's image: a folder that pf-image made (it boots by its kernel), or any
 * qcow2 file that boots by itself.
 */
#ifndef PFKEEP_IMAGE_H
#define PFKEEP_IMAGE_H

#include "pfkeep/problem.h"

struct image {
	char *disk;
	char *kernel, *initrd, *cmdline; /* NULL: boots from its disk */
};

/* What a folder's manifest says is taken as form only: pf-image verify checks the rest. */
int image_open(const char *path, struct image *ret_image, struct problem *problem);
void image_release(struct image *image);

#endif
