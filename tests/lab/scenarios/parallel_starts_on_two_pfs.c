// SPDX-License-Identifier: GPL-2.0-only
/*
 * An igb and an nvme PF in VMs of theirs, and 32 tenants with a VF of one or the other: all of
 * them start and stop twice, side by side, 64 starts and 64 stops, while four more want a VF of
 * igb and are told why they have none, another domain comes and goes as fast as virsh can, and
 * the command line lists, sets and assigns. Nothing waits for ever, each VF has one owner all
 * the time, and what each waits at most is measured. The tenants have no system: what starts is
 * their QEMU, with the VF open.
 *
 *	PARALLEL_ROUNDS=N   how often each starts and stops (default 2)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lab/harness/bench.h"
#include "tests/lab/harness/crowd.h"
#include "tests/lab/harness/lab.h"
#include "tests/lab/harness/pfkeep.h"
#include "tests/lab/harness/tenant.h"
#include "tests/lab/harness/vfio.h"

#define IGB_VFS	     7
#define IGB_TENANTS  11
#define NVME_VFS     32
#define NVME_TENANTS 25 /* the other VFs go from hand to hand */

/* Nothing to boot, and little for QEMU to make. */
#define TINY                                                                \
	"s/>256</>16</; s,<kernel>.*</cmdline>,,; s,<serial.*</serial>,,; " \
	"s,<channel.*</channel>,,"

static struct lab lab;
static struct bench bench;
static char *igb, *nvme;
static struct crowd crowd = { .lab = &lab,
			      .tenants = IGB_TENANTS + NVME_TENANTS,
			      .limit_s = 300,
			      .words = "all of its 7 VFs are taken" };

static int setup(void **state)
{
	static const char *const pfs[] = { "igb", "nvme", NULL };

	bench = bench_open();
	return lab_up(&lab,
		      &(struct lab_options){ .kernel = "pfkeep", .pfs = pfs, .ram_gib = "8" });
}

static int teardown(void **state)
{
	int ret = bench_save(&bench, "parallel_starts_on_two_pfs");

	free(igb);
	free(nvme);
	return lab_down(&lab) || ret ? -1 : 0;
}

static void two_pfs_are_adopted(void **state)
{
	pfkeep_install(&lab);
	igb = pfkeep_adopt(&lab, PF_IGB, "");
	nvme = pfkeep_adopt(&lab, PF_NVME, "");
	snprintf(crowd.vars, sizeof(crowd.vars), "igb=%s nvme=%s", igb, nvme);
	assert_int_equal(vfio_num_vfs(&lab, igb), IGB_VFS);
	assert_int_equal(vfio_num_vfs(&lab, nvme), NVME_VFS);
}

/* idle is who is given VFs by hand, churn who comes and goes: always the same domain. */
static void those_for_whom_there_is_a_vf_have_one(void **state)
{
	tenant_define(&lab, &(struct tenant){ .name = "idle", .append = "" });
	crowd_write(&crowd, 1, IGB_TENANTS, igb, TINY);
	crowd_write(&crowd, IGB_TENANTS + 1, crowd.tenants, nvme, TINY);
	free(crowd_run(&crowd, 900,
		       "sed 's,<name>.*</name>,<name>churn</name>"
		       "<uuid>5f0c3a2e-8d61-4b7a-9c54-1e2d3f405162</uuid>,' t36.xml >churn.xml\n"
		       "each define; failures; wanted 32"));
	pfkeep_assert_owners(&lab, NULL);
}

/* A disk's VFs have no MAC, VLAN, rate. */
static const char commands[] =
	"settings() {\n"
	"  timed set pfkeep vf set $igb/$(($1 % 7)) --rate $(($1 % 50 + 50))\n"
	"  refused 'have no such settings' pfkeep vf set $nvme/$(($1 % 32)) --rate 50; }\n"
	"assignments() {\n"
	"  refused 'belongs to' pfkeep vf assign $igb/$(($1 % 7)) idle\n"
	"  refused 'tenants have' pfkeep pf set-vfs $nvme 3\n"
	"  try pfkeep vf assign --pf $nvme idle\n"
	"  vf=$(pfkeep vf list --pf $nvme | sed -n 's/ .* idle$//p')\n"
	"  try pfkeep vf unassign \"$vf\"; }\n"
	"churn() { define churn; undefine churn; }\n";

static void they_start_and_stop_at_once(void **state)
{
	const char *text = getenv("PARALLEL_ROUNDS");
	unsigned int rounds = text ? (unsigned int)strtoul(text, NULL, 10) : 2;

	assert_non_null(nvme);
	crowd_cycle(&crowd, &bench, rounds, commands, "settings assignments churn unchanged");
}

/*
 * A domain that is undefined while it is given its VF is there again. When pfkeepd has done
 * something else after it was undefined, it stays away.
 */
static void who_came_and_went_can_be_sent_away(void **state)
{
	free(crowd_run(&crowd, 600,
		       "while :; do\n"
		       "  pfkeep vf set $igb/0 --rate 0\n"
		       "  if virsh -q undefine churn 2>/dev/null; then continue; fi\n"
		       "  pfkeep vf list | grep ' churn$' >&2 || break\n"
		       "  listen; done\n"
		       "[ $(owned) = 32 ]"));
	pfkeep_assert_owners(&lab, NULL);
}

static void nothing_is_left_over(void **state)
{
	free(crowd_run(&crowd, 900, "each undefine; failures; virsh -q undefine idle"));
	crowd_assert_gone(&crowd);
	pfkeep_assert_owners(&lab, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_pfs_are_adopted),
		cmocka_unit_test(those_for_whom_there_is_a_vf_have_one),
		cmocka_unit_test(they_start_and_stop_at_once),
		cmocka_unit_test(who_came_and_went_can_be_sent_away),
		cmocka_unit_test(nothing_is_left_over),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
