// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "tests/lab/liveupdate/lu.h"

static void say(const char *format, va_list args)
{
	vprintf(format, args);
	putchar('\n');
	fflush(stdout);
}

void lu_say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
}

/* The lab host goes with us when we are its PID 1. */
void lu_fail(const char *format, ...)
{
	va_list args;

	printf("LU-FAIL ");
	va_start(args, format);
	say(format, args);
	va_end(args);
	if (getpid() == 1) {
		sync();
		reboot(RB_POWER_OFF);
	}
	exit(1);
}
