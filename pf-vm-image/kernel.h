/* SPDX-License-Identifier: GPL-2.0-only */
/* A kernel package, unpacked into a folder of its own. */
#ifndef PF_VM_IMAGE_KERNEL_H
#define PF_VM_IMAGE_KERNEL_H

#include "tests/lab/products/problem.h"

#define KERNEL_RELEASE_SIZE 128

/* Unpacks deb into root and checks that it is a kernel with modules. */
int kernel_unpack(const char *deb, const char *root, const char *log,
		  char ret_release[KERNEL_RELEASE_SIZE], struct problem *p);

/* The release of the one kernel in root/boot; -ENOENT if there isn't exactly one. */
int kernel_release(const char *root, char ret_release[KERNEL_RELEASE_SIZE]);

int kernel_depmod(const char *root, const char *release, const char *log, struct problem *p);

/*
 * Copies the named drivers with what they need from one root to another, not
 * compressed, and makes the index of modules there. names end with NULL.
 */
int kernel_copy_drivers(const char *from, const char *to, const char *release,
			const char *const *names, const char *log, struct problem *p);

#endif
