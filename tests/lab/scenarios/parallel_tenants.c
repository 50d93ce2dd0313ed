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
#include "tests/lab/harness/lab.h"
#include "tests/lab/harness/pf.h"
#include "tests/lab/harness/pfkeep.h"
#include "tests/lab/harness/tenant.h"
#include "tests/lab/harness/wire.h"

#define TENANTS 9
#define DIR	"/run/pfkeep-lab/parallel"
#define NAMES	"a b c d e f g h i"

static struct lab lab;
static struct bench bench;
static char *pf;

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
 * each FUNCTION: runs it for all tenants side by side; what one says goes into a file of
 * its own. refused WORDS COMMAND: it fails, and says so. wanted N: until so many VFs
 * have owners, which is told by libvirt's events of definitions.
 */
static const char functions[] =
	"mkdir -p " DIR "; cd " DIR "; pf=%s\n"
	"each() { rm -f ?.out; pids=; for t in " NAMES "; do\n"
	"  ( set +e; $1 $t ) >$t.out 2>&1 & pids=\"$pids $!\"; done; wait $pids || :; }\n"
	"refused() { words=$1; shift; if out=$(timeout 120 \"$@\" 2>&1); then\n"
	"  echo \"FAIL: done: $*\"; else\n"
	"  case $out in *\"$words\"*) :;; *) echo \"FAIL: $*: $out\";; esac; fi; }\n"
	"owned() { pfkeep vf list --pf $pf | grep -c ' [a-i]$' || :; }\n"
	"wanted() { for i in $(seq 60); do [ $(owned) != $1 ] || return 0\n"
	"  virsh -q event --event lifecycle --timeout 1 >/dev/null 2>&1 || :; done\n"
	"  pfkeep vf list >&2; journalctl -b -u pfkeepd --no-pager -n 50 >&2; exit 1; }\n"
	"failures() { if grep -h FAIL ?.out >&2; then exit 1; fi; }\n";

static char *in_parallel(unsigned int timeout_s, const char *script)
{
	char *head, *output;

	if (asprintf(&head, functions, pf) < 0)
		fail_msg("no memory");
	output = lab_run(&lab, timeout_s, "%s%s", head, script);
	free(head);
	return output;
}

/*
 * All are defined once, for their XML; then they are there at once. Each page of theirs is
 * pinned, which takes long under an emulator: those that won't run are small.
 */
static void seven_of_nine_get_a_vf(void **state)
{
	const struct tenant idle = { .name = "idle", .append = "" };
	char metadata[128], append[64], name[2] = "a";

	pf = pfkeep_adopted(&lab);
	tenant_define(&lab, &idle);
	snprintf(metadata, sizeof(metadata),
		 "<pfkeep:vf xmlns:pfkeep='urn:pfkeep:domain:1' pf='%s'/>", pf);
	for (int i = 0; i < TENANTS; i++, name[0]++) {
		struct tenant t = { .name = name, .append = append, .metadata = metadata };

		snprintf(append, sizeof(append), "lab.ip=10.77.0.%d/24", 11 + i);
		tenant_define(&lab, &t);
	}
	free(in_parallel(240, "undefine() { virsh -q undefine $1; }\n"
			      "define() { virsh -q define /run/pfkeep-lab/$1.xml || echo FAIL; }\n"
			      "sed -i 's/>256</>48</' /run/pfkeep-lab/[a-i].xml\n"
			      "each undefine; wanted 0; each define; failures; wanted 7"));
	pfkeep_assert_owners(&lab, pf);
}

/* What they were defined with isn't in question while they come and go. */
static void they_start_and_stop_at_once(void **state)
{
	char *text = in_parallel(
		560,
		"cycle() { for round in 1 2 3; do\n"
		"  began=$(date +%s%N)\n"
		"  if ! grep -q \" $1$\" owners; then\n"
		"    refused 'all of its 7 VFs are taken' virsh -q start --paused $1\n"
		"    echo refused\n"
		"    continue\n"
		"  fi\n"
		"  timeout 180 virsh -q start --paused $1 || echo FAIL $1\n"
		"  echo started $((($(date +%s%N) - began) / 1000000))\n"
		"  timeout 60 virsh -q destroy $1 || echo FAIL $1\n"
		"done; }\n"
		"commands() { n=0; while [ ! -e over ]; do n=$((n + 1))\n"
		"  timeout 60 pfkeep vf set $pf/$((n % 7)) --rate $((n % 50 + 50)) || echo FAIL\n"
		"  refused 'belongs to' pfkeep vf assign $pf/$((n % 7)) idle\n"
		"  refused 'tenants have' pfkeep pf set-vfs $pf 3\n"
		"  timeout 60 pfkeep vf list >now; timeout 60 pfkeep pf list >/dev/null\n"
		"  cmp -s now owners || { echo FAIL: owners changed; cat now; }\n"
		"done; echo $n rounds of commands; }\n"
		"rm -f over; pfkeep vf list >owners\n"
		"commands >commands 2>&1 & pid=$!\n"
		"each cycle; : >over; wait $pid\n"
		"cat commands >&2; failures; if grep FAIL commands >&2; then exit 1; fi\n"
		"[ $(cat ?.out | grep -c refused) = 6 ]\n"
		"[ $(cat ?.out | grep -c started) = 21 ]\n"
		"echo SLOWEST $(cat ?.out | sed -n 's/started //p' | sort -n | tail -n 1)");
	char *slowest = lab_field(text, "SLOWEST ");

	bench_row(&bench, "virsh start, 9 tenants at once: the slowest",
		  strtod(slowest, NULL) / 1000, "s");
	free(slowest);
	free(text);
	pfkeep_assert_owners(&lab, pf);
}

/* The others start around them. */
static void those_that_run_are_served(void **state)
{
	struct wire_flow flows[2];
	char *text = in_parallel(60, "set -- $(pfkeep vf list --pf $pf | grep -o '[a-i]$')\n"
				     "echo FIRST $1; echo SECOND $2");
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
	for (int i = 0; i < 2; i++) {
		struct tenant t = { .name = names[i] };

		free(tenant_wait(&lab, &t, 180, TENANT_SERVES));
		snprintf(ip[i], sizeof(ip[i]), "10.77.0.%d", 11 + names[i][0] - 'a');
		flows[i] = (struct wire_flow){
			.id = (unsigned int)i + 1, .ip = ip[i], .rate = 20, .size = 64
		};
		wire_start(&lab, &flows[i]);
	}
	free(in_parallel(
		300, "pfkeep vf list >owners\n"
		     "once() { virsh -q domstate $1 | grep -q running && return\n"
		     "  grep -q \" $1$\" owners || return 0\n"
		     "  timeout 180 virsh -q start --paused $1 || echo FAIL $1; }\n"
		     "each once; failures; [ $(virsh -q list --name | grep -c '^[a-i]$') = 7 ]"));
	pfkeep_assert_owners(&lab, pf);
	for (int i = 0; i < 2; i++) {
		struct wire_report r = wire_finish(&lab, &flows[i]);

		wire_assert_whole(&r);
		wire_report_free(&r);
		free(names[i]);
	}
	free(in_parallel(120, "off() { timeout 60 virsh -q destroy $1 || :; }\n"
			      "each off; [ -z \"$(virsh -q list --name | grep '^[a-i]$')\" ]"));
}

/* Whoever went away is followed by who waited, and starts. */
static void who_waited_gets_what_is_free(void **state)
{
	free(in_parallel(180, "pfkeep vf list >owners; n=0\n"
			      "for t in " NAMES "; do\n"
			      "  grep -q \" $t$\" owners || continue\n"
			      "  [ $((n += 1)) -le 2 ] || break\n"
			      "  virsh -q undefine $t; done\n"
			      "starts() { virsh -q domstate $1 2>/dev/null || return 0\n"
			      "  timeout 120 virsh -q start --paused $1 || echo FAIL $1\n"
			      "  timeout 60 virsh -q destroy $1 || echo FAIL $1; }\n"
			      "wanted 7; each starts; failures"));
	pfkeep_assert_owners(&lab, pf);
}

/* Defined, started as soon as may be, taken away: VFs go from hand to hand. */
static void they_come_and_go_at_once(void **state)
{
	char *text = in_parallel(
		560,
		"comes() { virsh -q undefine $1 2>/dev/null || :; for round in 1 2 3; do\n"
		"  virsh -q define /run/pfkeep-lab/$1.xml || echo FAIL $1\n"
		"  for try in 1 2 3 4 5; do\n"
		"    if out=$(timeout 180 virsh -q start --paused $1 2>&1); then echo started\n"
		"      timeout 60 virsh -q destroy $1 || echo FAIL $1; break; fi\n"
		"    case $out in\n"
		"    *'VFs are taken'*) echo refused; break;;\n"
		"    *'in its definition yet'*) virsh -q event --event lifecycle --timeout 1 || "
		":;;\n"
		"    *) echo \"FAIL $out\"; break;; esac; done\n"
		"  virsh -q undefine $1 || echo FAIL $1\n"
		"done; }\n"
		"each comes; failures\n"
		"[ $(cat ?.out | grep -c started) -gt 0 ]\n"
		"echo $(cat ?.out | grep -c started) started, $(cat ?.out | grep -c refused) "
		"refused\n"
		"wanted 0\n"
		"if ls /run/pfkeep/tokens | grep qemu >&2; then exit 1; fi\n"
		"if dmesg | grep -E 'BUG|WARNING|Oops|INFO: task' >&2; then exit 1; fi");

	printf("# %s", text);
	free(text);
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
