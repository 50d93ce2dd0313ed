/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What QEMU leaves behind for its successor by cpr-exec, or sends to it by cpr-transfer:
 * which descriptors are what. Only their list is looked at.
 */
#ifndef PFKEEP_CPRSTATE_H
#define PFKEEP_CPRSTATE_H

#include <stdbool.h>
#include <stddef.h>

#include "pfkeep/problem.h"

#define CPRSTATE_NAME 256

struct cprstate_fd {
	char name[CPRSTATE_NAME]; /* "ram", "0000:01:10.0_interrupt" */
	int id;
	int fd; /* its number in the process; of what was sent: the how manieth */
};

/* Each number at most once. -EBADMSG: not that format; -E2BIG: more than max. */
int cprstate_parse(const void *data, size_t len, size_t max, struct cprstate_fd *ret_fds,
		   size_t *ret_n, struct problem *problem);
/* By cpr-transfer. ret_rest: where that begins which isn't looked at. */
int cprstate_parse_sent(const void *data, size_t len, size_t max, struct cprstate_fd *ret_fds,
			size_t *ret_n, size_t *ret_rest, struct problem *problem);
/* As by cpr-exec, with the rest as it was. */
int cprstate_format(const struct cprstate_fd *fds, size_t n, const void *rest, size_t rest_len,
		    char **ret_data, size_t *ret_len);

#endif
