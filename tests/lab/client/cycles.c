// SPDX-License-Identifier: GPL-2.0-only
/* VFs made and removed again and again: nothing may be left of them. */
#include <stdio.h>
#include <string.h>

#include "tests/lab/client/census.h"
#include "tests/lab/client/client.h"

/* Caches fill in the first cycles; after that memory has no reason to grow. */
#define WARM_UP	 2
#define QUARTERS 4
/* Below this the noise of the allocator is louder than an object a cycle. */
#define ROUNDS_FOR_GROWTH 25
/* So that one who watches sees it move. */
#define NOTE_EVERY 10

static void cycle(const struct context *c, struct pf *pf)
{
	client_enable(c, pf, pf->info.total_vfs);
	client_set_ctrl(pf, 0);
	REQUIRE(client_num_vfs(c) == 0, "VFs stay");
}

/* The names that a VF gets: a number that isn't given back makes the next one higher. */
static void names_of_first_vf(const struct context *c, struct pf *pf, char *group, size_t size)
{
	char bdf[BDF_LEN];

	client_enable(c, pf, 1);
	client_vf_bdf(c, 0, bdf);
	REQUIRE(!sysfs_link_name(bdf, "iommu_group", group, size), "no group");
	client_set_ctrl(pf, 0);
}

static void compare(struct census *takes, unsigned int quarters, unsigned int rounds)
{
	CHECK(census_same_entries(&takes[0], &takes[quarters]), "something is left of the VFs");
	if (rounds >= ROUNDS_FOR_GROWTH)
		CHECK(census_no_growth(takes, quarters + 1, rounds), "memory leaks");
	else
		tap_note("%u cycles are too few to compare memory", rounds * quarters);
	tap_note("kernel memory: %lu KiB, then %lu", takes[0].kernel_kib,
		 takes[quarters].kernel_kib);
}

static void many_cycles_leave_nothing_behind(const struct context *c)
{
	static struct census takes[QUARTERS + 1];
	unsigned int quarters = c->cycles < QUARTERS ? 1 : QUARTERS;
	unsigned int rounds = (c->cycles + quarters - 1) / quarters;
	char before[32], after[32];
	struct pf pf;

	client_fresh(c);
	client_open_pf(c, &pf);
	for (unsigned int i = 0; i < WARM_UP && rounds >= ROUNDS_FOR_GROWTH; i++)
		cycle(c, &pf);
	names_of_first_vf(c, &pf, before, sizeof(before));
	census_take(&takes[0]);
	for (unsigned int q = 1; q <= quarters; q++) {
		for (unsigned int i = 1; i <= rounds; i++) {
			cycle(c, &pf);
			if (i % NOTE_EVERY == 0)
				tap_note("cycle %u of %u", (q - 1) * rounds + i, quarters * rounds);
		}
		census_take(&takes[q]);
	}
	compare(takes, quarters, rounds);
	names_of_first_vf(c, &pf, after, sizeof(after));
	CHECK(!strcmp(before, after), "the first VF was in group %s, now %s", before, after);
	device_close(&pf.dev);
	tap_note("%u cycles of %u VFs", quarters * rounds, pf.info.total_vfs);
}

const struct client_case cycle_cases[] = {
	{ "many cycles leave nothing behind", many_cycles_leave_nothing_behind, OF_PF },
	{ 0 },
};
