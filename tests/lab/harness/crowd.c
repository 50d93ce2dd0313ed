// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/harness/crowd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lab/harness/sriov.h"
#include "tests/lab/lib/consoles.h"
#include "tests/lab/lib/guest_xml.h"

#define DIR "/run/pfkeep-lab/crowd"

/*
 * try COMMAND: it is done within $limit, or FAIL and why is said. timed WHAT COMMAND: and how
 * many ms it took. refused WORDS COMMAND: it fails, and says so. each FUNCTION: runs it for all
 * tenants side by side; what one says goes into a file of its own. failures: ends the script if
 * one has said FAIL. owned, wanted N: how many have a VF; until so many have, which is told by
 * libvirt's events of definitions. strange_tokens: those that aren't a PF VM's.
 */
static const char functions[] =
	"try() { out=$(timeout -k 10 $limit \"$@\" 2>&1) || echo \"FAIL: $*: $out\"; }\n"
	"timed() { what=$1 began=$(date +%s%N); shift; try \"$@\"\n"
	"  echo $what $((($(date +%s%N) - began) / 1000000)); }\n"
	"refused() { said=$1; shift; if out=$(timeout -k 10 $limit \"$@\" 2>&1); then\n"
	"  echo \"FAIL: done: $*\"; else\n"
	"  case $out in *\"$said\"*) :;; *) echo \"FAIL: $*: $out\";; esac; fi; }\n"
	"each() { rm -f *.out; pids=; for t in $tenants; do\n"
	"  ( set +e; $1 $t ) >$t.out 2>&1 & pids=\"$pids $!\"; done; wait $pids || :; }\n"
	"failures() { if grep FAIL *.out $@ >&2; then exit 1; fi; }\n"
	"define() { try virsh -q define $1.xml; }\n"
	"undefine() { try virsh -q undefine $1; }\n"
	"listen() { virsh -q event --event lifecycle --timeout 1 >/dev/null 2>&1 || :; }\n"
	"owners() { pfkeep vf list | grep ' t[0-9]*$' || :; }\n"
	"owned() { owners | wc -l; }\n"
	"wanted() { end=$(($(date +%s) + limit)); until [ $(owned) = $1 ]; do listen\n"
	"  [ $(date +%s) -lt $end ] || { pfkeep vf list >&2\n"
	"    journalctl -b -u pfkeepd --no-pager -n 50 >&2; exit 1; }; done; }\n"
	"strange_tokens() { vms=$(virsh -q list --name | grep ^pfkeep-)\n"
	"  ls /run/pfkeep/tokens |\n"
	"  grep -vxF \"$(for vm in $vms; do virsh -q domuuid $vm; done)\"; }\n";

/*
 * cycle: what a tenant does in crowd_cycle(). beside FUNCTION...: each of them does, while those
 * are done again and again, which are given the number of the round. unchanged: whose VFs are
 * whose, as before; how far the tenants are goes to whoever watches. count WHAT: of all that was
 * said.
 */
static const char cycle_functions[] =
	"cycle() { for round in $(seq $rounds); do\n"
	"  if ! grep -q \" $1$\" owners; then\n"
	"    refused \"$words\" virsh -q start --paused $1; echo refused; continue; fi\n"
	"  timed started virsh -q start --paused $1; timed stopped virsh -q destroy $1\n"
	"done; }\n"
	"again() { n=0; while [ ! -e over ]; do $1 $n; n=$((n + 1)); done\n"
	"  echo $1: $n rounds >&3; }\n"
	"count() { cat *.out 2>/dev/null | grep -c \"^$1\" || :; }\n"
	"unchanged() { timed listed sh -c 'pfkeep vf list >now'; try pfkeep pf list\n"
	"  grep ' t[0-9]*$' now | cmp -s - owners || { echo FAIL: other owners; cat now; }\n"
	"  echo $(count started) starts, $(count stopped) stops >&3; }\n"
	"beside() { exec 3>&1; rm -f over *.loop *.out; owners >owners; loops=\n"
	"  for f; do ( set +e; again $f ) >$f.loop 2>&1 & loops=\"$loops $!\"; done\n"
	"  each cycle; : >over; wait $loops || :; failures *.loop; }\n"
	"slowest() { for what in started stopped set listed; do\n"
	"  echo SLOWEST $what $(sed -n \"s/^$what //p\" *.out *.loop | sort -n | tail -n 1)\n"
	"done; }\n";

static char *with_functions(const struct crowd *crowd, const char *script)
{
	char *text;

	if (asprintf(&text,
		     "mkdir -p " DIR "; cd " DIR "; limit=%u tenants=$(seq -f t%%g %u)\n"
		     "words='%s' %s\n%s%s%s",
		     crowd->limit_s, crowd->tenants, crowd->words, crowd->vars, functions,
		     cycle_functions, script) < 0)
		fail_msg("no memory");
	return text;
}

char *crowd_run(const struct crowd *crowd, unsigned int timeout_s, const char *script)
{
	char *text = with_functions(crowd, script);
	char *output = lab_run(crowd->lab, timeout_s, "%s", text);

	free(text);
	return output;
}

void crowd_write(const struct crowd *crowd, unsigned int first, unsigned int last, const char *pf,
		 const char *change)
{
	char metadata[128], xml[GUEST_XML_MAX], *script;
	const struct guest_xml guest = { .name = "@NAME@",
					 .append = "lab.ip=10.77.0.@HOST@/24",
					 .metadata = metadata };

	snprintf(metadata, sizeof(metadata),
		 "<pfkeep:vf xmlns:pfkeep='urn:pfkeep:domain:1' pf='%s'/>", pf);
	assert_int_equal(guest_xml(&guest, xml), 0);
	if (asprintf(&script,
		     "cat >template <<'XML'\n%s\nXML\n"
		     "mkdir -p " CONSOLES_DIR "; for n in $(seq %u %u); do\n"
		     ": >" CONSOLES_DIR "/t$n.log\n"
		     "sed \"%s; s/@NAME@/t$n/g; s/@HOST@/$((10 + n))/\" template >t$n.xml; done",
		     xml, first, last, change) < 0)
		fail_msg("no memory");
	free(crowd_run(crowd, 60, script));
	free(script);
}

static void add_slowest(const struct crowd *crowd, struct bench *bench)
{
	static const char *const figures[][2] = { { "SLOWEST started ", "virsh start" },
						  { "SLOWEST stopped ", "virsh destroy" },
						  { "SLOWEST set ", "pfkeep vf set" },
						  { "SLOWEST listed ", "pfkeep vf list" } };
	char *text = crowd_run(crowd, 60, "slowest"), name[80];

	for (int i = 0; i < 4; i++) {
		char *ms = lab_field(text, figures[i][0]);
		double seconds = strtod(ms, NULL) / 1000;

		snprintf(name, sizeof(name), "%s, %u tenants at once: the slowest", figures[i][1],
			 crowd->tenants);
		printf("# %s: %.1f s\n", name, seconds);
		bench_row(bench, name, seconds, "s");
		free(ms);
	}
	free(text);
}

void crowd_cycle(const struct crowd *crowd, struct bench *bench, unsigned int rounds,
		 const char *commands, const char *names)
{
	/* A tenant's commands one by one; then the last of the others' rounds. */
	unsigned int timeout_s = (2 * rounds + 4) * crowd->limit_s;
	char *script, *text;
	int status;

	if (asprintf(&script,
		     "rounds=%u\n%s\nbeside %s\nn=$(wc -l <owners)\n"
		     "[ $(count started) = $((n * rounds)) ]\n"
		     "[ $(count stopped) = $((n * rounds)) ]\n"
		     "[ $(count refused) = $((($(echo $tenants | wc -w) - n) * rounds)) ]",
		     rounds, commands, names) < 0)
		fail_msg("no memory");
	text = with_functions(crowd, script);
	status = lab_show(crowd->lab, timeout_s, "%s", text);
	free(text);
	free(script);
	if (status) {
		lab_explain_guests(crowd->lab);
		fail_msg("starts and stops at once: status %d", status);
	}
	add_slowest(crowd, bench);
}

void crowd_assert_gone(const struct crowd *crowd)
{
	free(crowd_run(crowd, 2 * crowd->limit_s,
		       "wanted 0; for i in $(seq 60); do strange_tokens >/dev/null || exit 0\n"
		       "listen; done; strange_tokens >&2; exit 1"));
	sriov_kernel_has_no_complaint(crowd->lab);
}
