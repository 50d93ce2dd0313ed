/* SPDX-License-Identifier: GPL-2.0-only */
/* The built parts that a lab runs: where the products cache holds them. */
#ifndef LAB_ARTIFACTS_H
#define LAB_ARTIFACTS_H

#include <limits.h>

#include "tests/lab/lib/spec.h"

struct artifacts {
	char toolroot[PATH_MAX]; /* a root to run the emulator in */
	char emulator[PATH_MAX]; /* the QEMU that the lab host runs on */
	char kernel[PATH_MAX];	 /* bzImage */
	char initrd[PATH_MAX];
	char root[PATH_MAX]; /* the lab host's disk, as it is after its first boot */
	char modules[PATH_MAX];
	char payload[PATH_MAX];	 /* the tree's own programs for the lab host; "": none */
	char qemu[PATH_MAX];	 /* our QEMU; "": none */
	char tools[PATH_MAX];	 /* the image as it was made, for tenants; "": none */
	char pf_image[PATH_MAX]; /* a disk that holds the PF VM's image; "": none */
};

/* Where a product lies: ${PFKEEP_PRODUCTS}/NAME, or as `products path NAME` says. */
int artifacts_product(const char *name, char *ret_path, size_t size, struct lab_error *ret_error);
/* All that a lab with this kernel needs; each file is there. */
int artifacts_find(const char *kernel, struct artifacts *ret_artifacts,
		   struct lab_error *ret_error);

#endif
