/* SPDX-License-Identifier: GPL-2.0-only */
/* Makes products: what is missing, in order, each in a folder of its own first. */
#ifndef PRODUCTS_BUILD_H
#define PRODUCTS_BUILD_H

#include <stdio.h>

#include "tests/lab/products/catalog.h"
#include "tests/lab/products/key.h"
#include "tests/lab/products/store.h"

struct build {
	const struct catalog *catalog;
	const struct store *store;
	FILE *out;	/* progress */
	bool refreshed; /* the package lists, in this run */
};

/* Brings the product and what it is built from up to date; held by its own lock. */
int build_ensure(struct build *b, const struct product *pr, struct problem *p);

/* The entry if it is there and whole. -ENOENT: not built; -EBADMSG: damaged. */
int build_lookup(const struct build *b, const struct product *pr, bool deep, char **ret_entry,
		 struct problem *p);

#endif
