/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One test program and all that descends from it. The runner is a subreaper and
 * runs one program at a time, so every child it has, adopted ones included,
 * belongs to that program: ending "all my children" can't hit anyone else.
 */
#ifndef TESTS_RUN_CHILD_H
#define TESTS_RUN_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct child {
	pid_t pid;
	int out; /* its stdout and stderr, non-blocking */
	bool exited;
	int status;	 /* as of waitpid(), once exited */
	int interrupted; /* the signal that asks the runner to stop, or 0 */
};

/* Becomes a subreaper and blocks SIGCHLD, SIGINT, SIGTERM and SIGHUP: *ret_signals reads them. */
int child_setup(int *ret_signals);

/* Starts argv in a session of its own, stdin empty, cmocka speaking TAP. */
int child_start(char *const argv[], struct child *ret_child);

/* Takes the pending signals off the descriptor. */
void child_signals(struct child *child, int signals);

/* Reaps what has ended; true if any child is left, adopted ones included. */
bool child_reap(struct child *child);

/* Waits up to grace_ms for the children that are left; true if some still are. */
bool child_linger(struct child *child, int signals, int grace_ms);

/* "labd (412), qemu (413)": the children that are left. */
void child_names(char *text, size_t size);

/* SIGTERM, grace_ms to clean up, then SIGKILL, until no child is left. */
void child_end(struct child *child, int signals, int grace_ms);

#endif
