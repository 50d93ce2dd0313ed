// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pfkeep/owner.h"

struct tenant;

struct slot {
	struct tenant *tenant; /* NULL: free */
	struct slot *next;     /* of the same tenant */
	struct pf *pf;
	uint16_t index;
	uint16_t request;
};

struct pf {
	struct bdf bdf; /* first: the tree's key */
	uint16_t num_vfs;
	uint16_t owned;
	bool ready;
	char vm[UUID_TEXT];  /* empty: not known */
	uint16_t lowest;     /* no slot below this is free */
	struct slot **slots; /* one allocation each: tenants point to them */
};

struct tenant {
	char uuid[UUID_TEXT]; /* first: the tree's key */
	struct slot *slots;
};

struct owner_table {
	void *pfs; /* tsearch() trees */
	void *tenants;
};

static int compare_pfs(const void *a, const void *b)
{
	return bdf_compare(&((const struct pf *)a)->bdf, &((const struct pf *)b)->bdf);
}

static int compare_tenants(const void *a, const void *b)
{
	return strcmp(((const struct tenant *)a)->uuid, ((const struct tenant *)b)->uuid);
}

static void free_pf(void *p)
{
	struct pf *pf = p;

	for (unsigned int i = 0; i < pf->num_vfs; i++)
		free(pf->slots[i]);
	free(pf->slots);
	free(pf);
}

int owner_new(struct owner_table **ret_table)
{
	*ret_table = calloc(1, sizeof(**ret_table));
	return *ret_table ? 0 : -ENOMEM;
}

void owner_free(struct owner_table *table)
{
	if (!table)
		return;
	tdestroy(table->tenants, free);
	tdestroy(table->pfs, free_pf);
	free(table);
}

static struct pf *find_pf(const struct owner_table *table, const struct bdf *bdf)
{
	const struct pf key = { .bdf = *bdf };
	struct pf **node = tfind(&key, &table->pfs, compare_pfs);

	return node ? *node : NULL;
}

static struct tenant *find_tenant(const struct owner_table *table, const char *uuid)
{
	struct tenant key = { .slots = NULL }, **node;

	snprintf(key.uuid, sizeof(key.uuid), "%s", uuid);
	node = tfind(&key, &table->tenants, compare_tenants);
	return node ? *node : NULL;
}

static int add_pf(struct owner_table *table, const struct bdf *bdf, struct pf **ret_pf)
{
	struct pf *pf = calloc(1, sizeof(*pf));

	if (!pf)
		return -ENOMEM;
	pf->bdf = *bdf;
	if (!tsearch(pf, &table->pfs, compare_pfs)) {
		free(pf);
		return -ENOMEM;
	}
	*ret_pf = pf;
	return 0;
}

static int grow(struct pf *pf, uint16_t num_vfs)
{
	struct slot **slots;

	slots = reallocarray(pf->slots, (size_t)num_vfs + 1, sizeof(struct slot *));
	if (!slots)
		return -ENOMEM;
	pf->slots = slots;
	while (pf->num_vfs < num_vfs) {
		struct slot *slot = calloc(1, sizeof(*slot));

		if (!slot)
			return -ENOMEM;
		slot->pf = pf;
		slot->index = pf->num_vfs;
		pf->slots[pf->num_vfs++] = slot;
	}
	return 0;
}

static int shrink(struct pf *pf, uint16_t num_vfs, struct problem *problem)
{
	char name[BDF_TEXT];

	for (unsigned int i = num_vfs; i < pf->num_vfs; i++)
		if (pf->slots[i]->tenant)
			return problem_set(problem, -EBUSY, "%s/%u: belongs to domain %s",
					   bdf_format(&pf->bdf, name), i,
					   pf->slots[i]->tenant->uuid);
	while (pf->num_vfs > num_vfs)
		free(pf->slots[--pf->num_vfs]);
	if (pf->lowest > num_vfs)
		pf->lowest = num_vfs;
	return 0;
}

int owner_set_pf(struct owner_table *table, const struct bdf *bdf, uint16_t num_vfs,
		 struct problem *problem)
{
	struct pf *pf = find_pf(table, bdf);
	int ret = 0;

	if (!pf)
		ret = add_pf(table, bdf, &pf);
	if (!ret && num_vfs < pf->num_vfs)
		return shrink(pf, num_vfs, problem);
	if (!ret)
		ret = grow(pf, num_vfs);
	return ret ? problem_set(problem, ret, "%s", strerror(-ret)) : 0;
}

int owner_remove_pf(struct owner_table *table, const struct bdf *bdf, struct problem *problem)
{
	struct pf *pf = find_pf(table, bdf);
	char name[BDF_TEXT];
	int ret;

	if (!pf)
		return problem_set(problem, -ENOENT, "%s: isn't adopted", bdf_format(bdf, name));
	ret = shrink(pf, 0, problem);
	if (ret)
		return ret;
	tdelete(pf, &table->pfs, compare_pfs);
	free_pf(pf);
	return 0;
}

void owner_set_ready(struct owner_table *table, const struct bdf *bdf, bool ready)
{
	struct pf *pf = find_pf(table, bdf);

	if (pf)
		pf->ready = ready;
}

void owner_set_vm(struct owner_table *table, const struct bdf *bdf, const char *uuid)
{
	struct pf *pf = find_pf(table, bdf);

	if (pf)
		snprintf(pf->vm, sizeof(pf->vm), "%s", uuid);
}

struct vm_search {
	const char *uuid;
	const struct pf *found;
};

static void compare_vm(const void *node, VISIT which, void *data)
{
	const struct pf *pf = *(struct pf *const *)node;
	struct vm_search *search = data;

	if ((which == postorder || which == leaf) && !strcmp(pf->vm, search->uuid))
		search->found = pf;
}

int owner_pf_of_vm(const struct owner_table *table, const char *uuid, struct bdf *ret_pf)
{
	struct vm_search search = { .uuid = uuid };

	twalk_r(table->pfs, compare_vm, &search);
	if (!search.found)
		return -ENOENT;
	*ret_pf = search.found->bdf;
	return 0;
}

bool owner_is_ready(const struct owner_table *table, const struct bdf *bdf)
{
	const struct pf *pf = find_pf(table, bdf);

	return pf && pf->ready;
}

static int find_slot(const struct owner_table *table, const struct bdf *bdf, uint16_t index,
		     struct slot **ret_slot, struct problem *problem)
{
	struct pf *pf = find_pf(table, bdf);
	char name[BDF_TEXT];

	if (!pf)
		return problem_set(problem, -ENOENT, "%s: isn't adopted", bdf_format(bdf, name));
	if (index >= pf->num_vfs)
		return problem_set(problem, -ENOENT, "%s/%u: the PF has %u VFs",
				   bdf_format(bdf, name), index, pf->num_vfs);
	*ret_slot = pf->slots[index];
	return 0;
}

static int get_tenant(struct owner_table *table, const char *uuid, struct tenant **ret_tenant)
{
	struct tenant *tenant = find_tenant(table, uuid);

	if (!tenant) {
		tenant = calloc(1, sizeof(*tenant));
		if (!tenant)
			return -ENOMEM;
		snprintf(tenant->uuid, sizeof(tenant->uuid), "%s", uuid);
		if (!tsearch(tenant, &table->tenants, compare_tenants)) {
			free(tenant);
			return -ENOMEM;
		}
	}
	*ret_tenant = tenant;
	return 0;
}

static struct slot *slot_of_request(const struct tenant *tenant, uint16_t request)
{
	struct slot *slot = tenant ? tenant->slots : NULL;

	while (slot && slot->request != request)
		slot = slot->next;
	return slot;
}

static int refuse_slot(const struct slot *slot, struct problem *problem)
{
	char name[BDF_TEXT];

	return problem_set(problem, -EBUSY, "%s/%u: belongs to domain %s",
			   bdf_format(&slot->pf->bdf, name), slot->index, slot->tenant->uuid);
}

/* The slot is free and the request has none. */
static int give(struct owner_table *table, struct slot *slot, const struct owner_claim *claim,
		struct problem *problem)
{
	struct tenant *tenant;
	int ret;

	ret = get_tenant(table, claim->uuid, &tenant);
	if (ret)
		return problem_set(problem, ret, "%s", strerror(-ret));
	slot->tenant = tenant;
	slot->request = claim->request;
	slot->next = tenant->slots;
	tenant->slots = slot;
	slot->pf->owned++;
	if (slot->index == slot->pf->lowest)
		slot->pf->lowest++;
	return 0;
}

int owner_take(struct owner_table *table, const struct owner_claim *claim, struct problem *problem)
{
	struct slot *slot, *has;
	char name[BDF_TEXT];
	int ret;

	ret = find_slot(table, &claim->pf, claim->index, &slot, problem);
	if (ret)
		return ret;
	has = slot_of_request(find_tenant(table, claim->uuid), claim->request);
	if (has == slot)
		return 0;
	if (slot->tenant)
		return refuse_slot(slot, problem);
	if (has)
		return problem_set(problem, -EBUSY, "domain %s: has %s/%u for its request %u",
				   claim->uuid, bdf_format(&has->pf->bdf, name), has->index,
				   claim->request);
	return give(table, slot, claim, problem);
}

int owner_take_any(struct owner_table *table, struct owner_claim *claim, struct problem *problem)
{
	struct pf *pf = find_pf(table, &claim->pf);
	struct slot *has;
	char name[BDF_TEXT];

	bdf_format(&claim->pf, name);
	if (!pf)
		return problem_set(problem, -ENOENT, "%s: isn't adopted", name);
	has = slot_of_request(find_tenant(table, claim->uuid), claim->request);
	if (has) {
		claim->index = has->index;
		if (has->pf == pf)
			return 0;
		return problem_set(problem, -EBUSY,
				   "domain %s: has a VF of another PF for its request %u",
				   claim->uuid, claim->request);
	}
	/* Amortised: what is skipped here isn't looked at again until it is given back. */
	while (pf->lowest < pf->num_vfs && pf->slots[pf->lowest]->tenant)
		pf->lowest++;
	if (pf->lowest == pf->num_vfs)
		return problem_set(problem, -ENOSPC, "%s: all of its %u VFs are taken", name,
				   pf->num_vfs);
	claim->index = pf->lowest;
	return give(table, pf->slots[pf->lowest], claim, problem);
}

static void describe(const struct slot *slot, struct owner_claim *ret_claim)
{
	*ret_claim = (struct owner_claim){
		.pf = slot->pf->bdf,
		.index = slot->index,
		.request = slot->request,
	};
	memcpy(ret_claim->uuid, slot->tenant->uuid, UUID_TEXT);
}

int owner_of(const struct owner_table *table, const struct bdf *pf, uint16_t index,
	     struct owner_claim *ret_claim)
{
	struct slot *slot;

	if (find_slot(table, pf, index, &slot, NULL) || !slot->tenant)
		return -ENOENT;
	if (ret_claim)
		describe(slot, ret_claim);
	return 0;
}

static void unlink_slot(struct owner_table *table, struct slot *slot)
{
	struct tenant *tenant = slot->tenant;
	struct slot **at = &tenant->slots;

	while (*at != slot)
		at = &(*at)->next;
	*at = slot->next;
	slot->tenant = NULL;
	slot->next = NULL;
	slot->pf->owned--;
	if (slot->index < slot->pf->lowest)
		slot->pf->lowest = slot->index;
	if (!tenant->slots) {
		tdelete(tenant, &table->tenants, compare_tenants);
		free(tenant);
	}
}

int owner_give_back(struct owner_table *table, const struct owner_claim *claim,
		    struct problem *problem)
{
	struct slot *slot;
	char name[BDF_TEXT];
	int ret;

	ret = find_slot(table, &claim->pf, claim->index, &slot, problem);
	if (ret)
		return ret;
	if (!slot->tenant)
		return problem_set(problem, -ENOENT, "%s/%u: belongs to nobody",
				   bdf_format(&claim->pf, name), claim->index);
	if (strcmp(slot->tenant->uuid, claim->uuid)) {
		refuse_slot(slot, problem);
		return -EPERM;
	}
	unlink_slot(table, slot);
	return 0;
}

size_t owner_list(const struct owner_table *table, const char *uuid, struct owner_claim *ret_claims,
		  size_t max)
{
	const struct tenant *tenant = find_tenant(table, uuid);
	size_t n = 0;

	for (const struct slot *slot = tenant ? tenant->slots : NULL; slot; slot = slot->next, n++)
		if (n < max)
			describe(slot, &ret_claims[n]);
	return n;
}

size_t owner_count(const struct owner_table *table, const struct bdf *pf)
{
	const struct pf *found = find_pf(table, pf);

	return found ? found->owned : 0;
}

struct audit {
	const struct owner_table *table;
	struct problem *problem;
	int ret;
	size_t by_pf, by_tenant;
};

static void audit_pf(const void *node, VISIT visit, void *data)
{
	const struct pf *pf = *(struct pf *const *)node;
	struct audit *audit = data;
	unsigned int owned = 0;
	char name[BDF_TEXT];

	if (visit != postorder && visit != leaf)
		return;
	for (unsigned int i = 0; i < pf->num_vfs; i++) {
		owned += pf->slots[i]->tenant != NULL;
		if (!pf->slots[i]->tenant && i < pf->lowest)
			audit->ret = problem_set(audit->problem, -EUCLEAN, "%s/%u: free but hidden",
						 bdf_format(&pf->bdf, name), i);
	}
	if (owned != pf->owned)
		audit->ret = problem_set(audit->problem, -EUCLEAN, "%s: %u VFs owned, %u counted",
					 bdf_format(&pf->bdf, name), owned, pf->owned);
	audit->by_pf += owned;
}

static void audit_tenant(const void *node, VISIT visit, void *data)
{
	const struct tenant *tenant = *(struct tenant *const *)node;
	struct audit *audit = data;

	if (visit != postorder && visit != leaf)
		return;
	if (!tenant->slots)
		audit->ret = problem_set(audit->problem, -EUCLEAN, "domain %s: kept without a VF",
					 tenant->uuid);
	for (const struct slot *slot = tenant->slots; slot; slot = slot->next) {
		audit->by_tenant++;
		if (slot->tenant != tenant)
			audit->ret = problem_set(audit->problem, -EUCLEAN,
						 "domain %s: holds a VF of another", tenant->uuid);
		if (slot_of_request(tenant, slot->request) != slot)
			audit->ret = problem_set(audit->problem, -EUCLEAN,
						 "domain %s: two VFs for request %u", tenant->uuid,
						 slot->request);
	}
}

int owner_check(const struct owner_table *table, struct problem *problem)
{
	struct audit audit = { .table = table, .problem = problem };

	twalk_r(table->pfs, audit_pf, &audit);
	twalk_r(table->tenants, audit_tenant, &audit);
	if (!audit.ret && audit.by_pf != audit.by_tenant)
		audit.ret = problem_set(problem, -EUCLEAN, "%zu VFs owned, %zu held by domains",
					audit.by_pf, audit.by_tenant);
	return audit.ret;
}
