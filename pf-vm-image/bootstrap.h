/* SPDX-License-Identifier: GPL-2.0-only */
/* The image's packages, through mmdebstrap: a tar of the root and the kernel's package. */
#ifndef PF_VM_IMAGE_BOOTSTRAP_H
#define PF_VM_IMAGE_BOOTSTRAP_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/lab/products/problem.h"

struct bootstrap {
	const char *suite;
	const char *const *firmware; /* packages, NULL-terminated; may be NULL */
	bool want_kernel;	     /* Debian's, as a package in kernel_dir */
	const char *kernel_dir;
	const char *tmp_dir; /* where mmdebstrap makes the root */
	const char *tar;
	const char *log;
};

int bootstrap_run(const struct bootstrap *b, struct problem *p);

#endif
