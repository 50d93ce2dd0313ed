/* SPDX-License-Identifier: GPL-2.0-only */
/* Runs one command to its end, with a time limit; its output is kept apart. */
#ifndef TESTS_LAB_HARNESS_PROC_H
#define TESTS_LAB_HARNESS_PROC_H

#include <stddef.h>

struct proc_result {
	int status; /* as a shell says it: 0..255, 128 + signal */
	char *out;  /* always NUL-terminated */
	char *err;
};

/*
 * -ETIMEDOUT: it was ended, with its whole process group. What it printed until
 * then is in the result all the same. proc_result_free() in every case.
 */
int proc_run(const char *const argv[], unsigned int timeout_s, struct proc_result *ret_result);
/* The same, and shows each line of its output as it comes, behind "# ". */
int proc_show(const char *const argv[], unsigned int timeout_s, struct proc_result *ret_result);
void proc_result_free(struct proc_result *result);

#endif
