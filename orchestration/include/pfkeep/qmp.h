/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * QEMU's monitor on a socket: one command at a time, its answer, or an event. QEMU
 * runs an operator's guest: what it says is bounded.
 */
#ifndef PFKEEP_QMP_H
#define PFKEEP_QMP_H

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pfkeep/problem.h"

#define QMP_LINE_MAX (4u << 20) /* query-qmp-schema takes a quarter of a MiB */

struct qmp {
	int fd;		  /* the caller's */
	int64_t deadline; /* of CLOCK_MONOTONIC, in ms: for all that is waited for */
	const char *who;  /* what messages call it */
	char *text;
	size_t len, used;
	bool resumed;	   /* it last said that its guest went on, not that it stopped */
	int64_t turned_us; /* when it last said that it stopped or went on, by its clock; 0: not yet */
};

int64_t qmp_now_ms(void);
/*
 * Takes the greeting and leaves the negotiation. -ETIMEDOUT, -EPIPE when QEMU ends.
 * who must outlive it.
 */
int qmp_open(struct qmp *qmp, int fd, const char *who, int64_t deadline, struct problem *problem);
void qmp_close(struct qmp *qmp);

/*
 * arguments may be NULL and are taken over. ret_return may be NULL. -EREMOTEIO with
 * what QEMU says when it refuses.
 */
int qmp_command(struct qmp *qmp, const char *name, struct json_object *arguments,
		struct json_object **ret_return, struct problem *problem);
/*
 * The next event of that name; its data, to be put, if ret_data is set. What comes
 * before it is dropped.
 */
int qmp_wait(struct qmp *qmp, const char *event, struct json_object **ret_data,
	     struct problem *problem);
/* Until the guest runs, which it may do already. */
int qmp_await_running(struct qmp *qmp, struct problem *problem);

/* {"execute": name, "arguments": ...}; takes over arguments, which may be NULL. */
struct json_object *qmp_request(const char *name, struct json_object *arguments);
/* "return" of an answer, borrowed; or -EREMOTEIO with the error in problem, -EBADMSG. */
int qmp_answer(struct json_object *answer, const char *name, struct json_object **ret_return,
	       struct problem *problem);

#endif
