/* SPDX-License-Identifier: GPL-2.0-only */
/* Other programs, within limits. */
#ifndef LIBPFKEEP_RUN_H
#define LIBPFKEEP_RUN_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Start argv[0] (no search, no shell, standard input and error on /dev/null,
 * a bare environment) and collect its standard output, terminated, up to
 * size - 1 bytes. 0 if it exits with 0 in time; -ETIMEDOUT (it is killed),
 * -EFBIG, -ECHILD if it ends otherwise, or -errno of starting it.
 */
int run_output(char *const *argv, int timeout_ms, char *ret_text, size_t size);

/* As above, beside the caller, and its output goes nowhere. */
int run_aside(char *const *argv, pid_t *ret_pid);
/* How it ended, as above; it is killed when it takes longer than this from now on. */
int run_end(pid_t pid, int timeout_ms);

#endif
