/* SPDX-License-Identifier: GPL-2.0-only */
/* Whole files of the host, small enough for memory. */
#ifndef PF_VM_IMAGE_FILES_H
#define PF_VM_IMAGE_FILES_H

#include <stddef.h>

#include "tests/lab/products/problem.h"

/* dir/name as a string that the caller frees; at most 64 MiB. */
int files_read(const char *dir, const char *name, char **ret_text, struct problem *p);

int files_write(const char *path, const char *text, size_t len, struct problem *p);

/* All of it, or -errno. */
int files_append(int fd, const void *data, size_t len);

/* Copies a regular file; to must not be there. */
int files_copy(const char *from, const char *to, unsigned int mode, struct problem *p);

#endif
