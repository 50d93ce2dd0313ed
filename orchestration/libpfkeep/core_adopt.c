// SPDX-License-Identifier: GPL-2.0-only
/* A PF goes into its VM, comes back, changes its number of VFs. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "orchestration/libpfkeep/core_priv.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/driver.h"
#include "pfkeep/guest.h"
#include "pfkeep/image.h"
#include "pfkeep/token.h"
#include "pfkeep/virt.h"

#define MEMORY_MIN_MIB 64
#define MEMORY_MAX_MIB 65536

struct adoption {
	struct core *core;
	const struct core_adopt *how;
	struct record_pf pf;
	unsigned int memory_mib;
};

static int set_name(struct adoption *a, struct problem *problem)
{
	const char *name = a->how->name;
	char bdf[BDF_TEXT];

	bdf_format(&a->how->bdf, bdf);
	if (!name) {
		for (char *p = bdf; *p; p++)
			if (*p == ':' || *p == '.')
				*p = '-';
		snprintf(a->pf.domain, sizeof(a->pf.domain), "pfkeep-%s", bdf);
		return 0;
	}
	if (!*name || strlen(name) >= sizeof(a->pf.domain) || strpbrk(name, "/\n"))
		return problem_set(problem, -EINVAL,
				   "'%.60s': a domain's name is 1 to %zu characters, no slash",
				   name, sizeof(a->pf.domain) - 1);
	snprintf(a->pf.domain, sizeof(a->pf.domain), "%s", name);
	return 0;
}

static int check_memory(struct adoption *a, struct problem *problem)
{
	a->memory_mib = a->how->memory_mib ? a->how->memory_mib : a->core->config->memory_mib;
	if (a->memory_mib >= MEMORY_MIN_MIB && a->memory_mib <= MEMORY_MAX_MIB)
		return 0;
	return problem_set(problem, -EINVAL, "%u MiB: a PF VM has %d to %d MiB", a->memory_mib,
			   MEMORY_MIN_MIB, MEMORY_MAX_MIB);
}

static int check_pf(struct adoption *a, struct problem *problem)
{
	char name[BDF_TEXT];
	struct pci_pf pf;
	int ret;

	bdf_format(&a->how->bdf, name);
	ret = pci_read_pf(a->core->root, &a->how->bdf, &pf, problem);
	if (ret)
		return ret;
	a->pf.vfs = a->how->vfs ? a->how->vfs : pf.total_vfs;
	snprintf(a->pf.driver, sizeof(a->pf.driver), "%s", pf.fn.driver);
	if (a->pf.vfs > pf.total_vfs || !pf.total_vfs)
		ret = problem_set(problem, -ERANGE, "%s: has %u VFs, not %u", name, pf.total_vfs,
				  a->pf.vfs);
	else if (pf.num_vfs)
		ret = problem_set(problem, -EBUSY,
				  "%s: has %u VFs of its host driver, remove them first", name,
				  pf.num_vfs);
	else if (pf.fn.group == PCI_NO_GROUP)
		ret = problem_set(problem, -ENOTSUP, "%s: is behind no IOMMU", name);
	pci_pf_release(&pf);
	return ret;
}

static int stage_check(void *work, struct problem *problem)
{
	struct adoption *a = work;
	CLEANUP(virt_free) virDomainPtr dom = NULL;
	char name[BDF_TEXT];
	int ret;

	if (record_get_pf(a->core->state, &a->how->bdf, &a->pf) != -ENOENT)
		return problem_set(problem, -EEXIST, "%s: is adopted already",
				   bdf_format(&a->how->bdf, name));
	a->pf = (struct record_pf){ .bdf = a->how->bdf, .phase = RECORD_ADOPTING };
	if ((ret = set_name(a, problem)) || (ret = check_memory(a, problem)) ||
	    (ret = check_pf(a, problem)))
		return ret;
	if (!virt_find(a->core->conn, a->pf.domain, &dom, NULL))
		return problem_set(problem, -EEXIST, "%.60s: there is a domain of this name",
				   a->pf.domain);
	return uuid_random(a->pf.uuid);
}

static int stage_record(void *work, struct problem *problem)
{
	struct adoption *a = work;

	return core_save_pf(a->core, &a->pf, problem);
}

static int undo_record(void *work, struct problem *problem)
{
	struct adoption *a = work;

	return core_forget_pf(a->core, &a->pf, problem);
}

static int stage_bind(void *work, struct problem *problem)
{
	struct adoption *a = work;

	return driver_bind(a->core->root, &a->pf.bdf, DRIVER_VFIO, problem);
}

static int undo_bind(void *work, struct problem *problem)
{
	struct adoption *a = work;

	return driver_restore(a->core->root, &a->pf.bdf, a->pf.driver, problem);
}

static int stage_define(void *work, struct problem *problem)
{
	struct adoption *a = work;
	const struct core_config *config = a->core->config;
	char path[TOKEN_PATH];
	struct domain_pfvm vm = {
		.type = config->vm_type,
		.name = a->pf.domain,
		.uuid = a->pf.uuid,
		.memory_mib = a->memory_mib,
		.emulator = config->emulator,
		.pf = a->pf.bdf,
		.token_file = token_qemu_path(a->pf.uuid, path),
	};
	CLEANUP(cleanup_free) char *xml = NULL;
	struct image image;
	int ret;

	ret = image_open(a->how->image ? a->how->image : config->image, &image, problem);
	if (ret)
		return ret;
	vm.image = image.disk;
	vm.kernel = image.kernel;
	vm.initrd = image.initrd;
	vm.cmdline = image.cmdline;
	ret = domain_pfvm_xml(&vm, &xml);
	image_release(&image);
	return ret ? ret : virt_define(a->core->conn, xml, problem);
}

static int undo_define(void *work, struct problem *problem)
{
	struct adoption *a = work;

	return virt_remove(a->core->conn, a->pf.uuid, problem);
}

static int stage_start(void *work, struct problem *problem)
{
	struct adoption *a = work;

	return core_start_vm(a->core, a->pf.uuid, NULL, false, problem);
}

static int stage_create(void *work, struct problem *problem)
{
	struct adoption *a = work;
	struct core_agent agent;
	int ret;

	ret = core_agent_open(a->core, &a->pf, true, &agent, problem);
	if (ret)
		return ret;
	ret = guest_up(&agent.link, problem);
	if (!ret)
		ret = guest_set_vfs(&agent.link, a->pf.vfs, problem);
	core_agent_close(&agent);
	return core_blame_pf(&a->pf.bdf, ret, problem);
}

/* Whoever made the VFs, they must be gone before the PF goes back. */
static int undo_all(void *work, struct problem *problem)
{
	struct adoption *a = work;

	return core_dismantle(a->core, &a->pf, problem);
}

static int stage_take(void *work, struct problem *problem)
{
	struct adoption *a = work;

	return core_take_vfs(a->core, &a->pf.bdf, a->pf.vfs, problem);
}

static int stage_finish(void *work, struct problem *problem)
{
	struct adoption *a = work;
	int ret;

	ret = core_own_pf(a->core, &a->pf, problem);
	if (ret)
		return ret;
	a->pf.phase = RECORD_ADOPTED;
	ret = core_save_pf(a->core, &a->pf, problem);
	if (!ret)
		core_set_ready(a->core, &a->pf.bdf, true);
	if (ret)
		core_disown_pf(a->core, &a->pf.bdf, NULL);
	return ret;
}

static const struct stage adopt_stages[] = {
	{ "check", stage_check, NULL },	    { "record", stage_record, undo_record },
	{ "bind", stage_bind, undo_bind },  { "define", stage_define, undo_define },
	{ "start", stage_start, undo_all }, { "create VFs", stage_create, NULL },
	{ "take VFs", stage_take, NULL },   { "finish", stage_finish, NULL },
};

int core_adopt(struct core *core, const struct core_adopt *how, struct problem *problem)
{
	struct adoption adoption = { .core = core, .how = how };

	return stages_run(adopt_stages, sizeof(adopt_stages) / sizeof(adopt_stages[0]), &adoption,
			  core->watch, core->watch_data, problem);
}

/* No VF may be anybody's for what comes. */
static int check_unowned(const struct core *core, const struct bdf *bdf, const char *what,
			 struct problem *problem)
{
	size_t n = owner_count(core->owners, bdf);
	char name[BDF_TEXT];

	if (!n)
		return 0;
	return problem_set(problem, -EBUSY, "%s: tenants have %zu of its VFs, it can't be %s",
			   bdf_format(bdf, name), n, what);
}

/*
 * Forward only: from the moment that the record says "releasing", a crash or an
 * error leaves what core_recover() or the next try finishes.
 */
/* The domains go on without. Whoever doesn't let go is asked by VFIO, and waited for. */
static int evict(struct core *core, const struct record_pf *pf, struct problem *problem)
{
	char path[PCI_ATTR_PATH];
	int ret = 0;

	for (unsigned int i = 0; i < pf->vfs && !ret; i++)
		if (!owner_of(core->owners, &pf->bdf, (uint16_t)i, NULL))
			ret = core_evict_vf(core, &pf->bdf, (uint16_t)i, problem);
	pci_path(&pf->bdf, "vfio_sriov/force", path);
	if (!ret && root_exists(core->root, path))
		ret = root_write(core->root, path, "1");
	return ret;
}

int core_release(struct core *core, const struct bdf *bdf, bool force, struct problem *problem)
{
	struct record_pf pf;
	char name[BDF_TEXT];
	int ret;

	ret = record_get_pf(core->state, bdf, &pf);
	if (ret)
		return problem_set(problem, ret, "%s: isn't adopted", bdf_format(bdf, name));
	ret = force ? evict(core, &pf, problem) : check_unowned(core, bdf, "released", problem);
	if (ret)
		return ret;
	pf.phase = RECORD_RELEASING;
	ret = core_save_pf(core, &pf, problem);
	if (!ret)
		ret = core_dismantle(core, &pf, problem);
	if (!ret)
		ret = core_forget_pf(core, &pf, problem);
	if (!ret)
		core_disown_pf(core, bdf, NULL);
	return ret;
}

static int change_vfs(struct core *core, const struct record_pf *pf, uint16_t vfs,
		      struct problem *problem)
{
	struct core_agent agent;
	int ret;

	ret = core_agent_open(core, pf, false, &agent, problem);
	if (ret)
		return ret;
	ret = core_blame_pf(&pf->bdf, guest_set_vfs(&agent.link, vfs, problem), problem);
	if (!ret)
		ret = core_take_vfs(core, &pf->bdf, vfs, problem);
	core_agent_close(&agent);
	return ret;
}

int core_set_vfs(struct core *core, const struct bdf *bdf, uint16_t vfs, struct problem *problem)
{
	struct record_pf pf;
	uint16_t old;
	int ret;

	ret = core_need_pf(core, bdf, &pf, problem);
	if (ret || pf.vfs == vfs)
		return ret;
	ret = check_unowned(core, bdf, "given another number of them", problem);
	if (!ret)
		ret = core_need_ready(core, bdf, problem);
	if (ret)
		return ret;
	old = pf.vfs;
	ret = change_vfs(core, &pf, vfs, problem);
	if (ret) {
		change_vfs(core, &pf, old, NULL);
		return ret;
	}
	pf.vfs = vfs;
	ret = core_save_pf(core, &pf, problem);
	return ret ? ret : core_own_pf(core, &pf, problem);
}
