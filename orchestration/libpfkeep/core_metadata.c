// SPDX-License-Identifier: GPL-2.0-only
/*
 * Domains have the VFs that their metadata asks for: claimed when a domain is
 * defined, set by the PF VM, put into the definition, and given back when the
 * domain asks for them no more or is gone. A start changes nothing of that: it
 * would be too late, libvirt has taken its copy of the definition by then.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestration/libpfkeep/core_priv.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/virt.h"

struct tenant {
	struct core *core;
	virDomainPtr dom;
	struct domain_info info;
	struct record_vf vfs[DOMAIN_WANTS_MAX]; /* that it has */
	size_t n_vfs;
	const struct domain_want *want_of[DOMAIN_WANTS_MAX]; /* by VF; NULL: nothing asks for it */
	bool met[DOMAIN_WANTS_MAX];			     /* by want */
};

static int load_vfs(struct tenant *t, const char *uuid, struct problem *problem)
{
	struct owner_claim claims[DOMAIN_WANTS_MAX];
	size_t n = owner_list(t->core->owners, uuid, claims, DOMAIN_WANTS_MAX);
	int ret = 0;

	for (t->n_vfs = 0; t->n_vfs < n && !ret; t->n_vfs++) {
		const struct owner_claim *claim = &claims[t->n_vfs];

		ret = core_get_vf(t->core, &claim->pf, claim->index, &t->vfs[t->n_vfs], problem);
	}
	return ret;
}

static bool suits(const struct domain_want *want, const struct record_vf *vf)
{
	return bdf_equal(&want->pf, &vf->claim.pf) && (want->any || want->index == vf->claim.index);
}

/* A VF that was given for the same settings first, so that nothing changes needlessly. */
static void match(struct tenant *t, bool any, bool same)
{
	for (size_t w = 0; w < t->info.n_wants; w++) {
		const struct domain_want *want = &t->info.wants[w];

		for (size_t v = 0; v < t->n_vfs && !t->met[w] && want->any == any; v++) {
			if (t->want_of[v] || !suits(want, &t->vfs[v]) ||
			    (same && !vfconf_equal(&want->conf, &t->vfs[v].asked)))
				continue;
			t->want_of[v] = want;
			t->met[w] = true;
		}
	}
}

/* It is as a driver makes it when the next one gets it. */
static int release(struct core *core, const struct record_vf *vf, struct problem *problem)
{
	const struct vfconf nothing = { 0 };
	struct record_vf now = *vf;
	struct vfconf change;
	struct bdf bdf;
	int ret;

	vfconf_change(&vf->conf, &nothing, &change);
	/* A PF VM that is away comes back without the settings. */
	if (owner_is_ready(core->owners, &vf->claim.pf)) {
		ret = core_apply_vf(core, &vf->claim.pf, vf->claim.index, &change, problem);
		if (ret)
			return ret;
	}
	now.conf = nothing;
	ret = core_unclaim(core, &now, problem);
	if (!ret && !core_find_vf(core, &vf->claim.pf, vf->claim.index, &bdf, NULL))
		ret = core_lock_vf(core, &bdf, problem);
	return ret;
}

/* What of them the driver took before it refused. */
static void take_settings_back(struct core *core, const struct record_vf *vf,
			       const struct vfconf *before)
{
	struct vfconf back;

	vfconf_change(&vf->conf, before, &back);
	core_apply_vf(core, &vf->claim.pf, vf->claim.index, &back, NULL);
}

static int claim(struct tenant *t, const struct domain_want *want, struct problem *problem)
{
	struct record_vf vf = { .claim = { .pf = want->pf, .index = want->index },
				.conf = want->conf,
				.by_metadata = true,
				.asked = want->conf };
	struct vfconf before;
	struct record_pf pf;
	int ret;

	ret = core_need_pf(t->core, &want->pf, &pf, problem);
	if (!ret)
		ret = core_need_ready(t->core, &want->pf, problem);
	if (ret)
		return ret;
	memcpy(vf.claim.uuid, t->info.uuid, UUID_TEXT);
	snprintf(vf.domain, sizeof(vf.domain), "%s", t->info.name);
	ret = core_claim(t->core, want->any, &vf, &before, problem);
	if (ret)
		return ret;
	ret = core_apply_vf(t->core, &vf.claim.pf, vf.claim.index, &vf.conf, problem);
	if (!ret)
		return 0;
	/* Whoever has the VF next doesn't get this one's settings. */
	take_settings_back(t->core, &vf, &before);
	vf.conf = before;
	core_unclaim(t->core, &vf, NULL);
	return ret;
}

/* The metadata says something else of a VF than it did. */
static int adapt(struct tenant *t, struct record_vf *vf, const struct domain_want *want,
		 struct problem *problem)
{
	struct record_vf new = *vf;
	struct vfconf change;
	int ret;

	if (vf->by_metadata && vfconf_equal(&vf->asked, &want->conf))
		return 0;
	vfconf_change(&vf->asked, &want->conf, &change);
	ret = core_need_ready(t->core, &vf->claim.pf, problem);
	if (ret)
		return ret;
	new.by_metadata = true;
	new.asked = want->conf;
	new.conf.set &= ~(vf->asked.set & ~want->conf.set);
	vfconf_merge(&new.conf, &want->conf);
	ret = core_save_vf(t->core, &new, problem);
	if (ret)
		return ret;
	ret = core_apply_vf(t->core, &vf->claim.pf, vf->claim.index, &change, problem);
	if (!ret)
		return 0;
	take_settings_back(t->core, &new, &vf->conf);
	core_save_vf(t->core, vf, NULL);
	return ret;
}

/* What can be done is done; the first thing that can't be is told. */
static int settle_vfs(struct tenant *t, struct problem *problem)
{
	bool runs = virDomainIsActive(t->dom) == 1;
	int ret = 0;

	for (size_t v = 0; v < t->n_vfs; v++) {
		int bad = 0;

		if (t->want_of[v])
			bad = adapt(t, &t->vfs[v], t->want_of[v], ret ? NULL : problem);
		else if (t->vfs[v].by_metadata && !runs) /* else when it stops */
			bad = release(t->core, &t->vfs[v], ret ? NULL : problem);
		ret = ret ? ret : bad;
	}
	/* Those that take any VF come last. */
	for (int any = 0; any < 2; any++)
		for (size_t w = 0; w < t->info.n_wants; w++)
			if (!t->met[w] && t->info.wants[w].any == any) {
				int bad = claim(t, &t->info.wants[w], ret ? NULL : problem);

				ret = ret ? ret : bad;
			}
	return ret;
}

/* Left over, by a crash or by who copied a definition. */
static bool has_ours(const struct domain_info *info)
{
	for (size_t i = 0; i < info->n_hostdevs; i++)
		if (!strncmp(info->hostdevs[i].alias, DOMAIN_ALIAS_VF, strlen(DOMAIN_ALIAS_VF)))
			return true;
	return false;
}

/* `virsh domrename`: the UUID says whose a VF is, but people read the name. */
static int rename_vfs(struct tenant *t, struct problem *problem)
{
	int ret = 0;

	for (size_t v = 0; v < t->n_vfs && !ret; v++) {
		struct record_vf *vf = &t->vfs[v];

		if (!strcmp(vf->domain, t->info.name))
			continue;
		snprintf(vf->domain, sizeof(vf->domain), "%s", t->info.name);
		ret = core_save_vf(t->core, vf, problem);
	}
	return ret;
}

static int settle_defined(struct tenant *t, struct problem *problem)
{
	int bad, ret;

	ret = load_vfs(t, t->info.uuid, problem);
	if (!ret)
		ret = rename_vfs(t, problem);
	if (ret || (!t->n_vfs && !t->info.n_wants && !has_ours(&t->info)))
		return ret;
	for (int same = 1; same >= 0; same--)
		for (int any = 0; any < 2; any++)
			match(t, any, same);
	bad = settle_vfs(t, problem);
	ret = core_sync_domain(t->core, t->dom, bad ? NULL : problem);
	return bad ? bad : ret;
}

static int release_all(struct core *core, const char *uuid, struct problem *problem)
{
	struct tenant t = { .core = core };
	int ret;

	ret = load_vfs(&t, uuid, problem);
	for (size_t i = 0; i < t.n_vfs && !ret; i++)
		ret = release(core, &t.vfs[i], problem);
	if (!ret)
		token_forget(core->root, uuid);
	return ret;
}

static int settle_domain(struct core *core, const char *uuid, struct problem *problem)
{
	CLEANUP(virt_free) virDomainPtr dom = NULL;
	CLEANUP(cleanup_free) char *xml = NULL;
	struct tenant t = { .core = core };
	int ret;

	ret = virt_find(core->conn, uuid, &dom, problem);
	if (ret == -ENOENT)
		return release_all(core, uuid, problem);
	/* Undefined, but running still: its end is an event, too. */
	if (ret || virDomainIsPersistent(dom) != 1)
		return ret;
	t.dom = dom;
	ret = virt_definition(dom, &xml, problem);
	if (!ret)
		ret = domain_parse(xml, strlen(xml), &t.info, problem);
	if (ret)
		return ret;
	if (!core_is_pfvm(core, t.info.uuid))
		ret = settle_defined(&t, problem);
	domain_release(&t.info);
	return ret;
}

static int settle_and_note(struct core *core, const char *uuid, bool *ret_news,
			   struct problem *problem)
{
	struct problem why = { "" };
	int ret = settle_domain(core, uuid, &why);

	if (ret && !*why.text)
		problem_set(&why, ret, "%s", strerror(-ret));
	*ret_news = core_set_unmet(core, uuid, ret ? why.text : NULL);
	return ret ? problem_set(problem, ret, "domain %s: %s", uuid, why.text) : 0;
}

int core_settle_domain(struct core *core, const char *uuid, struct problem *problem)
{
	bool news;

	return settle_and_note(core, uuid, &news, problem);
}

void core_settle_and_tell(struct core *core, const char *uuid, core_report report, void *data)
{
	struct problem why;
	bool news;

	if (settle_and_note(core, uuid, &news, &why) && news)
		report(data, &why);
}

struct uuids {
	char (*all)[UUID_TEXT];
	size_t n;
};

static int append(struct uuids *uuids, const char *uuid)
{
	void *all = reallocarray(uuids->all, uuids->n + 1, UUID_TEXT);

	if (!all)
		return -ENOMEM;
	uuids->all = all;
	memcpy(uuids->all[uuids->n++], uuid, UUID_TEXT);
	return 0;
}

static int collect_owner(void *data, const struct record_vf *vf, struct problem *problem)
{
	struct uuids *uuids = data;

	/* A domain's VFs lie together in the state as they came; twice is no harm. */
	if (!*vf->claim.uuid || (uuids->n && !strcmp(uuids->all[uuids->n - 1], vf->claim.uuid)))
		return 0;
	return append(uuids, vf->claim.uuid);
}

static int collect_defined(struct core *core, struct uuids *uuids, struct problem *problem)
{
	virDomainPtr *doms = NULL;
	int n, ret = 0;

	n = virt_list_defined(core->conn, &doms, problem);
	for (int i = 0; i < n; i++) {
		char uuid[UUID_TEXT];

		if (!ret && !virDomainGetUUIDString(doms[i], uuid))
			ret = append(uuids, uuid);
		virDomainFree(doms[i]);
	}
	free(doms);
	return n < 0 ? n : ret;
}

int core_settle_all(struct core *core, core_report report, void *data, struct problem *problem)
{
	struct uuids uuids = { 0 };
	int ret;

	ret = record_each(core->state, NULL, collect_owner, &uuids, problem);
	if (!ret)
		ret = collect_defined(core, &uuids, problem);
	for (size_t i = 0; i < uuids.n && !ret; i++)
		core_settle_and_tell(core, uuids.all[i], report, data);
	free(uuids.all);
	return ret;
}

void core_settle_unmet(struct core *core, core_report report, void *data)
{
	struct uuids uuids = { 0 };

	pthread_mutex_lock(&core->books);
	for (const struct core_unmet *one = core->unmet; one; one = one->next)
		append(&uuids, one->uuid);
	pthread_mutex_unlock(&core->books);
	for (size_t i = 0; i < uuids.n; i++)
		core_settle_and_tell(core, uuids.all[i], report, data);
	free(uuids.all);
}
