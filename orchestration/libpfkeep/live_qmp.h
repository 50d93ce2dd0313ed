/* SPDX-License-Identifier: GPL-2.0-only */
/* QEMU's monitor: one command at a time, each with a deadline. */
#ifndef LIBPFKEEP_LIVE_QMP_H
#define LIBPFKEEP_LIVE_QMP_H

#include <json-c/json_object.h>
#include <stdint.h>

#include "pfkeep/problem.h"

struct live_qmp;

/* A QEMU that has just been started is waited for. */
int live_qmp_open(const char *path, int timeout_ms, struct live_qmp **ret_qmp,
		  struct problem *problem);
void live_qmp_close(struct live_qmp *qmp);

/* Takes args over (may be NULL); the answer's "return", to be put, if ret_answer is set. */
int live_qmp_call(struct live_qmp *qmp, const char *command, struct json_object *args,
		  struct json_object **ret_answer, struct problem *problem);

/*
 * The next event of that name; its data, if ret_data is set. Events since the last
 * call that aren't waited for are dropped. -ECONNRESET: QEMU has gone.
 */
int live_qmp_wait(struct live_qmp *qmp, const char *event, int timeout_ms,
		  struct json_object **ret_data, struct problem *problem);

/* Of a QEMU that has just been started. */
int live_qmp_await_running(struct live_qmp *qmp, int timeout_ms, struct problem *problem);

#endif
