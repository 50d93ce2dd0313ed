// SPDX-License-Identifier: GPL-2.0-only
/* After a restart: what was under way. */
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

int core_refresh_pf(struct core *core, const struct bdf *bdf, struct problem *problem)
{
	struct record_pf pf;
	int ret;

	ret = core_need_pf(core, bdf, &pf, problem);
	if (ret || owner_is_ready(core->owners, bdf))
		return ret;
	return core_settle_pf(core, &pf, problem);
}

int core_recover(struct core *core, core_report report, void *data, struct problem *problem)
{
	struct list list = { 0 };
	int ret;

	/* A copy: taking one back changes the state. */
	ret = record_each(core->state, collect, NULL, &list, problem);
	for (size_t i = 0; i < list.n && !ret; i++) {
		struct problem why = { "" };
		int bad = list.pfs[i].phase == RECORD_ADOPTED
				  ? core_settle_pf(core, &list.pfs[i], &why)
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
