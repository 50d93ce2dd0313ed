// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nine tenants want one of seven VFs each, whichever: defined, started, stopped and
 * undefined all at once, with commands in between. Seven have one, each its own; two
 * are told why they have none until one is free. Two of the seven run and are served,
 * as many as the lab host has CPUs for; the others' QEMUs are there, with their VFs
 * open, and their CPUs stopped.
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
#include "tests/lab/harness/wire.h"

static struct lab lab;
static struct bench bench;
static char *pf;
static struct crowd crowd = {
	.lab = &lab, .tenants = 9, .limit_s = 180, .words = "all of its 7 VFs are taken"
};

static int setup(void **state)
{
	static const char *const pfs[] = { "igb", NULL };

	bench = bench_open();
	return lab_up(&lab,
		      &(struct lab_options){ .kernel = "pfkeep", .pfs = pfs, .ram_gib = "6" });
}

static int teardown(void **state)
{
	int ret = bench_save(&bench, "parallel_tenants");

	free(pf);
	return lab_down(&lab) || ret ? -1 : 0;
}

/*
 * Each page of theirs is pinned, which takes long under an emulator: those that won't run are
 * small.
 */
static void seven_of_nine_get_a_vf(void **state)
{
	const struct tenant idle = { .name = "idle", .append = "" };

	pf = pfkeep_adopted(&lab);
	snprintf(crowd.vars, sizeof(crowd.vars), "pf=%s", pf);
	tenant_define(&lab, &idle);
	crowd_write(&crowd, 1, crowd.tenants, pf, "s/>256</>48</");
	free(crowd_run(&crowd, 240, "each define; failures; wanted 7"));
	pfkeep_assert_owners(&lab, pf);
}

/* What they were defined with isn't in question while they come and go. */
static void they_start_and_stop_at_once(void **state)
{
	crowd_cycle(&crowd, &bench, 3,
		    "commands() {\n"
		    "  timed set pfkeep vf set $pf/$(($1 % 7)) --rate $(($1 % 50 + 50))\n"
		    "  refused 'belongs to' pfkeep vf assign $pf/$(($1 % 7)) idle\n"
		    "  refused 'tenants have' pfkeep pf set-vfs $pf 3; }",
		    "commands unchanged");
	pfkeep_assert_owners(&lab, pf);
}

/* One that has a VF gets memory to run in, boots, and answers. */
static struct wire_flow serve(const char *name, char ret_ip[16], unsigned int id)
{
	const struct tenant tenant = { .name = name };
	struct wire_flow flow = { .id = id, .ip = ret_ip, .rate = 20, .size = 64 };

	snprintf(ret_ip, 16, "10.77.0.%lu", 10 + strtoul(name + 1, NULL, 10));
	free(tenant_wait(&lab, &tenant, 180, TENANT_SERVES));
	wire_start(&lab, &flow);
	return flow;
}

/* The others start around them. */
static void those_that_run_are_served(void **state)
{
	struct wire_flow flows[2];
	char *text = crowd_run(&crowd, 60,
			       "set -- $(owners | grep -o 't[0-9]*$'); echo FIRST $1\n"
			       "echo SECOND $2");
	char *names[2] = { lab_field(text, "FIRST "), lab_field(text, "SECOND ") };
	char ip[2][16];

	free(text);
	for (int i = 0; i < 2; i++) {
		struct tenant t = { .name = names[i] };

		free(lab_run(
			&lab, 60,
			"virsh -q setmaxmem %s 256M --config; virsh -q setmem %s 256M --config",
			names[i], names[i]));
		tenant_boot(&lab, &t);
	}
	for (unsigned int i = 0; i < 2; i++)
		flows[i] = serve(names[i], ip[i], i + 1);
	free(crowd_run(
		&crowd, 300,
		"owners >owners\n"
		"once() { virsh -q domstate $1 | grep -q running && return\n"
		"  grep -q \" $1$\" owners || return 0\n"
		"  try virsh -q start --paused $1; }\n"
		"each once; failures; [ $(virsh -q list --name | grep -c '^t[0-9]*$') = 7 ]"));
	pfkeep_assert_owners(&lab, pf);
	for (int i = 0; i < 2; i++) {
		struct wire_report r = wire_finish(&lab, &flows[i]);

		wire_assert_whole(&r);
		wire_report_free(&r);
		free(names[i]);
	}
	free(crowd_run(&crowd, 120,
		       "off() { timeout 60 virsh -q destroy $1 || :; }\n"
		       "each off; [ -z \"$(virsh -q list --name | grep '^t[0-9]*$')\" ]"));
}

/* Whoever went away is followed by who waited, and starts. */
static void who_waited_gets_what_is_free(void **state)
{
	free(crowd_run(&crowd, 180,
		       "owners >owners; n=0; for t in $tenants; do\n"
		       "  grep -q \" $t$\" owners || continue\n"
		       "  [ $((n += 1)) -le 2 ] || break\n"
		       "  virsh -q undefine $t; done\n"
		       "starts() { virsh -q domstate $1 2>/dev/null || return 0\n"
		       "  try virsh -q start --paused $1; try virsh -q destroy $1; }\n"
		       "wanted 7; each starts; failures"));
	pfkeep_assert_owners(&lab, pf);
}

/* Defined, started as soon as may be, taken away: VFs go from hand to hand. */
static void they_come_and_go_at_once(void **state)
{
	char *text = crowd_run(
		&crowd, 560,
		"comes() { virsh -q undefine $1 2>/dev/null || :; for round in 1 2 3; do\n"
		"  define $1\n"
		"  for again in 1 2 3 4 5; do\n"
		"    if out=$(timeout $limit virsh -q start --paused $1 2>&1); then echo started\n"
		"      try virsh -q destroy $1; break; fi\n"
		"    case $out in\n"
		"    *'VFs are taken'*) echo refused; break;;\n"
		"    *'in its definition yet'*) listen;;\n"
		"    *) echo \"FAIL $out\"; break;; esac; done\n"
		"  undefine $1\n"
		"done; }\n"
		"each comes; failures\n"
		"[ $(count started) -gt 0 ]; echo $(count started) started, $(count refused) "
		"refused");

	printf("# %s", text);
	free(text);
	crowd_assert_gone(&crowd);
	pfkeep_assert_owners(&lab, pf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seven_of_nine_get_a_vf),
		cmocka_unit_test(they_start_and_stop_at_once),
		cmocka_unit_test(those_that_run_are_served),
		cmocka_unit_test(who_waited_gets_what_is_free),
		cmocka_unit_test(they_come_and_go_at_once),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
