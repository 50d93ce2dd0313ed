/* SPDX-License-Identifier: GPL-2.0-only */
/* The QEMU process: started in its root, dies with its parent, is waited for. */
#ifndef LABD_QEMU_H
#define LABD_QEMU_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "tests/lab/labd/root.h"
#include "tests/lab/lib/loop.h"
#include "tests/lab/lib/spec.h"

struct qemu {
	pid_t pid;
	struct loop_source exit; /* a pidfd */
	int wait_status;
	void (*exited)(void *data);
	void *data;
};

struct qemu_start {
	const struct root *root;
	char *const *argv;
	const int *keep_fds; /* that it inherits */
	size_t n_keep;
	int stderr_fd; /* for stdout as well */
};

int qemu_start(struct loop *loop, struct qemu *qemu, const struct qemu_start *how,
	       struct lab_error *ret_error);
/* SIGKILL; exited() follows. */
void qemu_kill(struct qemu *qemu);
bool qemu_running(const struct qemu *qemu);

#endif
