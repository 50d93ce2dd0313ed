/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs a product's recipe.sh and follows it. The recipe tells what it does on
 * its fd 3, a line each: `step: TEXT`, `progress: N/M`, and before it fails
 * `error: TEXT` and `hint: TEXT` (what to do).
 */
#ifndef PRODUCTS_RUN_H
#define PRODUCTS_RUN_H

#include "tests/lab/products/catalog.h"
#include "tests/lab/products/progress.h"

struct run {
	const struct product *product;
	const char *const *env;
	const char *work_dir;
	const char *log_path;
	struct progress *progress;
};

/* -EINTR when a signal ended it, -ETIMEDOUT, -EIO when the recipe failed. */
int run_recipe(const struct run *r, struct problem *p);

#endif
