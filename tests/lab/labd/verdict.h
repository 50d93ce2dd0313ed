/* SPDX-License-Identifier: GPL-2.0-only */
/* How a lab's run ended, from the evidence that it left. */
#ifndef LABD_VERDICT_H
#define LABD_VERDICT_H

#include <stdbool.h>

enum verdict_kind {
	VERDICT_DOWN,	  /* it was asked to */
	VERDICT_START,	  /* QEMU did not start */
	VERDICT_EMULATOR, /* the emulator failed */
	VERDICT_PANIC,	  /* the lab host's kernel panicked */
	VERDICT_POWEROFF, /* the lab host switched itself off */
	VERDICT_RESET,	  /* the lab host was reset */
	VERDICT_KILLED,	  /* somebody killed QEMU */
	VERDICT_TIMEOUT,  /* the lab host was not ready in time */
};

struct evidence {
	bool requested; /* labctl down, or a signal to labd */
	bool greeted;	/* QMP answered */
	bool timed_out;
	int wait_status;     /* QEMU's, as waitpid() gives it */
	const char *reason;  /* of QMP's SHUTDOWN event, or NULL */
	const char *console; /* texts; never NULL */
	const char *qemu_stderr;
	const char *qemu_log;
};

struct verdict {
	enum verdict_kind kind;
	const char *signature; /* the mark by which it was told */
	char text[256];	       /* one line for people */
};

void verdict_judge(const struct evidence *ev, struct verdict *ret_verdict);
const char *verdict_kind_name(enum verdict_kind kind);

#endif
