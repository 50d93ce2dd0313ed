/* SPDX-License-Identifier: GPL-2.0-only */
/* Commands and files in a lab host, through its agent. */
#ifndef LAB_SESSION_H
#define LAB_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/lab/agent/proto.h"
#include "tests/lab/lib/spec.h"

/* Where output goes. -errno ends the session. */
typedef int (*session_sink)(void *data, const uint8_t *bytes, size_t len);

struct session_io {
	int in_fd;	  /* fed to the command; -1: it reads end of file */
	int signal_fd;	  /* a signalfd whose signals are passed on, or -1 */
	session_sink out; /* NULL: thrown away */
	session_sink err;
	void *data;
	unsigned int timeout_ms; /* for all of it; 0: none */
};

struct session_result {
	struct proto_exit how;
	int error; /* errno of what could not be run or transferred; then text says */
	char text[256];
};

/*
 * 0: the command ran (or could not be run: result->error), its end is in
 * ret_result. -ETIMEDOUT: ended after the time limit. -ESTALE: the lab host
 * booted anew meanwhile. -EPIPE: the lab ended. -ENOENT: no such lab. Each with
 * a line in ret_error.
 */
int session_exec(const char *lab, const char *cwd, char *const *argv, char *const *envp,
		 const struct session_io *io, struct session_result *ret_result,
		 struct lab_error *ret_error);

/* Copy a file. The same results; a local file's error is -errno as well. */
int session_push(const char *lab, const char *src, const char *dst, unsigned int timeout_ms,
		 struct lab_error *ret_error);
int session_pull(const char *lab, const char *src, const char *dst, unsigned int timeout_ms,
		 struct lab_error *ret_error);

#endif
