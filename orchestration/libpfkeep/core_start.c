// SPDX-License-Identifier: GPL-2.0-only
/*
 * A PF VM starts, and its PF serves. While somebody may have the PF's VFs, the VM boots
 * without the PF and is given it when it is up: what tenants see of the PF's return is
 * its driver's start then, and not the boot of a VM.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "orchestration/libpfkeep/core_priv.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/driver.h"
#include "pfkeep/guest.h"
#include "pfkeep/virt.h"

struct settings {
	const struct agent_link *link;
	const struct bdf *pf;
};

static int apply_settings(void *data, const struct record_vf *vf, struct problem *problem)
{
	const struct settings *settings = data;

	if (!bdf_equal(&vf->claim.pf, settings->pf))
		return 0;
	return core_blame_pf(settings->pf,
			     guest_set_vf(settings->link, vf->claim.index, &vf->conf, problem),
			     problem);
}

/* Its VFs, and what they were set to. */
static int make_vfs(struct core *core, const struct record_pf *pf, const struct agent_link *link,
		    struct problem *problem)
{
	const struct settings settings = { link, &pf->bdf };
	int ret;

	ret = core_blame_pf(&pf->bdf, guest_set_vfs(link, pf->vfs, problem), problem);
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
		return core_blame_pf(&pf->bdf, guest_up(link, problem), problem);
	ret = core_blame_pf(&pf->bdf, guest_up(link, problem), problem);
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

static int start_whole(struct core *core, const struct record_pf *pf, const char *xml,
		       struct problem *problem)
{
	int ret = core_start_vm(core, pf->uuid, xml, false, problem);

	return ret ? ret : populate(core, pf, problem);
}

static bool has_vfs(const struct core *core, const struct record_pf *pf)
{
	char path[PCI_ATTR_PATH];
	uint64_t num = 0;

	pci_path(&pf->bdf, "sriov_numvfs", path);
	return !root_read_number(core->root, path, UINT16_MAX, &num) && num;
}

/* libvirt takes a moment to notice that a QEMU has ended; its agent is gone at once. */
static bool is_heard(struct core *core, const struct record_pf *pf)
{
	struct core_agent agent;
	bool heard;

	if (core_agent_open(core, pf, false, &agent, NULL))
		return false;
	heard = !agent_ping(&agent.link, NULL);
	core_agent_close(&agent);
	return heard;
}

/*
 * It runs without the PF. If it can't be given it now (there is no room behind its
 * bridge, its kernel knows no hot-plug), it is started anew with it; unless it is on
 * trial, and has been given it in vain.
 */
static int give(struct core *core, const struct record_pf *pf, const char *xml,
		struct problem *problem)
{
	struct problem why = { "" };
	struct core_agent agent;
	bool plugged;
	int ret;

	/* Without an agent it isn't up: no PF for it, either way. */
	ret = core_agent_wait(core, pf, &agent, problem);
	if (ret)
		return ret;
	ret = core_blame_pf(&pf->bdf, virt_plug_pf(agent.dom, &why), &why);
	core_agent_close(&agent);
	plugged = !ret;
	if (plugged)
		ret = populate(core, pf, &why);
	if (!ret)
		return 0;
	/* It has ended, or is mute: whoever looks after it hears of that, and puts it off. */
	if (!is_heard(core, pf))
		return problem_set(problem, -ECONNABORTED, "%s", why.text);
	if (xml && plugged)
		return problem_set(problem, ret, "%s", why.text);
	core_tell_whole(core, &pf->bdf, why.text);
	ret = virt_stop(core->conn, pf->uuid, problem);
	return ret ? ret : start_whole(core, pf, xml, problem);
}

int core_run_pf(struct core *core, const struct record_pf *pf, const char *xml,
		struct problem *problem)
{
	int ret = driver_bind(core->root, &pf->bdf, DRIVER_VFIO, problem);

	if (ret)
		return ret;
	if (!has_vfs(core, pf))
		return start_whole(core, pf, xml, problem);
	ret = core_start_vm(core, pf->uuid, xml, true, problem);
	if (ret == -ENOENT) /* its definition was changed by hand */
		return start_whole(core, pf, xml, problem);
	return ret ? ret : give(core, pf, xml, problem);
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
	return core_run_pf(core, &pf, NULL, problem);
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
	return ret ? ret : core_run_pf(core, &pf, NULL, problem);
}

/*
 * If it ran while nobody looked, what was last recorded may not have been applied, or
 * it may not have been given the PF yet.
 */
int core_settle_pf(struct core *core, const struct record_pf *pf, struct problem *problem)
{
	CLEANUP(virt_free) virDomainPtr dom = NULL;

	if (!virt_is_running(core->conn, pf->uuid))
		return core_run_pf(core, pf, NULL, problem);
	if (!virt_find(core->conn, pf->uuid, &dom, NULL) && !virt_has_function(dom, &pf->bdf))
		return give(core, pf, NULL, problem);
	return populate(core, pf, problem);
}
