/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What can be built, and from what. Each product is a folder that holds a file
 * `product` (the description read here), `recipe.sh` and what the recipe uses.
 *
 *   title TEXT                      what it is, one line
 *   needs PRODUCT                   built from it: rebuilt whenever it changes
 *   uses PRODUCT                    built with it: rebuilt only when its own
 *                                   tree inputs change, not its package versions
 *   file PATH                       a file or folder of the tree (from its top)
 *   file? PATH                      the same, may be absent
 *   package SUITE NAME [PREFIX]     newest binary package whose version begins so
 *   source SUITE NAME [PREFIX]      newest source package whose version begins so
 *   timeout SECONDS
 *   disk MIB                        free space that a build takes
 *   root                            the recipe needs root (mounts, chroot)
 *   on-demand                       left out of `build --all`
 */
#ifndef PRODUCTS_CATALOG_H
#define PRODUCTS_CATALOG_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/lab/products/problem.h"

enum input_kind {
	INPUT_NEEDS,
	INPUT_USES,
	INPUT_FILE,
	INPUT_FILE_MAYBE,
	INPUT_PACKAGE,
	INPUT_SOURCE,
};

struct input {
	enum input_kind kind;
	char *name; /* product, path or package */
	char *suite;
	char *prefix;
};

struct product {
	char *name;
	char *title;
	char *dir;
	struct input *inputs;
	size_t n_inputs;
	unsigned int timeout_s;
	unsigned int disk_mib;
	bool root;
	bool on_demand;
};

struct catalog {
	char *tree;
	struct product *products; /* by name */
	size_t n_products;
};

int catalog_load(const char *tree, const char *dir, struct catalog *ret_catalog, struct problem *p);
void catalog_free(struct catalog *c);
const struct product *catalog_find(const struct catalog *c, const char *name);

static inline bool input_is_package(const struct input *in)
{
	return in->kind == INPUT_PACKAGE || in->kind == INPUT_SOURCE;
}

static inline bool input_is_product(const struct input *in)
{
	return in->kind == INPUT_NEEDS || in->kind == INPUT_USES;
}

#endif
