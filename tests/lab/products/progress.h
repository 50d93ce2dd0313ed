/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tells a person what is being built and for how long: one line that is drawn
 * anew on a terminal, plain lines elsewhere.
 */
#ifndef PRODUCTS_PROGRESS_H
#define PRODUCTS_PROGRESS_H

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

struct progress {
	FILE *out;
	const char *name;
	bool terminal;
	bool open; /* a line without its end is on the terminal */
	struct timespec start;
	time_t last_plain;
	char step[160];
	unsigned long done, total;
};

void progress_start(struct progress *pg, FILE *out, const char *name);
void progress_step(struct progress *pg, const char *text);
void progress_count(struct progress *pg, unsigned long done, unsigned long total);
/* To be called about once a second. */
void progress_tick(struct progress *pg);
void progress_end(struct progress *pg, const char *verdict);
long progress_elapsed(const struct progress *pg);

#endif
