// SPDX-License-Identifier: GPL-2.0-only
#include "orchestration/testing/cmocka.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pfkeep/owner.h"

#define WEB "c7a5fdbd-edaf-9455-926a-d65c16db1809"
#define SQL "00000000-0000-4000-8000-000000000002"

static struct owner_table *table;
static const struct bdf igb = { 0, 1, 0, 0 }, nvme = { 0, 2, 0, 0 };

static int setup(void **state)
{
	assert_int_equal(owner_new(&table), 0);
	assert_int_equal(owner_set_pf(table, &igb, 3, NULL), 0);
	assert_int_equal(owner_set_pf(table, &nvme, 2, NULL), 0);
	return 0;
}

static int teardown(void **state)
{
	assert_int_equal(owner_check(table, NULL), 0);
	owner_free(table);
	return 0;
}

static struct owner_claim claim(const struct bdf *pf, uint16_t index, const char *uuid,
				uint16_t request)
{
	struct owner_claim claim = { *pf, index, request, "" };

	snprintf(claim.uuid, sizeof(claim.uuid), "%s", uuid);
	return claim;
}

static int take(const struct bdf *pf, uint16_t index, const char *uuid, uint16_t request)
{
	const struct owner_claim c = claim(pf, index, uuid, request);

	return owner_take(table, &c, NULL);
}

static int take_any(const struct bdf *pf, const char *uuid, uint16_t request)
{
	struct owner_claim c = claim(pf, 99, uuid, request);
	int ret = owner_take_any(table, &c, NULL);

	return ret ? ret : c.index;
}

static int give_back(const struct bdf *pf, uint16_t index, const char *uuid)
{
	const struct owner_claim c = claim(pf, index, uuid, 0);

	return owner_give_back(table, &c, NULL);
}

static void a_vf_has_one_owner(void **state)
{
	const struct owner_claim c = claim(&igb, 1, SQL, 0);
	struct owner_claim found;
	struct problem problem;

	assert_int_equal(take(&igb, 1, WEB, 0), 0);
	assert_int_equal(take(&igb, 1, WEB, 0), 0);
	assert_int_equal(owner_take(table, &c, &problem), -EBUSY);
	assert_string_equal(problem.text, "0000:01:00.0/1: belongs to domain " WEB);
	assert_int_equal(owner_of(table, &igb, 1, &found), 0);
	assert_string_equal(found.uuid, WEB);
	assert_int_equal(owner_of(table, &igb, 0, &found), -ENOENT);
	assert_int_equal(owner_of(table, &igb, 3, &found), -ENOENT);
	assert_int_equal(give_back(&igb, 1, SQL), -EPERM);
	assert_int_equal(give_back(&igb, 1, WEB), 0);
	assert_int_equal(give_back(&igb, 1, WEB), -ENOENT);
	assert_int_equal(owner_take(table, &c, NULL), 0);
}

static void a_request_has_one_vf(void **state)
{
	assert_int_equal(take(&igb, 1, WEB, 0), 0);
	assert_int_equal(take(&igb, 2, WEB, 0), -EBUSY);
	assert_int_equal(take(&igb, 2, WEB, 1), 0);
	assert_int_equal(take_any(&nvme, WEB, 1), -EBUSY);
	assert_int_equal(owner_count(table, &igb), 2);
}

static void any_is_the_first_free_one_and_stays(void **state)
{
	assert_int_equal(take(&igb, 0, SQL, 0), 0);
	assert_int_equal(take_any(&igb, WEB, 0), 1);
	assert_int_equal(take_any(&igb, WEB, 1), 2);
	assert_int_equal(take_any(&igb, WEB, 0), 1);
	assert_int_equal(take_any(&igb, WEB, 2), -ENOSPC);
	assert_int_equal(give_back(&igb, 0, SQL), 0);
	assert_int_equal(take_any(&igb, WEB, 2), 0);
	assert_int_equal(take_any(&igb, SQL, 0), -ENOSPC);
	assert_int_equal(take_any(&nvme, SQL, 0), 0);
}

static void a_domain_s_claims_are_listed(void **state)
{
	struct owner_claim claims[2];

	assert_int_equal(owner_list(table, WEB, claims, 2), 0);
	take(&igb, 0, WEB, 0);
	take(&nvme, 1, WEB, 1);
	take(&igb, 2, WEB, 2);
	take(&igb, 1, SQL, 0);
	assert_int_equal(owner_list(table, WEB, claims, 2), 3);
	assert_string_equal(claims[0].uuid, WEB);
	assert_string_equal(claims[1].uuid, WEB);
}

static void a_pf_doesnt_shrink_under_its_owners(void **state)
{
	struct problem problem;

	take(&igb, 1, WEB, 0);
	assert_int_equal(owner_set_pf(table, &igb, 1, &problem), -EBUSY);
	assert_non_null(strstr(problem.text, "0000:01:00.0/1"));
	assert_int_equal(take(&igb, 2, WEB, 1), 0);
	assert_int_equal(owner_remove_pf(table, &igb, NULL), -EBUSY);
	give_back(&igb, 2, WEB);
	assert_int_equal(owner_set_pf(table, &igb, 2, NULL), 0);
	assert_int_equal(take(&igb, 2, WEB, 1), -ENOENT);
	assert_int_equal(owner_set_pf(table, &igb, 7, NULL), 0);
	assert_int_equal(take(&igb, 6, WEB, 1), 0);
	give_back(&igb, 1, WEB);
	give_back(&igb, 6, WEB);
	assert_int_equal(owner_remove_pf(table, &igb, NULL), 0);
	assert_int_equal(owner_remove_pf(table, &igb, NULL), -ENOENT);
	assert_int_equal(take(&igb, 0, WEB, 0), -ENOENT);
}

#define VFS	64
#define TENANTS 24

static struct {
	int tenant; /* -1: free */
	int request;
} model[VFS];

static int model_find(int tenant, int request)
{
	for (int i = 0; i < VFS; i++)
		if (model[i].tenant == tenant && model[i].request == request)
			return i;
	return -1;
}

static int model_take_any(int tenant, int request)
{
	int has = model_find(tenant, request);

	if (has >= 0)
		return has;
	for (int i = 0; i < VFS; i++)
		if (model[i].tenant < 0)
			return i;
	return -ENOSPC;
}

/* 20,000 random operations beside a model that is an array and two loops. */
static void the_books_agree_with_a_plain_model(void **state)
{
	unsigned int seed = 1;

	assert_int_equal(owner_set_pf(table, &igb, VFS, NULL), 0);
	for (int i = 0; i < VFS; i++)
		model[i].tenant = -1;
	for (int round = 0; round < 20000; round++) {
		int tenant = rand_r(&seed) % TENANTS, request = rand_r(&seed) % 4;
		int index = rand_r(&seed) % VFS, want, got;
		char uuid[UUID_TEXT];

		snprintf(uuid, sizeof(uuid), "00000000-0000-4000-8000-%012d", tenant);
		switch (rand_r(&seed) % 3) {
		case 0:
			want = model_take_any(tenant, request);
			got = take_any(&igb, uuid, (uint16_t)request);
			index = want;
			break;
		case 1:
			want = model[index].tenant == tenant && model[index].request == request ? 0
			       : model[index].tenant >= 0 || model_find(tenant, request) >= 0
				       ? -EBUSY
				       : 0;
			got = take(&igb, (uint16_t)index, uuid, (uint16_t)request);
			break;
		default:
			want = model[index].tenant < 0	       ? -ENOENT
			       : model[index].tenant != tenant ? -EPERM
							       : 0;
			got = give_back(&igb, (uint16_t)index, uuid);
			if (!want)
				model[index].tenant = -1;
			assert_int_equal(got, want);
			continue;
		}
		assert_int_equal(got, want);
		if (want >= 0) {
			model[index].tenant = tenant;
			model[index].request = request;
		}
		if (round % 100 == 0)
			assert_int_equal(owner_check(table, NULL), 0);
	}
	for (int i = 0; i < VFS; i++)
		assert_int_equal(owner_of(table, &igb, (uint16_t)i, NULL),
				 model[i].tenant < 0 ? -ENOENT : 0);
}

static void a_vm_leads_to_its_pf(void **state)
{
	struct owner_table *owners;
	struct bdf found;

	assert_int_equal(owner_new(&owners), 0);
	for (uint8_t i = 0; i < 20; i++) {
		const struct bdf one = { 0, i, 0, 0 };
		char uuid[UUID_TEXT];

		snprintf(uuid, sizeof(uuid), "c7a5fdbd-edaf-9455-926a-%012x", i);
		assert_int_equal(owner_set_pf(owners, &one, 1, NULL), 0);
		owner_set_vm(owners, &one, uuid);
	}
	assert_int_equal(owner_pf_of_vm(owners, "c7a5fdbd-edaf-9455-926a-00000000000d", &found), 0);
	assert_int_equal(found.bus, 13);
	assert_int_equal(owner_pf_of_vm(owners, "c7a5fdbd-edaf-9455-926a-000000000014", &found),
			 -ENOENT);
	owner_free(owners);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_vf_has_one_owner),
		T(a_request_has_one_vf),
		T(any_is_the_first_free_one_and_stays),
		T(a_domain_s_claims_are_listed),
		T(a_pf_doesnt_shrink_under_its_owners),
		T(the_books_agree_with_a_plain_model),
		cmocka_unit_test(a_vm_leads_to_its_pf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
