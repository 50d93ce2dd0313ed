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

static int apply(struct core *core, const struct bdf *pf, uint16_t index, const struct vfconf *conf,
		 struct problem *problem)
{
	struct core_agent agent;
	struct record_pf record;
	int ret;

	ret = core_need_pf(core, pf, &record, problem);
	if (!ret)
		ret = core_agent_open(core, &record, false, &agent, problem);
	if (ret)
		return ret;
	ret = guest_set_vf(&agent.link, index, conf, problem);
	core_agent_close(&agent);
	return ret;
}

int core_set_vf(struct core *core, const struct bdf *pf, uint16_t index, const struct vfconf *conf,
		struct problem *problem)
{
	struct record_vf old, new;
	int ret;

	ret = core_get_vf(core, pf, index, &old, problem);
	if (ret)
		return ret;
	new = old;
	vfconf_merge(&new.conf, conf);
	ret = core_save_vf(core, &new, problem);
	if (ret)
		return ret;
	ret = apply(core, pf, index, conf, problem);
	if (!ret)
		return 0;
	/* What of it the driver took before it refused is put back too. */
	if (core_save_vf(core, &old, NULL) || apply(core, pf, index, &old.conf, NULL))
		return problem_prefix(problem, ret, "not undone");
	return ret;
}

struct assignment {
	struct core *core;
	virDomainPtr dom;
	bool any;
	struct record_vf vf;
	struct bdf vf_bdf;
	char *xml;
};

static int hostdev_xml(struct assignment *a, struct problem *problem)
{
	const struct vfname name = { true, a->vf.claim.pf, a->vf.claim.index };
	char alias[DOMAIN_ALIAS];
	struct bdf pf;
	uint16_t index;
	int ret;

	ret = pci_resolve_vf(a->core->root, &name, &pf, &index, &a->vf_bdf, problem);
	if (ret)
		return ret;
	snprintf(alias, sizeof(alias), DOMAIN_ALIAS_VF "%u", a->vf.claim.request);
	return domain_hostdev_xml(&a->vf_bdf, alias, &a->xml);
}

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
static int next_request(struct assignment *a, struct problem *problem)
{
	for (uint16_t i = 0; i < DOMAIN_WANTS_MAX; i++)
		if (!request_taken(a->core, a->vf.claim.uuid, i)) {
			a->vf.claim.request = i;
			return 0;
		}
	return problem_set(problem, -ENOSPC, "%.60s: has %d VFs, no domain has more", a->vf.domain,
			   DOMAIN_WANTS_MAX);
}

static int take(struct assignment *a, struct problem *problem)
{
	int ret;

	pthread_mutex_lock(&a->core->books);
	ret = a->any ? owner_take_any(a->core->owners, &a->vf.claim, problem)
		     : owner_take(a->core->owners, &a->vf.claim, problem);
	pthread_mutex_unlock(&a->core->books);
	return ret;
}

static int give_back(struct assignment *a, struct problem *problem)
{
	int ret;

	pthread_mutex_lock(&a->core->books);
	ret = owner_give_back(a->core->owners, &a->vf.claim, problem);
	pthread_mutex_unlock(&a->core->books);
	return ret;
}

static int stage_claim(void *work, struct problem *problem)
{
	struct assignment *a = work;
	struct owner_claim *claim = &a->vf.claim, held;
	struct record_vf old;
	char name[BDF_TEXT];
	int ret;

	if (!a->any && !owner_of(a->core->owners, &claim->pf, claim->index, &held))
		return problem_set(problem, -EBUSY, "%s/%u: belongs to domain %s",
				   bdf_format(&claim->pf, name), claim->index, held.uuid);
	ret = next_request(a, problem);
	if (!ret)
		ret = take(a, problem);
	if (ret)
		return ret;
	ret = core_get_vf(a->core, &claim->pf, claim->index, &old, problem);
	if (!ret) {
		a->vf.conf = old.conf;
		ret = core_save_vf(a->core, &a->vf, problem);
	}
	if (ret)
		give_back(a, NULL);
	return ret;
}

static int undo_claim(void *work, struct problem *problem)
{
	struct assignment *a = work;
	struct record_vf free_vf = { .claim = { .pf = a->vf.claim.pf, .index = a->vf.claim.index },
				     .conf = a->vf.conf };
	int ret;

	ret = core_save_vf(a->core, &free_vf, problem);
	return ret ? ret : give_back(a, problem);
}

static int stage_describe(void *work, struct problem *problem)
{
	return hostdev_xml(work, problem);
}

static int stage_attach(void *work, struct problem *problem)
{
	struct assignment *a = work;

	return virt_attach(a->dom, a->xml, problem);
}

static const struct stage assign_stages[] = {
	{ "claim", stage_claim, undo_claim },
	{ "describe", stage_describe, NULL },
	{ "attach", stage_attach, NULL },
};

/* A PF VM is no tenant. */
static int check_tenant(const struct core *core, struct assignment *a, struct problem *problem)
{
	json_object_object_foreach(state_all(core->state), key, value) {
		struct json_object *uuid = json_object_object_get(value, "uuid");

		if (strncmp(key, "pf/", 3) || !uuid)
			continue;
		if (!strcmp(json_object_get_string(uuid), a->vf.claim.uuid))
			return problem_set(problem, -EINVAL, "%.60s: is a PF VM, not a tenant",
					   a->vf.domain);
	}
	return 0;
}

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
	ret = check_tenant(core, &a, problem);
	if (!ret)
		ret = stages_run(assign_stages, sizeof(assign_stages) / sizeof(assign_stages[0]),
				 &a, core->watch, core->watch_data, problem);
	free(a.xml);
	if (!ret && ret_index)
		*ret_index = a.vf.claim.index;
	return ret;
}

int core_unassign(struct core *core, const struct bdf *pf, uint16_t index, struct problem *problem)
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
	if (dom) {
		ret = hostdev_xml(&a, problem);
		if (!ret)
			ret = virt_detach(dom, a.xml, problem);
		free(a.xml);
		if (ret)
			return ret;
	}
	return undo_claim(&a, problem);
}

/* A hostdev of the domain: if it is a VF of ours, it must be the domain's. */
static int check_hostdev(struct core *core, const struct domain_info *info, const struct bdf *bdf,
			 struct problem *problem)
{
	const struct vfname name = { .bdf = *bdf };
	struct owner_claim claim;
	struct record_pf record;
	struct bdf pf, vf;
	char text[BDF_TEXT];
	uint16_t index;

	bdf_format(bdf, text);
	if (pci_resolve_vf(core->root, &name, &pf, &index, &vf, NULL))
		return 0; /* no VF, or one that isn't there: libvirt's to say */
	if (record_get_pf(core->state, &pf, &record) == -ENOENT)
		return 0;
	if (owner_of(core->owners, &pf, index, &claim))
		return problem_set(problem, -EPERM, "domain %.60s: VF %s isn't assigned to it",
				   info->name, text);
	if (strcmp(claim.uuid, info->uuid))
		return problem_set(problem, -EPERM, "domain %.60s: VF %s belongs to domain %s",
				   info->name, text, claim.uuid);
	return 0;
}

/* Is there among the domain's own VFs one for this want, in its XML too? */
static bool is_met(struct core *core, const struct domain_info *info,
		   const struct domain_want *want, bool *used)
{
	for (size_t i = 0; i < info->n_hostdevs; i++) {
		const struct vfname name = { .bdf = info->hostdevs[i].bdf };
		struct bdf pf, vf;
		uint16_t index;

		if (used[i] || pci_resolve_vf(core->root, &name, &pf, &index, &vf, NULL) ||
		    !bdf_equal(&pf, &want->pf) || (!want->any && index != want->index))
			continue;
		used[i] = true;
		return true;
	}
	return false;
}

static int check_wants(struct core *core, const struct domain_info *info, bool any, bool *used,
		       struct problem *problem)
{
	char text[BDF_TEXT];

	for (size_t i = 0; i < info->n_wants; i++)
		if (info->wants[i].any == any && !is_met(core, info, &info->wants[i], used))
			return problem_set(
				problem, -ENOENT,
				"domain %.60s: asks for a VF of %s that isn't assigned to it yet",
				info->name, bdf_format(&info->wants[i].pf, text));
	return 0;
}

int core_may_start(struct core *core, const char *xml, size_t len, struct problem *problem)
{
	struct domain_info info;
	bool *used = NULL;
	int ret;

	ret = domain_parse(xml, len, &info, problem);
	if (ret)
		return ret;
	pthread_mutex_lock(&core->books);
	for (size_t i = 0; i < info.n_hostdevs && !ret; i++)
		ret = check_hostdev(core, &info, &info.hostdevs[i].bdf, problem);
	if (!ret) {
		used = calloc(info.n_hostdevs + 1, sizeof(*used));
		ret = used ? 0 : -ENOMEM;
	}
	/* Those that take any VF come last. */
	if (!ret)
		ret = check_wants(core, &info, false, used, problem);
	if (!ret)
		ret = check_wants(core, &info, true, used, problem);
	pthread_mutex_unlock(&core->books);
	free(used);
	domain_release(&info);
	return ret;
}
