/* SPDX-License-Identifier: GPL-2.0-only */
/* The last steps that build and customize share: from a root to a published image. */
#ifndef PF_VM_IMAGE_FINISH_H
#define PF_VM_IMAGE_FINISH_H

#include "pf-vm-image/manifest.h"
#include "pf-vm-image/root.h"

/* What of the root goes into the image's other files. */
enum finish_want { WANT_DPKG_STATUS, FINISH_WANTS };

/*
 * Makes the root by job, then disk, bill of materials and manifest beside the
 * kernel and initrd that are in the scratch's image already. m: all but its
 * parts and files is filled in.
 */
int finish_image(struct root_job *job, struct manifest *m, struct problem *p);

#endif
