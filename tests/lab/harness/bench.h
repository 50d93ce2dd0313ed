/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The figures of a scenario, for build/bench/NAME.json: "rows" for tables, and
 * under "reports" the wire's accounts that they were taken from.
 */
#ifndef TESTS_LAB_HARNESS_BENCH_H
#define TESTS_LAB_HARNESS_BENCH_H

#include "tests/lab/harness/wire.h"

struct bench {
	struct json_object *rows, *reports;
};

struct bench bench_open(void);
void bench_row(struct bench *bench, const char *figure, double value, const char *unit);
/* The account of a flow: round trip and loss become rows. */
void bench_flow(struct bench *bench, const char *figure, const struct wire_report *report);
/* Of one that is interrupted: what is lost and the longest silence are said, and rows. */
void bench_silence(struct bench *bench, const char *figure, const struct wire_report *report);
/* Writes the file if any figure was taken; ends the bench. */
int bench_save(struct bench *bench, const char *name);

#endif
