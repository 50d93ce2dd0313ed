/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where this machine gets Debian from, read out of its own apt sources (both
 * formats), so that further suites come from the same place.
 */
#ifndef PRODUCTS_APTSRC_H
#define PRODUCTS_APTSRC_H

#include <stdio.h>

#include "tests/lab/products/problem.h"

struct aptsrc_archive {
	char *uri;
	char *signed_by; /* key file, NULL when apt's own key ring is used */
};

struct aptsrc {
	struct aptsrc_archive debian;
	struct aptsrc_archive security; /* uri NULL: this machine has none */
};

void aptsrc_free(struct aptsrc *a);

/* Adds what one file says. `deb822` tells its format. The first archive wins. */
void aptsrc_parse(FILE *f, int deb822, const char *codename, struct aptsrc *a);

/* All sources under etc (usually /etc). */
int aptsrc_load(const char *etc, struct aptsrc *ret_aptsrc, struct problem *p);

/* One-line sources of the suites that the products come from. */
void aptsrc_write(const struct aptsrc *a, FILE *f);

#endif
