/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What went wrong and what to do about it, handed up to the program, which
 * prints it once.
 */
#ifndef PRODUCTS_PROBLEM_H
#define PRODUCTS_PROBLEM_H

struct problem {
	char text[1024];
	char hint[512];
};

/* Both keep the first text given: the one nearest to the cause. Returns err. */
int problem_set(struct problem *p, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void problem_hint(struct problem *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
