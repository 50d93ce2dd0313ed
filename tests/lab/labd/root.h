/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A root of its own for a program: the mounts are private to it and end with
 * it, so nothing has to be taken down.
 */
#ifndef LABD_ROOT_H
#define LABD_ROOT_H

#include <stdbool.h>
#include <stddef.h>

struct root_bind {
	const char *from; /* a file or directory outside */
	const char *name; /* appears as /run/NAME inside */
	bool read_only;
};

struct root {
	const char *path; /* the toolroot */
	const struct root_bind *binds;
	size_t n_binds;
};

/*
 * For a child between fork and exec: move into the root. On failure *ret_what
 * says what failed.
 */
int root_enter(const struct root *root, const char **ret_what);

#endif
