/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The cache: NAME/KEY/ holds one built product. An entry is made under tmp/ and
 * moved into place whole, so what has a name here was finished.
 *
 * Locks, all flock(2): locks/NAME is held while NAME is built or collected; a
 * shared lock on an entry's folder says that somebody uses it, and keeps it.
 */
#ifndef PRODUCTS_STORE_H
#define PRODUCTS_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/lab/products/problem.h"

#define STORE_KEY_LEN	  32
#define STORE_INPUTS_NAME ".inputs"

struct store {
	char *root;
};

/* root NULL: $PFKEEP_CACHE, else ~/.cache/pfkeep. Makes the folders. */
int store_open(const char *root, struct store *ret_store, struct problem *p);
void store_close(struct store *s);

/* Paths are malloc'ed; these abort when there is no memory for a path. */
char *store_path(const struct store *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *store_entry(const struct store *s, const char *name, const char *key);

typedef void (*store_waiting_fn)(const char *name, const char *holder, void *arg);

/* Waits while another holds it, after telling who does. */
int store_lock(const struct store *s, const char *name, store_waiting_fn waiting, void *arg,
	       int *ret_fd, struct problem *p);
/* -EWOULDBLOCK when another holds it. */
int store_trylock(const struct store *s, const char *name, int *ret_fd);
void store_unlock(int fd);

/* With NAME's lock held: removes what a killed build left, makes a new folder. */
int store_temp_dir(const struct store *s, const char *name, char **ret_dir, struct problem *p);
int store_publish(const struct store *s, const char *name, const char *key, const char *out_dir,
		  struct problem *p);

/* The newest entry whose .inputs has this tree key; -ENOENT when there is none. */
int store_newest_like(const struct store *s, const char *name, const char *tree_key,
		      char ret_key[STORE_KEY_LEN + 1]);

/* Removes NAME's entries other than keep that nobody uses. */
int store_collect(const struct store *s, const char *name, const char *keep, unsigned int *ret_gone,
		  struct problem *p);

int store_remove_tree(const char *path);
int store_free_mib(const struct store *s, uint64_t *ret_mib);

#endif
