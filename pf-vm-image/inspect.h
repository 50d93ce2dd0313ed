/* SPDX-License-Identifier: GPL-2.0-only */
/* What an image holds, read from its disk. */
#ifndef PF_VM_IMAGE_INSPECT_H
#define PF_VM_IMAGE_INSPECT_H

#include "pf-vm-image/drivers.h"
#include "pf-vm-image/manifest.h"
#include "pf-vm-image/packages.h"
#include "tests/lab/products/progress.h"

struct inspection {
	struct manifest manifest;
	struct tree files; /* as found, not as listed */
	struct packages packages;
	struct drivers drivers;
};

int inspect_image(const char *image, struct progress *pg, struct inspection *ret_inspection,
		  struct problem *p);
void inspect_free(struct inspection *i);

#endif
