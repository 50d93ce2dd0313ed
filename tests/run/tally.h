/* SPDX-License-Identifier: GPL-2.0-only */
/* Counts of several groups, added up over runs in a file of one line a group. */
#ifndef TESTS_RUN_TALLY_H
#define TESTS_RUN_TALLY_H

#include <stdio.h>

#include "tests/run/tap.h"

int tally_append(const char *path, const char *title, const struct tap_counts *counts);

/*
 * Adds up the file and prints a line a group; each of the named groups that it
 * doesn't hold counts as one failure, since it never came to its end.
 */
int tally_sum(const char *path, char *const groups[], int n_groups, FILE *out,
	      struct tap_counts *ret_sum);

/* "3 passed, 0 failed" and ", 1 skipped" if any. */
void tally_print(FILE *out, const struct tap_counts *counts);

/* 0 only if something passed and nothing failed. */
int tally_exit_status(const struct tap_counts *counts);

#endif
