/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs a recipe so that nothing of it can outlive us: as root in process and
 * mount namespaces of its own, whose first process dies with us and takes every
 * process and mount along; without root under a subreaper that ends them.
 */
#ifndef PRODUCTS_SANDBOX_H
#define PRODUCTS_SANDBOX_H

#include <stdbool.h>
#include <sys/types.h>

struct sandbox {
	const char *const *argv;
	const char *const *env;
	const char *cwd;
	int log_fd;  /* the recipe's stdout and stderr */
	int step_fd; /* its fd 3 */
};

int sandbox_start(const struct sandbox *sb, pid_t *ret_pid, int *ret_pidfd);

/* Ends it with all that it started and waits until they are gone. */
void sandbox_kill(pid_t pid, int pidfd);

/* To be called when pidfd is readable: exit status, or 128 + signal. */
int sandbox_wait(pid_t pid);

#endif
