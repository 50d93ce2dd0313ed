/* SPDX-License-Identifier: GPL-2.0-only */
/* Finds calls that the list bans, in C text; comments and strings don't count. */
#ifndef TESTS_LINT_BANNED_H
#define TESTS_LINT_BANNED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define BANNED_MAX    128
#define BANNED_NAME   32
#define BANNED_ADVICE 128

struct banned_call {
	char name[BANNED_NAME];
	bool tests_only;
	char advice[BANNED_ADVICE];
};

struct banned_list {
	struct banned_call calls[BANNED_MAX];
	size_t n;
};

/* -EINVAL with *ret_line at the line that makes no sense. */
int banned_read(FILE *file, struct banned_list *ret_list, unsigned int *ret_line);

/* Prints one line a finding, and returns how many there are. */
unsigned int banned_check(const struct banned_list *list, const char *path, const char *text,
			  FILE *out);

#endif
