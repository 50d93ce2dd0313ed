/* SPDX-License-Identifier: GPL-2.0-only */
/* Runs one test program to its end and judges what it said and how it ended. */
#ifndef TESTS_RUN_PROGRAM_H
#define TESTS_RUN_PROGRAM_H

#include <stdbool.h>
#include <stdio.h>

#include "tests/run/tap.h"

#define PROGRAM_ARGS_MAX 32

struct program {
	const char *command; /* [NAME=]a path, and arguments parted by blanks */
	bool plain;	     /* no TAP: one test, passed if the exit status is 0 */
	int timeout_s;
	int grace_ms;				   /* to clean up, between SIGTERM and SIGKILL */
	FILE *log;				   /* takes all output; read back on failure */
	void (*tick)(void *arg, const char *last); /* about once a second, and on results */
	void (*line)(void *arg, const char *line); /* each line of its output, or NULL */
	void *tick_arg;				   /* for both */
};

struct program_result {
	struct tap_counts counts;
	char reason[320]; /* what failed beside single tests, or "" */
	long long elapsed_ms;
	int interrupted; /* the signal, or 0 */
};

/* Negative only if the program could not be started for want of resources. */
int program_run(const struct program *program, int signals, struct program_result *ret_result);

/* NAME, or the last part of the program's path. */
void program_name(const char *command, char *name, size_t size);

#endif
