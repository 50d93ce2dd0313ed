/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Other programs (mmdebstrap, dpkg-deb, depmod, qemu-img), run without a shell,
 * and the signals that end pf-image: a child is ended with it.
 */
#ifndef PF_VM_IMAGE_RUN_H
#define PF_VM_IMAGE_RUN_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/lab/products/problem.h"

/* From now on SIGINT, SIGTERM and SIGHUP are remembered; also(data) is called in the handler. */
void run_signals(void);
void run_on_signal(void (*also)(void *data), void *data);
bool run_interrupted(void);

#define RUN_DIRS 2

struct run_how {
	const char *dir; /* to run in; NULL: here */
	const char *log; /* its messages are added to this file */
	char *out;	 /* its stdout, NUL-terminated; NULL: to the log too */
	size_t size;
	const char *out_file; /* its stdout goes there instead */
	/*
	 * Folders that it fills; ended when the disk of one of them is full. For apt,
	 * which waits for ever then.
	 */
	const char *fills[RUN_DIRS];
};

/* -EINTR when a signal ended it; a failing program is -EIO, with its last words in p. */
int run_program(const char *const argv[], const struct run_how *how, struct problem *p);

#endif
