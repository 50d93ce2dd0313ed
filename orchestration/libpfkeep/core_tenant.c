// SPDX-License-Identifier: GPL-2.0-only
/* What a tenant's definition and its start have to do with its VFs. */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "orchestration/libpfkeep/core_priv.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/token.h"
#include "pfkeep/vfname.h"
#include "pfkeep/virt.h"

int core_lock_vf(struct core *core, const struct bdf *vf, struct problem *problem)
{
	TOKEN_AUTO struct token token = { "" };
	int ret = uuid_random(token.text);

	return ret ? ret : token_set(core->root, vf, &token, problem);
}

int core_find_pfvm(const struct core *core, const char *uuid, struct record_pf *ret_pf)
{
	struct bdf bdf;
	int ret = owner_pf_of_vm(core->owners, uuid, &bdf);

	return ret || !ret_pf ? ret : record_get_pf(core->state, &bdf, ret_pf);
}

bool core_is_pfvm(const struct core *core, const char *uuid)
{
	return !core_find_pfvm(core, uuid, NULL);
}

void core_lost_pfvm(struct core *core, const char *uuid)
{
	struct record_pf pf;

	pthread_mutex_lock(&core->books);
	if (!core_find_pfvm(core, uuid, &pf) && owner_is_ready(core->owners, &pf.bdf)) {
		owner_set_ready(core->owners, &pf.bdf, false);
		core_tell_ready(core, &pf.bdf, false);
	}
	pthread_mutex_unlock(&core->books);
}

int core_sync_domain(struct core *core, virDomainPtr dom, struct problem *problem)
{
	struct owner_claim claims[DOMAIN_WANTS_MAX];
	struct domain_vf vfs[DOMAIN_WANTS_MAX];
	char uuid[UUID_TEXT], path[TOKEN_PATH];
	struct domain_tenant tenant = { .emulator = core->config->emulator, .vfs = vfs };

	if (virDomainGetUUIDString(dom, uuid))
		return problem_set(problem, -EIO, "%.60s: has no UUID", virDomainGetName(dom));
	tenant.token_file = token_qemu_path(uuid, path);
	tenant.n_vfs = owner_list(core->owners, uuid, claims, DOMAIN_WANTS_MAX);
	for (size_t i = 0; i < tenant.n_vfs; i++) {
		int ret;

		vfs[i].request = claims[i].request;
		ret = core_find_vf(core, &claims[i].pf, claims[i].index, &vfs[i].bdf, problem);
		if (ret)
			return ret;
	}
	return virt_edit_tenant(dom, &tenant, problem);
}

/* A hostdev of the domain: if it is a VF of ours, it must be the domain's. */
static int check_hostdev(struct core *core, const struct domain_info *info, const struct bdf *bdf,
			 bool *ret_ours, struct problem *problem)
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
	*ret_ours = true;
	return core_need_ready(core, &pf, problem);
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

static int refuse_want(struct core *core, const struct domain_info *info,
		       const struct domain_want *want, struct problem *problem)
{
	const char *why = core_why_unmet(core, info->uuid);
	char text[BDF_TEXT];

	bdf_format(&want->pf, text);
	if (why)
		return problem_set(problem, -ENOENT, "domain %.60s: asks for a VF of %s: %s",
				   info->name, text, why);
	/* A start takes the definition as it was when it was asked for. */
	return problem_set(problem, -ENOENT,
			   "domain %.60s: asks for a VF of %s that isn't in its definition yet",
			   info->name, text);
}

static int check_wants(struct core *core, const struct domain_info *info, bool any, bool *used,
		       struct problem *problem)
{
	for (size_t i = 0; i < info->n_wants; i++)
		if (info->wants[i].any == any && !is_met(core, info, &info->wants[i], used))
			return refuse_want(core, info, &info->wants[i], problem);
	return 0;
}

static int check_all_wants(struct core *core, const struct domain_info *info,
			   struct problem *problem)
{
	CLEANUP(cleanup_free) bool *used = calloc(info->n_hostdevs + 1, sizeof(*used));
	int ret;

	if (!used)
		return -ENOMEM;
	/* Those that take any VF come last. */
	ret = check_wants(core, info, false, used, problem);
	return ret ? ret : check_wants(core, info, true, used, problem);
}

/* Whatever opened the VFs before opens them no more. */
static int renew_token(struct core *core, const struct domain_info *info, const bool *ours,
		       struct problem *problem)
{
	TOKEN_AUTO struct token token = { "" };
	int ret;

	ret = token_show(core->root, info->uuid, true, core->config->qemu_user, &token, problem);
	for (size_t i = 0; i < info->n_hostdevs && !ret; i++)
		if (ours[i])
			ret = token_set(core->root, &info->hostdevs[i].bdf, &token, problem);
	return ret;
}

static int check_tenant(struct core *core, const struct domain_info *info, struct problem *problem)
{
	CLEANUP(cleanup_free) bool *ours = calloc(info->n_hostdevs + 1, sizeof(*ours));
	bool any = false;
	int ret = ours ? 0 : -ENOMEM;

	for (size_t i = 0; i < info->n_hostdevs && !ret; i++) {
		ret = check_hostdev(core, info, &info->hostdevs[i].bdf, &ours[i], problem);
		any |= !ret && ours[i];
	}
	if (!ret)
		ret = check_all_wants(core, info, problem);
	return ret || !any ? ret : renew_token(core, info, ours, problem);
}

int core_may_start(struct core *core, const char *xml, size_t len, struct problem *problem)
{
	struct domain_info info;
	int ret;

	ret = domain_parse(xml, len, &info, problem);
	if (ret)
		return ret;
	pthread_mutex_lock(&core->books);
	core->starts++;
	/* A PF VM that somebody starts by hand. */
	if (core_is_pfvm(core, info.uuid))
		ret = token_show(core->root, info.uuid, false, core->config->qemu_user, NULL,
				 problem);
	else
		ret = check_tenant(core, &info, problem);
	pthread_mutex_unlock(&core->books);
	domain_release(&info);
	return ret;
}

int core_has_started(struct core *core, const char *uuid, struct problem *problem)
{
	char known[UUID_TEXT];
	int ret;

	if (uuid_parse(uuid, known))
		return problem_set(problem, -EINVAL, "%.40s: isn't a UUID", uuid);
	pthread_mutex_lock(&core->books);
	ret = token_hide(core->root, known);
	pthread_mutex_unlock(&core->books);
	return ret ? problem_set(problem, ret, "domain %s: its token: %s", known, strerror(-ret))
		   : 0;
}
