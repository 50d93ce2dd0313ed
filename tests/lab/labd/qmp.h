/* SPDX-License-Identifier: GPL-2.0-only */
/* QEMU's monitor: one connection, every line of it in the log. */
#ifndef LABD_QMP_H
#define LABD_QMP_H

#include <json-c/json.h>
#include <stdbool.h>

#include "tests/lab/lib/jsonline.h"
#include "tests/lab/lib/loop.h"

#define QMP_PENDING 32

/* reply: QMP's answer with "return" or "error"; NULL when the connection ended. */
typedef void (*qmp_reply_fn)(void *data, json_object *reply);

struct qmp {
	struct loop *loop;
	struct loop_source src;
	struct jsonline in;
	int log_fd;
	bool ready; /* greeted, and capabilities negotiated */
	int64_t next_id;
	struct {
		int64_t id; /* 0: free */
		qmp_reply_fn reply;
		void *data;
	} pending[QMP_PENDING];
	void (*greeted)(void *data);
	void (*event)(void *data, const char *name, json_object *detail);
	void *data;
};

/* Takes both descriptors over. */
int qmp_open(struct loop *loop, struct qmp *qmp, int fd, int log_fd);
void qmp_close(struct qmp *qmp);
/*
 * Send a command; arguments may be NULL, and stay the caller's. reply may be
 * NULL. -ENOTCONN before the greeting and after the end.
 */
int qmp_execute(struct qmp *qmp, const char *command, json_object *arguments, qmp_reply_fn reply,
		void *data);

#endif
