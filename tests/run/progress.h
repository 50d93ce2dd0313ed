/* SPDX-License-Identifier: GPL-2.0-only */
/* What a person sees while tests run: a bar on a terminal, plain lines elsewhere. */
#ifndef TESTS_RUN_PROGRESS_H
#define TESTS_RUN_PROGRESS_H

#include <stdbool.h>
#include <stdio.h>

#include "tests/run/program.h"

struct progress {
	FILE *out;
	bool terminal;
	const char *title;
	int done;
	int total;
	char name[64]; /* of the program that runs */
	long long start_ms;
	long long said_ms; /* when the last plain line was printed */
};

void progress_start(struct progress *progress, FILE *out, const char *title, int total);
void progress_program(struct progress *progress, const char *name);
void progress_tick(struct progress *progress, const char *last);
void progress_result(struct progress *progress, const struct program_result *result);

/* One line that the program that runs has just printed. */
void progress_line(struct progress *progress, const char *line);

/* Prints the whole output of a program that failed. */
void progress_output(struct progress *progress, FILE *log);

/* Takes the bar away, before anything else is printed. */
void progress_clear(struct progress *progress);

#endif
