// SPDX-License-Identifier: GPL-2.0-only
/* A VF goes to a tenant, comes back, is set. */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "orchestration/libpfkeep/core_priv.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/guest.h"
#include "pfkeep/token.h"
#include "pfkeep/vfname.h"
#include "pfkeep/virt.h"

int core_apply_vf(struct core *core, const struct bdf *pf, uint16_t index,
		  const struct vfconf *conf, struct problem *problem)
{
	struct core_agent agent;
	struct record_pf record;
	char name[BDF_TEXT];
	int ret;

	if (!conf->set)
		return 0;
	ret = core_need_pf(core, pf, &record, problem);
	if (!ret)
		ret = core_agent_open(core, &record, false, &agent, problem);
	if (ret)
		return ret;
	ret = guest_set_vf(&agent.link, index, conf, problem);
	core_agent_close(&agent);
	return ret ? problem_prefix(problem, ret, "%s/%u", bdf_format(pf, name), index) : 0;
}

int core_set_vf(struct core *core, const struct bdf *pf, uint16_t index, const struct vfconf *conf,
		struct problem *problem)
{
	struct record_vf old, new;
	int ret;

	ret = core_get_vf(core, pf, index, &old, problem);
	if (!ret)
		ret = core_need_ready(core, pf, problem);
	if (ret)
		return ret;
	new = old;
	vfconf_merge(&new.conf, conf);
	ret = core_save_vf(core, &new, problem);
	if (ret)
		return ret;
	ret = core_apply_vf(core, pf, index, conf, problem);
	if (!ret)
		return 0;
	/* What of it the driver took before it refused is put back too. */
	if (core_save_vf(core, &old, NULL) || core_apply_vf(core, pf, index, &old.conf, NULL))
		return problem_prefix(problem, ret, "not undone");
	return ret;
}

struct assignment {
	struct core *core;
	virDomainPtr dom;
	bool any;
	struct record_vf vf;
	struct bdf vf_bdf;
};

static int resolve(struct assignment *a, struct problem *problem)
{
	return core_find_vf(a->core, &a->vf.claim.pf, a->vf.claim.index, &a->vf_bdf, problem);
}

/* The hostdev as it goes into a running domain and out of it. */
static int change_live(struct assignment *a, bool attach, struct problem *problem)
{
	CLEANUP(cleanup_free) char *xml = NULL;
	char alias[DOMAIN_ALIAS];
	int ret;

	snprintf(alias, sizeof(alias), DOMAIN_ALIAS_VF "%u", a->vf.claim.request);
	ret = domain_hostdev_xml(&a->vf_bdf, alias, &xml);
	if (ret)
		return ret;
	return attach ? virt_attach(a->dom, xml, problem) : virt_detach(a->dom, xml, problem);
}

static int stage_claim(void *work, struct problem *problem)
{
	struct assignment *a = work;
	struct vfconf before; /* the same, as an assignment sets nothing */

	return core_claim(a->core, a->any, &a->vf, &before, problem);
}

static int stage_define(void *work, struct problem *problem)
{
	struct assignment *a = work;

	return core_sync_domain(a->core, a->dom, problem);
}

/* The definition follows the books, whether it was changed or not. */
static int undo_claim(void *work, struct problem *problem)
{
	struct assignment *a = work;
	int ret = core_unclaim(a->core, &a->vf, problem);

	return ret ? ret : core_sync_domain(a->core, a->dom, problem);
}

/*
 * Into the running domain: its QEMU has the token that it was started with, and an
 * object that holds it only if it was started with a VF. Like a start it wants the PF
 * to be ready: its driver isn't there to answer the VF's, nor is the VF set as recorded.
 */
static int stage_attach(void *work, struct problem *problem)
{
	struct assignment *a = work;
	TOKEN_AUTO struct token token = { "" };
	int ret;

	if (virDomainIsActive(a->dom) != 1)
		return 0;
	ret = core_need_ready(a->core, &a->vf.claim.pf, problem);
	if (ret)
		return ret;
	ret = token_read(a->core->root, a->vf.claim.uuid, &token, NULL);
	if (ret)
		return problem_set(problem, ret,
				   "%.60s: was started without a VF, so that it can be given one "
				   "only while it is off",
				   a->vf.domain);
	ret = resolve(a, problem);
	if (!ret)
		ret = token_set(a->core->root, &a->vf_bdf, &token, problem);
	if (!ret)
		ret = change_live(a, true, problem);
	if (ret)
		core_lock_vf(a->core, &a->vf_bdf, NULL);
	return ret;
}

static const struct stage assign_stages[] = {
	{ "claim", stage_claim, undo_claim },
	{ "define", stage_define, NULL },
	{ "attach", stage_attach, NULL },
};

int core_assign(struct core *core, const struct bdf *pf, int index, const char *domain,
		uint16_t *ret_index, struct problem *problem)
{
	CLEANUP(virt_free) virDomainPtr dom = NULL;
	struct assignment a = { .core = core, .any = index < 0 };
	struct record_pf record;
	int ret;

	ret = core_need_pf(core, pf, &record, problem);
	if (!ret)
		ret = virt_find(core->conn, domain, &dom, problem);
	if (ret)
		return ret;
	a.dom = dom;
	a.vf.claim.pf = *pf;
	a.vf.claim.index = (uint16_t)(index < 0 ? 0 : index);
	snprintf(a.vf.domain, sizeof(a.vf.domain), "%s", virDomainGetName(dom));
	if (virDomainGetUUIDString(dom, a.vf.claim.uuid))
		return problem_set(problem, -EIO, "%.60s: has no UUID", domain);
	if (core_is_pfvm(core, a.vf.claim.uuid))
		return problem_set(problem, -EINVAL, "%.60s: is a PF VM, not a tenant",
				   a.vf.domain);
	ret = stages_run(assign_stages, sizeof(assign_stages) / sizeof(assign_stages[0]), &a,
			 core->watch, core->watch_data, problem);
	if (!ret && ret_index)
		*ret_index = a.vf.claim.index;
	return ret;
}

/* From the running domain, the books, the definition, in that order. */
static int take_back(struct assignment *a, struct problem *problem)
{
	int ret;

	ret = resolve(a, problem);
	if (!ret && a->dom && virDomainIsActive(a->dom) == 1)
		ret = change_live(a, false, problem);
	if (!ret)
		ret = core_unclaim(a->core, &a->vf, problem);
	if (!ret)
		ret = core_lock_vf(a->core, &a->vf_bdf, problem);
	if (!ret && a->dom)
		ret = core_sync_domain(a->core, a->dom, problem);
	return ret;
}

/* By force also what its domain asks for; who does that sees to it that it can't have it. */
static int unassign(struct core *core, const struct bdf *pf, uint16_t index, bool force,
		    struct problem *problem)
{
	CLEANUP(virt_free) virDomainPtr dom = NULL;
	struct assignment a = { .core = core };
	char name[BDF_TEXT];
	int ret;

	ret = core_get_vf(core, pf, index, &a.vf, problem);
	if (ret)
		return ret;
	if (!*a.vf.claim.uuid)
		return problem_set(problem, -ENOENT, "%s/%u: belongs to nobody",
				   bdf_format(pf, name), index);
	ret = virt_find(core->conn, a.vf.claim.uuid, &dom, problem);
	/* A domain that is gone has nothing to take the VF from. */
	if (ret && ret != -ENOENT)
		return ret;
	a.dom = dom;
	/* It would have it again at once, but not in the running domain. */
	if (dom && a.vf.by_metadata && !force)
		return problem_set(problem, -EPERM,
				   "%s/%u: domain %.60s has it by its metadata: take it out there",
				   bdf_format(pf, name), index, a.vf.domain);
	return take_back(&a, problem);
}

int core_unassign(struct core *core, const struct bdf *pf, uint16_t index, struct problem *problem)
{
	return unassign(core, pf, index, false, problem);
}

int core_evict_vf(struct core *core, const struct bdf *pf, uint16_t index, struct problem *problem)
{
	return unassign(core, pf, index, true, problem);
}
