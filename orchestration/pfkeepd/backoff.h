/* SPDX-License-Identifier: GPL-2.0-only */
/* How long a PF VM that ends again and again is left alone. */
#ifndef PFKEEPD_BACKOFF_H
#define PFKEEPD_BACKOFF_H

#include <time.h>

struct backoff {
	unsigned int n; /* how often it has ended, since it last ran for long */
	time_t since;	/* when it was started, or will be, after that */
};

/* It has ended: seconds until it is started again; at once if it ran for long. */
time_t backoff_next(struct backoff *backoff, time_t now);

#endif
