// SPDX-License-Identifier: GPL-2.0-only
#include "orchestration/pfkeepd/backoff.h"

#define QUIET_S 600 /* after which its ends are counted anew */
#define MAX_S	300

/* What it was left alone for isn't time that it ran. */
time_t backoff_next(struct backoff *backoff, time_t now)
{
	time_t wait;

	if (now - backoff->since > QUIET_S)
		backoff->n = 0;
	wait = backoff->n ? (time_t)1 << (backoff->n < 10 ? backoff->n : 10) : 0;
	if (wait > MAX_S)
		wait = MAX_S;
	backoff->n++;
	backoff->since = now + wait;
	return wait;
}
