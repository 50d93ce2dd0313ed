/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One line that says which object breaks which rule. Functions that can fail on
 * somebody's input take a struct problem beside their -errno; the library
 * prints nothing.
 */
#ifndef PFKEEP_PROBLEM_H
#define PFKEEP_PROBLEM_H

#define PROBLEM_TEXT 320

struct problem {
	char text[PROBLEM_TEXT];
};

/*
 * Fill in problem (which may be NULL) and return err, so that a caller can
 * "return problem_set(...)". Input quoted in the text is hostile: whatever
 * isn't printable ASCII comes out as '?'.
 */
int problem_set(struct problem *problem, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Put "prefix: " before the text that is there. Returns err. */
int problem_prefix(struct problem *problem, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* clang's analyzer can't see into problem.c that err comes back, and takes it for 0. */
#if defined(__clang_analyzer__) && !defined(PROBLEM_C)
#define problem_set(problem, err, ...)	  ((void)(problem), (err))
#define problem_prefix(problem, err, ...) ((void)(problem), (err))
#endif

#endif
