/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The list of an entry's files with size, hash and time of change, and the
 * check of the entry against it. The list ends with its own hash, so that a cut
 * list is no list.
 */
#ifndef PRODUCTS_MANIFEST_H
#define PRODUCTS_MANIFEST_H

#include <stdbool.h>

#include "tests/lab/products/problem.h"

#define MANIFEST_NAME ".manifest"

int manifest_write(const char *dir, struct problem *p);

/*
 * Without `deep` a file's content is read only when its time of change is not
 * the recorded one. -EBADMSG: the entry is damaged; -ENOENT: it has no list.
 */
int manifest_check(const char *dir, bool deep, struct problem *p);

#endif
