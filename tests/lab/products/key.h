/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an entry was built from, as one text, and the key that names the entry:
 * the hash of that text. The tree key leaves out package versions.
 */
#ifndef PRODUCTS_KEY_H
#define PRODUCTS_KEY_H

#include "tests/lab/products/catalog.h"
#include "tests/lab/products/store.h"

struct key {
	char key[STORE_KEY_LEN + 1]; /* empty: package versions are not known yet */
	char tree_key[STORE_KEY_LEN + 1];
	char *inputs; /* the text */
};

/* Offline: the newest entry with the same tree key stands in for unknown versions. */
int key_compute(const struct catalog *c, const struct store *s, const struct product *pr,
		struct key *ret_key, struct problem *p);
void key_free(struct key *k);

#endif
