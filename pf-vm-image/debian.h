/* SPDX-License-Identifier: GPL-2.0-only */
/* This machine's Debian: its architecture, its mirror, packages from its apt. */
#ifndef PF_VM_IMAGE_DEBIAN_H
#define PF_VM_IMAGE_DEBIAN_H

#include <limits.h>
#include <stddef.h>

#include "tests/lab/products/aptsrc.h"
#include "tests/lab/products/problem.h"

/* As Debian calls it: amd64, arm64; "unknown" elsewhere. */
const char *debian_architecture(void);

/* The package that a kernel metapackage such as linux-image-amd64 stands for. */
int debian_kernel_package(const char *meta, const char *log, char *ret_name, size_t size,
			  struct problem *p);

/* Fetches a package of this machine's release into dir. */
int debian_download(const char *package, const char *dir, const char *log, char ret_deb[PATH_MAX],
		    struct problem *p);

#define DEBIAN_SOURCES 3

/* One-line sources of a suite with its updates and security; the caller frees each. */
int debian_sources(const struct aptsrc *a, const char *suite, const char *components,
		   char *ret_lines[DEBIAN_SOURCES], size_t *ret_n);

#endif
