// SPDX-License-Identifier: GPL-2.0-only
/* Whose a VF is: the books in memory and the state on disk, kept the same. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "orchestration/libpfkeep/core_priv.h"

static bool request_taken(const struct core *core, const char *uuid, uint16_t request)
{
	struct owner_claim claims[DOMAIN_WANTS_MAX];
	size_t n = owner_list(core->owners, uuid, claims, DOMAIN_WANTS_MAX);

	for (size_t i = 0; i < n && i < DOMAIN_WANTS_MAX; i++)
		if (claims[i].request == request)
			return true;
	return false;
}

/* The lowest number that no VF of the domain has. */
static int next_request(struct core *core, struct record_vf *vf, struct problem *problem)
{
	for (uint16_t i = 0; i < DOMAIN_WANTS_MAX; i++)
		if (!request_taken(core, vf->claim.uuid, i)) {
			vf->claim.request = i;
			return 0;
		}
	return problem_set(problem, -ENOSPC, "%.60s: has %d VFs, no domain has more", vf->domain,
			   DOMAIN_WANTS_MAX);
}

static int take(struct core *core, struct record_vf *vf, bool any, struct problem *problem)
{
	int ret;

	pthread_mutex_lock(&core->books);
	ret = any ? owner_take_any(core->owners, &vf->claim, problem)
		  : owner_take(core->owners, &vf->claim, problem);
	pthread_mutex_unlock(&core->books);
	return ret;
}

static int give_back(struct core *core, const struct record_vf *vf, struct problem *problem)
{
	int ret;

	pthread_mutex_lock(&core->books);
	ret = owner_give_back(core->owners, &vf->claim, problem);
	pthread_mutex_unlock(&core->books);
	return ret;
}

int core_claim(struct core *core, bool any, struct record_vf *vf, struct vfconf *ret_before,
	       struct problem *problem)
{
	struct owner_claim *claim = &vf->claim, held;
	struct record_vf old;
	char name[BDF_TEXT];
	int ret;

	if (!any && !owner_of(core->owners, &claim->pf, claim->index, &held))
		return problem_set(problem, -EBUSY, "%s/%u: belongs to domain %s",
				   bdf_format(&claim->pf, name), claim->index, held.uuid);
	ret = next_request(core, vf, problem);
	if (!ret)
		ret = take(core, vf, any, problem);
	if (ret)
		return ret;
	ret = core_get_vf(core, &claim->pf, claim->index, &old, problem);
	if (!ret) {
		*ret_before = old.conf;
		/* What the operator has set holds where the domain says nothing. */
		vfconf_merge(&old.conf, &vf->conf);
		vf->conf = old.conf;
		ret = core_save_vf(core, vf, problem);
	}
	if (ret)
		give_back(core, vf, NULL);
	return ret;
}

int core_unclaim(struct core *core, const struct record_vf *vf, struct problem *problem)
{
	const struct record_vf free_vf = {
		.claim = { .pf = vf->claim.pf, .index = vf->claim.index },
		.conf = vf->conf,
	};
	int ret;

	ret = core_save_vf(core, &free_vf, problem);
	return ret ? ret : give_back(core, vf, problem);
}
