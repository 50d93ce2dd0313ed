/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a test program says, read line by line: the TAP that cmocka 1.1.5 and
 * 1.1.7 print. Pure: no I/O, so that it can be tested and fuzzed alone.
 *
 * The dialect, where it differs from the TAP standard:
 *   "1..N"                       opens a group; a program may have several
 *   "not ok N # SKIP name"       a skip (1.1.5); 1.1.7 writes "ok N # SKIP name"
 *   "not ok 0 - group ..."       the group's own setup or teardown failed
 *   "# emulator-failure: WHY"    ours: printed by a test, before its result,
 *                                when the lab's emulator broke under it; the
 *                                test counts as failed whatever it says next
 */
#ifndef TESTS_RUN_TAP_H
#define TESTS_RUN_TAP_H

#include <stdbool.h>

#define TAP_PLAN_MAX  100000
#define TAP_NAME_SIZE 128

struct tap_counts {
	unsigned int passed;
	unsigned int failed;
	unsigned int skipped;
	unsigned int emulator; /* those of the failed that an emulator failure hit */
};

struct tap {
	struct tap_counts counts;
	bool group_open;
	bool fixture_failed;
	bool emulator_hit; /* since the last result */
	unsigned int planned;
	unsigned int seen;
	unsigned int missing; /* planned tests without a result, over all groups */
	char last[TAP_NAME_SIZE];
};

enum tap_event {
	TAP_TEXT,
	TAP_PLAN,
	TAP_PASSED,
	TAP_FAILED,
	TAP_SKIPPED,
	TAP_EMULATOR,
};

/* Takes one line without its newline; after a result, tap->last is its name. */
enum tap_event tap_line(struct tap *tap, const char *line);

/* Closes the last group: planned tests that gave no result have failed. */
void tap_end(struct tap *tap);

void tap_counts_add(struct tap_counts *sum, const struct tap_counts *more);

#endif
