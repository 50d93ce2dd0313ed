// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PROBLEM_C
#include "pfkeep/problem.h"

static void make_printable(char *text)
{
	for (; *text; text++)
		if (*text < 0x20 || *text > 0x7e)
			*text = '?';
}

int problem_set(struct problem *problem, int err, const char *fmt, ...)
{
	va_list ap;

	if (!problem)
		return err;
	va_start(ap, fmt);
	vsnprintf(problem->text, sizeof(problem->text), fmt, ap);
	va_end(ap);
	make_printable(problem->text);
	return err;
}

int problem_prefix(struct problem *problem, int err, const char *fmt, ...)
{
	char prefix[PROBLEM_TEXT], rest[PROBLEM_TEXT];
	va_list ap;
	size_t n;

	if (!problem)
		return err;
	va_start(ap, fmt);
	vsnprintf(prefix, sizeof(prefix), fmt, ap);
	va_end(ap);
	memcpy(rest, problem->text, sizeof(rest));
	/* Cut the tail, not the object's name at the front. */
	snprintf(problem->text, sizeof(problem->text), "%.*s: ", (int)sizeof(prefix) / 2, prefix);
	n = strlen(problem->text);
	snprintf(problem->text + n, sizeof(problem->text) - n, "%.*s",
		 (int)(sizeof(problem->text) - n - 1), rest);
	make_printable(problem->text);
	return err;
}
