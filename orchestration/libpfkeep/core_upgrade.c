// SPDX-License-Identifier: GPL-2.0-only
/*
 * A PF VM gets another image, and goes back to the old one if that doesn't serve. Until it
 * does the definition is the old one, so that whatever ends pfkeepd or the VM meanwhile
 * leads back to it, too. An image that doesn't even boot is never given the PF, so that
 * tenants see nothing of it but the old one's return.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "orchestration/libpfkeep/core_priv.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/image.h"
#include "pfkeep/virt.h"

struct upgrade {
	struct core *core;
	struct record_pf pf;
	const char *path;
	unsigned int boot_ms;
	char *xml; /* with the new image */
};

static int check_file(const char *path, struct problem *problem)
{
	return path && access(path, R_OK) ? problem_set(problem, -errno, "%s: %m", path) : 0;
}

static int open_image(const char *path, struct image *ret_image, struct problem *problem)
{
	int ret = image_open(path, ret_image, problem);

	if (ret)
		return ret;
	if ((ret = check_file(ret_image->disk, problem)) ||
	    (ret = check_file(ret_image->kernel, problem)) ||
	    (ret = check_file(ret_image->initrd, problem)))
		image_release(ret_image);
	return ret;
}

static int stage_check(void *work, struct problem *problem)
{
	struct upgrade *u = work;
	CLEANUP(virt_free) virDomainPtr dom = NULL;
	CLEANUP(cleanup_free) char *old = NULL;
	struct domain_pfvm vm = { 0 };
	struct image image;
	int ret;

	ret = open_image(u->path, &image, problem);
	if (ret)
		return ret;
	vm.image = image.disk;
	vm.kernel = image.kernel;
	vm.initrd = image.initrd;
	vm.cmdline = image.cmdline;
	ret = virt_find(u->core->conn, u->pf.uuid, &dom, problem);
	if (!ret)
		ret = virt_definition(dom, &old, problem);
	if (!ret)
		ret = domain_set_image(old, &vm, &u->xml, problem);
	image_release(&image);
	return ret;
}

static int stop(struct upgrade *u, struct problem *problem)
{
	core_set_ready(u->core, &u->pf.bdf, false);
	return virt_stop(u->core->conn, u->pf.uuid, problem);
}

static int stage_stop(void *work, struct problem *problem)
{
	return stop(work, problem);
}

/* The new one may be in any state; the definition is still the old one's. */
static int undo_stop(void *work, struct problem *problem)
{
	struct upgrade *u = work;
	int ret = stop(u, problem);

	return ret ? ret : core_run_pf(u->core, &u->pf, NULL, problem);
}

static int stage_start(void *work, struct problem *problem)
{
	struct upgrade *u = work;
	int ret;

	u->core->boot_ms = u->boot_ms;
	ret = core_run_pf(u->core, &u->pf, u->xml, problem);
	u->core->boot_ms = 0;
	return ret;
}

static int stage_keep(void *work, struct problem *problem)
{
	struct upgrade *u = work;

	return virt_redefine(u->core->conn, u->xml, problem);
}

static const struct stage stages[] = {
	{ "check", stage_check, NULL },
	{ "stop", stage_stop, undo_stop },
	{ "start the new image", stage_start, NULL },
	{ "keep it", stage_keep, NULL },
};

int core_upgrade_pf(struct core *core, const struct bdf *bdf, const char *image,
		    unsigned int boot_ms, struct problem *problem)
{
	struct upgrade u = { .core = core, .path = image, .boot_ms = boot_ms };
	int ret;

	ret = core_need_pf(core, bdf, &u.pf, problem);
	if (!ret)
		ret = stages_run(stages, sizeof(stages) / sizeof(stages[0]), &u, core->watch,
				 core->watch_data, problem);
	free(u.xml);
	return ret;
}
