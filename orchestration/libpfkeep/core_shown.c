// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tokens that are shown to QEMUs which have read them, or will never: libvirt or we
 * died between the hook's word that a domain starts and the one that it has.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "orchestration/libpfkeep/core_priv.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/virt.h"

/* Also when nobody knows: what is hidden too early keeps a domain from starting. */
static bool may_need_it(struct core *core, const char *uuid)
{
	CLEANUP(virt_free) virDomainPtr dom = NULL;
	int ret = virt_find(core->conn, uuid, &dom, NULL), now, reason;

	if (ret)
		return ret != -ENOENT;
	return virDomainGetState(dom, &now, &reason, 0) ||
	       (now == VIR_DOMAIN_PAUSED && reason == VIR_DOMAIN_PAUSED_STARTING_UP);
}

static unsigned int count_starts(struct core *core)
{
	unsigned int starts;

	pthread_mutex_lock(&core->books);
	starts = core->starts;
	pthread_mutex_unlock(&core->books);
	return starts;
}

static int hide(struct core *core, const char *uuid, struct problem *problem)
{
	unsigned int starts = count_starts(core);
	int ret = 0;

	if (may_need_it(core, uuid))
		return 0;
	pthread_mutex_lock(&core->books);
	/* One that has begun since then may be this domain's. */
	if (core->starts == starts)
		ret = token_hide(core->root, uuid);
	pthread_mutex_unlock(&core->books);
	return ret ? problem_set(problem, ret, "domain %s: its token: %s", uuid, strerror(-ret))
		   : 0;
}

int core_hide_tokens(struct core *core, struct problem *problem)
{
	CLEANUP(cleanup_free) char(*uuids)[UUID_TEXT] = NULL;
	size_t n;
	int ret;

	ret = token_list_shown(core->root, &uuids, &n);
	if (ret)
		return problem_set(problem, ret, "/" TOKEN_DIR ": %s", strerror(-ret));
	for (size_t i = 0; i < n; i++) {
		int bad = hide(core, uuids[i], ret ? NULL : problem);

		ret = ret ? ret : bad;
	}
	return ret;
}
