// SPDX-License-Identifier: GPL-2.0-only
/* After a restart: what was under way, and does the world agree with the state? */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestration/libpfkeep/core_priv.h"
#include "pfkeep/cleanup.h"
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
	return ret ? ret : owner_remove_pf(core->owners, &pf->bdf, problem);
}

static int compare(struct core *core, const struct record_pf *pf, struct problem *problem)
{
	char name[BDF_TEXT];
	struct pci_pf now;
	int ret;

	bdf_format(&pf->bdf, name);
	if (!virt_is_running(core->conn, pf->uuid))
		return problem_set(problem, -EHOSTDOWN, "%s: its PF VM %.60s doesn't run", name,
				   pf->domain);
	ret = pci_read_pf(core->root, &pf->bdf, &now, problem);
	if (ret)
		return ret;
	if (now.n_vfs != pf->vfs)
		ret = problem_set(problem, -EUCLEAN, "%s: has %zu VFs instead of %u", name,
				  now.n_vfs, pf->vfs);
	pci_pf_release(&now);
	return ret;
}

int core_recover(struct core *core, void (*report)(void *data, const struct problem *problem),
		 void *data, struct problem *problem)
{
	struct list list = { 0 };
	int ret;

	/* A copy: taking one back changes the state. */
	ret = record_each(core->state, collect, NULL, &list, problem);
	for (size_t i = 0; i < list.n && !ret; i++) {
		struct problem why = { "" };
		int bad = list.pfs[i].phase == RECORD_ADOPTED ? compare(core, &list.pfs[i], &why)
							      : take_back(core, &list.pfs[i], &why);

		if (bad)
			report(data, &why);
	}
	free(list.pfs);
	return ret;
}
