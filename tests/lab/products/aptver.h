/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which version of a package a suite holds, by apt with lists of its own in the
 * cache. The machine's apt state is never touched. Answers are kept until the
 * lists change, so that a warm cache asks nobody.
 */
#ifndef PRODUCTS_APTVER_H
#define PRODUCTS_APTVER_H

#include <stdio.h>

#include "tests/lab/products/catalog.h"
#include "tests/lab/products/store.h"

/* The apt configuration that a recipe gets as APT_CONFIG; malloc'ed. */
char *aptver_config(const struct store *s);

/* Fetches the lists if they are older than max_age_s. Needs the network then. */
int aptver_refresh(const struct store *s, unsigned int max_age_s, FILE *out, struct problem *p);

/* -ENODATA: no lists yet. -ENOENT: no such package or version. */
int aptver_resolve(const struct store *s, const struct input *in, char **ret_version,
		   struct problem *p);

#endif
