/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A vendor's driver for an image: a .deb with built modules, or a single
 * module. Checked here, before the image is touched.
 */
#ifndef PF_VM_IMAGE_VENDOR_H
#define PF_VM_IMAGE_VENDOR_H

#include <stdint.h>

#include "tests/lab/products/problem.h"

/* -EINVAL if the module at path was built for another kernel. name: for messages. */
int vendor_check_module(const char *path, const char *name, const char *kernel, struct problem *p);

struct vendor_deb {
	const char *deb;
	const char *kernel; /* the image's */
	int64_t epoch;
	const char *work_dir; /* for files in between */
	const char *log;
};

/*
 * Makes a tar of the package's files as they belong into the image: under /usr
 * where Debian merged the folders, no setuid bits, dated. ret_status: the
 * package's stanza for dpkg's status file. Its maintainer scripts aren't run.
 */
int vendor_convert_deb(const struct vendor_deb *v, const char *tar, char **ret_status,
		       struct problem *p);

#endif
