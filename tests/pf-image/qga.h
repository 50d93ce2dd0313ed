/* SPDX-License-Identifier: GPL-2.0-only */
/* A client of qemu-guest-agent on a QEMU socket, as far as the tests need one. */
#ifndef TESTS_PF_IMAGE_QGA_H
#define TESTS_PF_IMAGE_QGA_H

#include <stddef.h>

struct json_object;

struct qga {
	int fd;
	char buf[1 << 16]; /* read, not yet taken */
	size_t used;
};

/* Takes over fd and waits until the agent answers. */
int qga_open(int fd, int timeout_ms, struct qga *ret_qga);
void qga_close(struct qga *q);

/* The "return" of a command's answer, or -EREMOTEIO if it is an error. args may be NULL. */
int qga_call(struct qga *q, const char *command, struct json_object *args, int timeout_ms,
	     struct json_object **ret_value);

/* Runs a shell line in the VM to its end; its stdout as a string that the caller frees. */
int qga_shell(struct qga *q, const char *line, int timeout_ms, char **ret_out);

#endif
