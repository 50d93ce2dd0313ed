// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/labd/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

double log_uptime(void)
{
	static struct timespec start;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!start.tv_sec)
		start = now;
	return (double)(now.tv_sec - start.tv_sec) + (double)(now.tv_nsec - start.tv_nsec) / 1e9;
}

void log_line(const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	dprintf(2, "%9.3f %s\n", log_uptime(), text);
}
