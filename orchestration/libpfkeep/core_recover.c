// SPDX-License-Identifier: GPL-2.0-only
/* After a restart: what was under way, PF VMs that don't run, VFs that are missing. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestration/libpfkeep/core_priv.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/driver.h"
#include "pfkeep/guest.h"
#include "pfkeep/virt.h"

struct list {
	struct record_pf *pfs;
	size_t n;
};

static int collect(void *data, const struct record_pf *pf, struct problem *problem)
{
	struct list *list = data;
	struct record_pf *pfs = reallocarray(list->pfs, list->n + 1, sizeof(*pfs));

	if (!pfs)
		return problem_set(problem, -ENOMEM, "%s", strerror(ENOMEM));
	list->pfs = pfs;
	list->pfs[list->n++] = *pf;
	return 0;
}

/* An adoption that wasn't finished is taken back, a release is finished: the same. */
static int take_back(struct core *core, const struct record_pf *pf, struct problem *problem)
{
	int ret;

	ret = core_dismantle(core, pf, problem);
	if (!ret)
		ret = core_forget_pf(core, pf, problem);
	return ret ? ret : core_disown_pf(core, &pf->bdf, problem);
}

struct settings {
	const struct agent_link *link;
	const struct bdf *pf;
};

static int apply_settings(void *data, const struct record_vf *vf, struct problem *problem)
{
	const struct settings *settings = data;

	if (!bdf_equal(&vf->claim.pf, settings->pf))
		return 0;
	return guest_set_vf(settings->link, vf->claim.index, &vf->conf, problem);
}

/* Its VFs, and what they were set to. */
static int make_vfs(struct core *core, const struct record_pf *pf, const struct agent_link *link,
		    struct problem *problem)
{
	const struct settings settings = { link, &pf->bdf };
	int ret;

	ret = guest_set_vfs(link, pf->vfs, problem);
	if (!ret)
		ret = core_take_vfs(core, &pf->bdf, pf->vfs, problem);
	if (!ret)
		ret = record_each(core->state, NULL, apply_settings, (void *)&settings, problem);
	return ret;
}

/*
 * The interface comes up last. Then the PF's driver tells its VFs' drivers, whose
 * tenants run, that it is there: they find the settings in place, aren't put off by a
 * driver that knows of no VFs, and the PF isn't reset under them once more, as when
 * VFs are made while it is up. A driver that makes VFs only while it is up (bnxt_en)
 * gets it the other way round.
 */
static int serve(struct core *core, const struct record_pf *pf, const struct agent_link *link,
		 struct problem *problem)
{
	int ret;

	if (!make_vfs(core, pf, link, NULL))
		return guest_up(link, problem);
	ret = guest_up(link, problem);
	return ret ? ret : make_vfs(core, pf, link, problem);
}

/* The VM runs: what it has to do for its VFs. */
static int populate(struct core *core, const struct record_pf *pf, struct problem *problem)
{
	struct core_agent agent;
	int ret;

	core_set_ready(core, &pf->bdf, false);
	ret = core_agent_open(core, pf, true, &agent, problem);
	if (ret)
		return ret;
	ret = serve(core, pf, &agent.link, problem);
	core_agent_close(&agent);
	core_set_ready(core, &pf->bdf, !ret);
	return ret;
}

int core_start_pf(struct core *core, const struct bdf *bdf, struct problem *problem)
{
	struct record_pf pf;
	char name[BDF_TEXT];
	int ret;

	ret = core_need_pf(core, bdf, &pf, problem);
	if (ret)
		return ret;
	if (virt_is_running(core->conn, pf.uuid))
		return problem_set(problem, -EALREADY, "%s: its PF VM %.60s runs",
				   bdf_format(bdf, name), pf.domain);
	ret = driver_bind(core->root, bdf, DRIVER_VFIO, problem);
	if (!ret)
		ret = core_start_vm(core, pf.uuid, problem);
	return ret ? ret : populate(core, &pf, problem);
}

int core_restart_pf(struct core *core, const struct bdf *bdf, struct problem *problem)
{
	struct record_pf pf;
	int ret;

	ret = core_need_pf(core, bdf, &pf, problem);
	if (ret)
		return ret;
	core_set_ready(core, bdf, false);
	ret = virt_stop(core->conn, pf.uuid, problem);
	return ret ? ret : core_start_pf(core, bdf, problem);
}

/* If it ran while nobody looked, what was last recorded may not have been applied. */
static int settle(struct core *core, const struct record_pf *pf, struct problem *problem)
{
	if (virt_is_running(core->conn, pf->uuid))
		return populate(core, pf, problem);
	return core_start_pf(core, &pf->bdf, problem);
}

int core_refresh_pf(struct core *core, const struct bdf *bdf, struct problem *problem)
{
	struct record_pf pf;
	int ret;

	ret = core_need_pf(core, bdf, &pf, problem);
	if (ret || owner_is_ready(core->owners, bdf))
		return ret;
	return settle(core, &pf, problem);
}

int core_recover(struct core *core, core_report report, void *data, struct problem *problem)
{
	struct list list = { 0 };
	int ret;

	/* A copy: taking one back changes the state. */
	ret = record_each(core->state, collect, NULL, &list, problem);
	for (size_t i = 0; i < list.n && !ret; i++) {
		struct problem why = { "" };
		int bad = list.pfs[i].phase == RECORD_ADOPTED ? settle(core, &list.pfs[i], &why)
							      : take_back(core, &list.pfs[i], &why);

		if (bad)
			report(data, &why);
	}
	free(list.pfs);
	if (!ret) {
		struct problem why;

		if (core_hide_tokens(core, &why))
			report(data, &why);
	}
	return ret ? ret : core_settle_all(core, report, data, problem);
}

void core_autostart(struct core *core, core_report report, void *data)
{
	virDomainPtr *doms = NULL;
	struct problem why;
	int n = virt_list_defined(core->conn, &doms, &why);

	if (n < 0)
		report(data, &why);
	for (int i = 0; i < n; i++) {
		char uuid[UUID_TEXT];
		int wanted = 0;

		if (!virDomainGetUUIDString(doms[i], uuid) &&
		    owner_list(core->owners, uuid, NULL, 0) &&
		    !virDomainGetAutostart(doms[i], &wanted) && wanted &&
		    virDomainIsActive(doms[i]) == 0 && virt_start(core->conn, uuid, &why))
			report(data, &why);
		virDomainFree(doms[i]);
	}
	free(doms);
}
