// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>

#include "tests/lab/products/problem.h"

int problem_set(struct problem *p, int err, const char *fmt, ...)
{
	va_list ap;

	if (p->text[0])
		return err;
	va_start(ap, fmt);
	vsnprintf(p->text, sizeof(p->text), fmt, ap);
	va_end(ap);
	return err;
}

void problem_hint(struct problem *p, const char *fmt, ...)
{
	va_list ap;

	if (p->hint[0])
		return;
	va_start(ap, fmt);
	vsnprintf(p->hint, sizeof(p->hint), fmt, ap);
	va_end(ap);
}
