/* SPDX-License-Identifier: GPL-2.0-only */
/* Compares an image with its manifest. */
#ifndef PF_VM_IMAGE_VERIFY_H
#define PF_VM_IMAGE_VERIFY_H

#include "pf-vm-image/manifest.h"
#include "tests/lab/products/progress.h"

/*
 * Calls for each difference, of the image's own files ("vmlinuz") and of those
 * on its disk ("/usr/bin/ip"). manifest: another one than the image's own, or NULL.
 */
int verify_image(const char *image, const char *manifest, struct progress *pg,
		 manifest_differs *differs, void *data, size_t *ret_n, struct problem *p);

#endif
