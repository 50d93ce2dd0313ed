/* SPDX-License-Identifier: GPL-2.0-only */
/* The command line in the test's own process, as a person types it. */
#ifndef ORCHESTRATION_TESTING_LINE_H
#define ORCHESTRATION_TESTING_LINE_H

#include "orchestration/pfkeep/command.h"

/* What the last one said. */
extern char *line_out, *line_err;

/* "pfkeep" with the words of the line; "@" stands for the words of `at`, ended by NULL. */
enum command_status line_run(const char *line, const char *const *at);
/* It must say this on its standard error, and nothing else. */
void line_fails(const char *line, const char *const *at, enum command_status status,
		const char *words);
void line_release(void);

#endif
