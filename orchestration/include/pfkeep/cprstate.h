/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What QEMU leaves behind for its successor by cpr-exec: which of the process's
 * descriptors are what. Only their list is looked at.
 */
#ifndef PFKEEP_CPRSTATE_H
#define PFKEEP_CPRSTATE_H

#include <stddef.h>

#include "pfkeep/problem.h"

#define CPRSTATE_NAME 256

struct cprstate_fd {
	char name[CPRSTATE_NAME]; /* "ram", "0000:01:10.0_interrupt" */
	int id;
	int fd; /* its number in the process */
};

/* Each number at most once. -EBADMSG: not that format; -E2BIG: more than max. */
int cprstate_parse(const void *data, size_t len, size_t max, struct cprstate_fd *ret_fds,
		   size_t *ret_n, struct problem *problem);

#endif
