/* SPDX-License-Identifier: GPL-2.0-only */
/* A tree of products and a cache of their own, for the tests of the engine. */
#ifndef PRODUCTS_TESTBED_H
#define PRODUCTS_TESTBED_H

#include "tests/lab/products/build.h"

struct testbed {
	char dir[64];
	struct catalog catalog;
	struct store store;
	struct build build;
	struct problem problem;
	FILE *out;
};

void testbed_open(struct testbed *tb);
void testbed_close(struct testbed *tb);

/* Writes a file below the testbed's folder, making folders on the way. */
void testbed_write(struct testbed *tb, const char *text, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
char *testbed_read(struct testbed *tb, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A product by its description and recipe; testbed_load() reads them all. */
void testbed_product(struct testbed *tb, const char *name, const char *description,
		     const char *recipe);
int testbed_load(struct testbed *tb);

/* The path of a file below the testbed's folder, in one of four buffers in turn. */
const char *testbed_path(struct testbed *tb, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

unsigned int testbed_count(struct testbed *tb, const char *folder);

#endif
