/* SPDX-License-Identifier: GPL-2.0-only */
/* The monitor of a QEMU that a live update carries: by path, a deadline for each call. */
#ifndef LIBPFKEEP_LIVE_QMP_H
#define LIBPFKEEP_LIVE_QMP_H

#include <json-c/json_object.h>
#include <stdint.h>

#include "pfkeep/problem.h"

struct live_qmp;

/* A QEMU that has just been started is waited for. */
int live_qmp_open(const char *path, int timeout_ms, struct live_qmp **ret_qmp,
		  struct problem *problem);
void live_qmp_close(struct live_qmp *live);

/* Takes args over (may be NULL); the answer's "return", to be put, if ret_answer is set. */
int live_qmp_call(struct live_qmp *live, const char *command, struct json_object *args,
		  struct json_object **ret_answer, struct problem *problem);

/*
 * The next event of that name; its data, if ret_data is set. Events since the last
 * call that aren't waited for are dropped. -EPIPE: QEMU has gone.
 */
int live_qmp_wait(struct live_qmp *live, const char *event, int timeout_ms,
		  struct json_object **ret_data, struct problem *problem);

/*
 * By live_ticks(): when its socket took us, which is before its devices are there, and
 * when it last said that its guest stopped or went on; now, if it hasn't said.
 */
uint64_t live_qmp_connected(const struct live_qmp *live);
uint64_t live_qmp_turned(const struct live_qmp *live, uint64_t ticks_per_ms);

/* Of a QEMU that has just been started. */
int live_qmp_await_running(struct live_qmp *live, int timeout_ms, struct problem *problem);

#endif
