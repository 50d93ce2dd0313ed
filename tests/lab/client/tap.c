// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>

#include "tests/lab/client/tap.h"

jmp_buf tap_case_end;
static bool failed;
static const char *skipped;

void tap_case_begin(void)
{
	failed = false;
	skipped = NULL;
}

const char *tap_case_skipped(void)
{
	return skipped;
}

void tap_skip(const char *reason)
{
	skipped = reason;
}

bool tap_case_failed(void)
{
	return failed;
}

void tap_fail(const char *file, int line, const char *format, ...)
{
	va_list args;

	failed = true;
	printf("# %s:%d: ", file, line);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

void tap_note(const char *format, ...)
{
	va_list args;

	printf("# ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
}
