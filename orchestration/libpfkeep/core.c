// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "orchestration/libpfkeep/core_priv.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/driver.h"
#include "pfkeep/guest.h"
#include "pfkeep/token.h"
#include "pfkeep/virt.h"

static int own(struct core *core, const struct record_pf *pf, struct problem *problem)
{
	int ret = owner_set_pf(core->owners, &pf->bdf, pf->vfs, problem);

	if (!ret)
		owner_set_vm(core->owners, &pf->bdf, pf->uuid);
	return ret;
}

static int load_pf(void *data, const struct record_pf *pf, struct problem *problem)
{
	struct core *core = data;

	return own(core, pf, problem);
}

static int load_vf(void *data, const struct record_vf *vf, struct problem *problem)
{
	struct core *core = data;

	return *vf->claim.uuid ? owner_take(core->owners, &vf->claim, problem) : 0;
}

int core_load(struct core *core, struct problem *problem)
{
	int ret;

	pthread_mutex_init(&core->books, NULL);
	ret = token_prepare(core->root, &core->first, problem);
	if (!ret)
		ret = owner_new(&core->owners);
	if (!ret)
		ret = record_each(core->state, load_pf, load_vf, core, problem);
	if (!ret)
		ret = owner_check(core->owners, problem);
	if (ret)
		core_unload(core);
	return ret;
}

void core_unload(struct core *core)
{
	owner_free(core->owners);
	core->owners = NULL;
	core_free_unmet(core);
	pthread_mutex_destroy(&core->books);
}

void core_set_ready(struct core *core, const struct bdf *pf, bool ready)
{
	pthread_mutex_lock(&core->books);
	if (owner_is_ready(core->owners, pf) != ready)
		core_tell_ready(core, pf, ready);
	owner_set_ready(core->owners, pf, ready);
	pthread_mutex_unlock(&core->books);
}

int core_need_ready(const struct core *core, const struct bdf *pf, struct problem *problem)
{
	char name[BDF_TEXT];

	if (owner_is_ready(core->owners, pf))
		return 0;
	return problem_set(problem, -EAGAIN, "%s: its PF VM isn't ready", bdf_format(pf, name));
}

int core_find_vf(const struct core *core, const struct bdf *pf, uint16_t index, struct bdf *ret_vf,
		 struct problem *problem)
{
	const struct vfname name = { true, *pf, index };
	struct bdf found;

	return pci_resolve_vf(core->root, &name, &found, &index, ret_vf, problem);
}

static int default_agent(struct core *core, virDomainPtr dom, bool wait,
			 struct agent_link *ret_link, struct problem *problem)
{
	*ret_link = virt_agent(dom);
	return wait ? virt_wait_agent(dom, core->boot_ms ? core->boot_ms : core->config->agent_ms,
				      problem)
		    : 0;
}

int core_blame_pf(const struct bdf *pf, int ret, struct problem *problem)
{
	char name[BDF_TEXT];

	return ret ? problem_prefix(problem, ret, "%s", bdf_format(pf, name)) : 0;
}

static int open_agent(struct core *core, const struct record_pf *pf, bool wait, bool driver,
		      struct core_agent *ret_agent, struct problem *problem)
{
	struct core_agent agent = { 0 };
	int ret;

	ret = virt_find(core->conn, pf->uuid, &agent.dom, problem);
	if (ret)
		return ret;
	if (core->open_agent)
		ret = core->open_agent(core->agent_data, agent.dom, &agent.link, problem);
	else
		ret = default_agent(core, agent.dom, wait, &agent.link, problem);
	if (!ret && driver)
		ret = core_blame_pf(
			&pf->bdf, guest_wait_driver(&agent.link, core->config->driver_ms, problem),
			problem);
	if (ret)
		core_agent_close(&agent);
	else
		*ret_agent = agent;
	return ret;
}

int core_agent_open(struct core *core, const struct record_pf *pf, bool wait,
		    struct core_agent *ret_agent, struct problem *problem)
{
	return open_agent(core, pf, wait, wait, ret_agent, problem);
}

int core_agent_wait(struct core *core, const struct record_pf *pf, struct core_agent *ret_agent,
		    struct problem *problem)
{
	return open_agent(core, pf, true, false, ret_agent, problem);
}

void core_agent_close(struct core_agent *agent)
{
	virt_free(&agent->dom);
}

static int commit(struct core *core, struct state_change *change, int ret, struct problem *problem)
{
	pthread_mutex_lock(&core->books);
	if (!ret)
		ret = state_commit(core->state, change, problem);
	else
		problem_set(problem, ret, "the state: %s", strerror(-ret));
	if (!ret)
		core_tell_change(core, change);
	pthread_mutex_unlock(&core->books);
	state_change_release(change);
	return ret;
}

int core_own_pf(struct core *core, const struct record_pf *pf, struct problem *problem)
{
	int ret;

	pthread_mutex_lock(&core->books);
	ret = own(core, pf, problem);
	pthread_mutex_unlock(&core->books);
	return ret;
}

int core_disown_pf(struct core *core, const struct bdf *pf, struct problem *problem)
{
	int ret;

	pthread_mutex_lock(&core->books);
	ret = owner_remove_pf(core->owners, pf, problem);
	pthread_mutex_unlock(&core->books);
	return ret;
}

int core_save_pf(struct core *core, const struct record_pf *pf, struct problem *problem)
{
	struct state_change change;
	int ret;

	ret = state_change_init(&change);
	if (ret)
		return ret;
	return commit(core, &change, record_put_pf(&change, pf), problem);
}

int core_save_vf(struct core *core, const struct record_vf *vf, struct problem *problem)
{
	struct state_change change;
	int ret;

	ret = state_change_init(&change);
	if (ret)
		return ret;
	return commit(core, &change, record_put_vf(&change, vf), problem);
}

/* With all that was said about its VFs. */
int core_forget_pf(struct core *core, const struct record_pf *pf, struct problem *problem)
{
	struct state_change change;
	int ret;

	ret = state_change_init(&change);
	if (ret)
		return ret;
	ret = record_delete_pf(&change, &pf->bdf);
	for (unsigned int i = 0; i < pf->vfs && !ret; i++)
		ret = record_delete_vf(&change, &pf->bdf, (uint16_t)i);
	return commit(core, &change, ret, problem);
}

int core_need_pf(const struct core *core, const struct bdf *bdf, struct record_pf *ret_pf,
		 struct problem *problem)
{
	char name[BDF_TEXT];
	int ret;

	bdf_format(bdf, name);
	ret = record_get_pf(core->state, bdf, ret_pf);
	if (ret == -ENOENT)
		return problem_set(problem, ret, "%s: isn't adopted", name);
	if (ret)
		return problem_set(problem, ret, "%s: its record is damaged", name);
	if (ret_pf->phase != RECORD_ADOPTED)
		return problem_set(problem, -EBUSY, "%s: is %s", name,
				   record_phase_name(ret_pf->phase));
	return 0;
}

int core_get_vf(const struct core *core, const struct bdf *pf, uint16_t index,
		struct record_vf *ret_vf, struct problem *problem)
{
	struct record_pf record;
	char name[BDF_TEXT];
	int ret;

	ret = core_need_pf(core, pf, &record, problem);
	if (ret)
		return ret;
	bdf_format(pf, name);
	if (index >= record.vfs)
		return problem_set(problem, -ENOENT, "%s/%u: the PF has %u VFs", name, index,
				   record.vfs);
	ret = record_get_vf(core->state, pf, index, ret_vf);
	if (ret == -ENOENT) {
		*ret_vf = (struct record_vf){ .claim = { .pf = *pf, .index = index } };
		return 0;
	}
	return ret ? problem_set(problem, ret, "%s/%u: its record is damaged", name, index) : 0;
}

/* A VF that is held keeps the token by which its owner may have to open it again. */
static int take_vf(struct core *core, const struct bdf *pf, const struct pci_vf *vf,
		   struct problem *problem)
{
	int ret = driver_bind(core->root, &vf->fn.bdf, DRIVER_VFIO, problem);

	if (!ret && owner_of(core->owners, pf, vf->index, NULL))
		ret = core_lock_vf(core, &vf->fn.bdf, problem);
	return ret;
}

int core_take_vfs(struct core *core, const struct bdf *bdf, uint16_t vfs, struct problem *problem)
{
	char name[BDF_TEXT];
	struct pci_pf pf;
	int ret;

	ret = pci_read_pf(core->root, bdf, &pf, problem);
	if (ret)
		return ret;
	if (pf.n_vfs != vfs)
		ret = problem_set(problem, -EIO, "%s: the host sees %zu VFs instead of %u",
				  bdf_format(bdf, name), pf.n_vfs, vfs);
	for (size_t i = 0; i < pf.n_vfs && !ret; i++)
		ret = take_vf(core, bdf, &pf.vfs[i], problem);
	pci_pf_release(&pf);
	/* From now on somebody may have them, who must not notice when the PF VM dies. */
	return ret ? ret : driver_keep_alive(core->root, bdf, true, problem);
}

int core_start_vm(struct core *core, const char *uuid, const char *xml, bool apart,
		  struct problem *problem)
{
	int ret;

	/* It can be saved only while it hasn't its PF, and would come back without it. */
	ret = virt_drop_saved(core->conn, uuid, problem);
	if (!ret)
		ret = token_show(core->root, uuid, false, core->config->qemu_user, NULL, problem);
	if (ret)
		return ret;
	ret = xml || apart ? virt_start_as(core->conn, uuid, xml, apart, problem)
			   : virt_start(core->conn, uuid, problem);
	token_hide(core->root, uuid);
	return ret;
}

/* VFs that no VM takes away any more are the host's to remove. */
static int remove_vfs(struct core *core, const struct bdf *bdf, struct problem *problem)
{
	char path[PCI_ATTR_PATH], name[BDF_TEXT];
	uint64_t num;
	int ret;

	ret = root_read_number(core->root, pci_path(bdf, "sriov_numvfs", path), UINT16_MAX, &num);
	if (!ret && num)
		ret = root_write(core->root, path, "0");
	return ret ? problem_set(problem, ret, "%s: its VFs can't be removed: %s",
				 bdf_format(bdf, name), strerror(-ret))
		   : 0;
}

int core_dismantle(struct core *core, const struct record_pf *pf, struct problem *problem)
{
	int ret;

	/* Before its VM ends, so that the PF is reset then. */
	ret = driver_keep_alive(core->root, &pf->bdf, false, problem);
	if (!ret)
		ret = virt_remove(core->conn, pf->uuid, problem);
	if (!ret)
		token_forget(core->root, pf->uuid);
	if (!ret)
		ret = remove_vfs(core, &pf->bdf, problem);
	if (!ret)
		ret = driver_restore(core->root, &pf->bdf, pf->driver, problem);
	return ret;
}
