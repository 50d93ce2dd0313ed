/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a file system holds, as a sorted list: one entry a path, with the hash
 * of each regular file. Read from a tar stream, so that neither root nor a
 * mount is needed.
 */
#ifndef PF_VM_IMAGE_TREE_H
#define PF_VM_IMAGE_TREE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tests/lab/products/hash.h"
#include "tests/lab/products/problem.h"

struct tree_entry {
	char *path; /* absolute, no trailing slash */
	char type;  /* as find's %y: f d l c b p */
	unsigned int mode;
	unsigned int uid, gid;
	uint64_t size;
	char *target; /* of a symbolic link */
	unsigned int major, minor;
	char sha256[HASH_HEX + 1]; /* of a regular file */
};

struct tree {
	struct tree_entry *entries;
	size_t n;
};

/* A file whose content the caller wants too; data stays NULL if it isn't there. */
struct tree_want {
	const char *path;
	char *data; /* NUL-terminated; the caller frees it */
	size_t size;
};

int tree_read_tar(int fd, struct tree_want *wants, size_t n_wants, struct tree *ret_tree,
		  struct problem *p);

/* Takes over e's strings, even when it fails. */
int tree_add(struct tree *t, struct tree_entry *e);
void tree_sort(struct tree *t);
const struct tree_entry *tree_find(const struct tree *t, const char *path);
uint64_t tree_bytes(const struct tree *t);
void tree_free(struct tree *t);

#endif
