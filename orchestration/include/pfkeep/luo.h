/* SPDX-License-Identifier: GPL-2.0-only */
/* A session of the kernel's live update orchestrator (Linux 7.3). */
#ifndef PFKEEP_LUO_H
#define PFKEEP_LUO_H

#include <stdint.h>

#include "pfkeep/problem.h"

#define LUO_DEVICE "/dev/liveupdate"

/* Closing a session that hasn't gone to the next kernel gives all files up. */
int luo_session_create(const char *name, int *ret_session, struct problem *problem);
/* -ENOENT: the previous kernel has left none of that name. */
int luo_session_retrieve(const char *name, int *ret_session, struct problem *problem);
int luo_preserve(int session, uint64_t token, int fd, struct problem *problem);
int luo_retrieve(int session, uint64_t token, int *ret_fd, struct problem *problem);
/* From here on what was retrieved is as any other file. */
int luo_finish(int session, struct problem *problem);

#endif
