/* SPDX-License-Identifier: GPL-2.0-only */
/* What a case says: checks that go on, and requirements that end the case. */
#ifndef TESTS_LAB_CLIENT_TAP_H
#define TESTS_LAB_CLIENT_TAP_H

#include <setjmp.h>
#include <stdbool.h>

extern jmp_buf tap_case_end;

void tap_fail(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void tap_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool tap_case_failed(void);
/* Why the case can't be had on this device, or NULL. */
const char *tap_case_skipped(void);
void tap_skip(const char *reason);
void tap_case_begin(void);

/* The case goes on. */
#define CHECK(condition, ...)                                      \
	do {                                                       \
		if (!(condition))                                  \
			tap_fail(__FILE__, __LINE__, __VA_ARGS__); \
	} while (0)

/* The case can't go on without it. */
#define REQUIRE(condition, ...)                                    \
	do {                                                       \
		if (!(condition)) {                                \
			tap_fail(__FILE__, __LINE__, __VA_ARGS__); \
			longjmp(tap_case_end, 1);                  \
		}                                                  \
	} while (0)

/* The case ends: this device or kernel can't do what it is about. */
#define SKIP(reason)                      \
	do {                              \
		tap_skip(reason);         \
		longjmp(tap_case_end, 1); \
	} while (0)

#endif
