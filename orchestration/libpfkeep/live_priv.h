/* SPDX-License-Identifier: GPL-2.0-only */
/* The stages of a live update, each in a file of its own. */
#ifndef LIBPFKEEP_LIVE_PRIV_H
#define LIBPFKEEP_LIVE_PRIV_H

#include <time.h>

#include "pfkeep/live.h"
#include "orchestration/libpfkeep/live_qmp.h"

#define LIVE_CARRY	  LIVE_RUN "/carry"
#define LIVE_CMDLINE	  2048
#define LIVE_QMP_MS	  10000
#define LIVE_TOKEN_RECORD 0

struct live_work {
	const struct root *root;
	const struct live_update *how;
	struct live live;
	char cmdline[LIVE_CMDLINE + 1];
	int listener, session; /* -1: none */
	uint64_t ticks;	       /* and when they were counted */
	struct timespec since;
};

/* live_check.c */
int live_check(void *work, struct problem *problem);
/* Also in live_save.c's use: cpr-exec, whose command is pfkeep-carry, or normal. */
int live_set_mode(struct live_qmp *qmp, const struct live_work *w, const struct live_vm *vm,
		  const char *mode, struct problem *problem);
int live_is_running(struct live_qmp *qmp, const struct live_vm *vm, struct problem *problem);
void live_state_path(const struct live_vm *vm, char *ret_path, size_t size);

/* live_device.c */
int live_check_devices(const struct root *root, const struct live *live, struct problem *problem);

/* live_save.c */
int live_save(void *work, struct problem *problem);
int live_unsave(void *work, struct problem *problem);

#endif
