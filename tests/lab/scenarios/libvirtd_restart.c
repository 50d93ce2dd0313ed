// SPDX-License-Identifier: GPL-2.0-only
/*
 * libvirtd restarts, dies, and is away, while a PF VM and a tenant with a VF run and
 * another tenant starts: frames go on, QEMUs stay, who has which VF stays, no token
 * is left lying about, and pfkeep obeys again afterwards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lab/harness/lab.h"
#include "tests/lab/harness/pf.h"
#include "tests/lab/harness/pfkeep.h"
#include "tests/lab/harness/tenant.h"
#include "tests/lab/harness/wire.h"

#define RED_MAC	  "02:70:66:00:00:01"
#define GREEN_MAC "02:70:66:00:00:03"
#define RUN	  "/run/pfkeep-lab"
#define HOOKS	  "/etc/libvirt/hooks/qemu.d"

static struct lab lab;
static char *pf, *before;

static struct tenant red = { .name = "red", .append = "lab.ip=10.77.0.11/24 lab.mac=" RED_MAC };
static struct tenant green = { .name = "green", .append = "lab.mac=" GREEN_MAC };
static const struct wire_flow flow = { .id = 1, .ip = "10.77.0.11", .rate = 50, .size = 64 };

static int setup(void **state)
{
	static const char *const pfs[] = { "igb", NULL };

	return lab_up(&lab, &(struct lab_options){ .kernel = "pfkeep", .pfs = pfs });
}

static int teardown(void **state)
{
	free(pf);
	free(before);
	return lab_down(&lab);
}

/* What must not change: who has which VF, and the QEMUs of who runs all the time. */
static char *look(void)
{
	return lab_run(&lab, 60,
		       "pfkeep vf list --pf %s\n"
		       "cd /run/libvirt/qemu\n"
		       "for dom in pfkeep-*.pid red.pid; do echo $dom $(cat $dom) "
		       "$(cut -d' ' -f22 /proc/$(cat $dom)/stat) $(virsh domstate ${dom%%.pid}); "
		       "done",
		       pf);
}

/* A VF's settings go by libvirt to the PF VM's agent; the PF's records are written. */
static void assert_all_is_well(void)
{
	static unsigned int rate;
	char *now;

	free(lab_run(&lab, 120, "pfkeep vf set %s/1 --rate %u", pf, rate += 10));
	now = look();
	assert_string_equal(now, before);
	free(now);
	pfkeep_assert_owners(&lab, pf);
	/* Whose QEMU runs, or whose start came to nothing, needs its token no more. */
	free(lab_run(&lab, 60,
		     "timeout 40 sh -c 'while ls /run/pfkeep/tokens | grep qemu >&2; do "
		     "virsh -q event --event lifecycle --timeout 1 >/dev/null 2>&1 || :; done'"));
}

static void flow_is_whole(void)
{
	struct wire_report r = wire_finish(&lab, &flow);

	wire_assert_whole(&r);
	wire_report_free(&r);
}

static void a_tenant_is_served(void **state)
{
	pf = pfkeep_adopted(&lab);
	pfkeep_define(&lab, &green, pf, 3, GREEN_MAC);
	pfkeep_wait_vf(&lab, &green);
	pfkeep_serve(&lab, &red, pf, 1, RED_MAC);
	before = look();
	printf("# %s", before);
	assert_all_is_well();
}

static void it_restarts(void **state)
{
	wire_start(&lab, &flow);
	free(lab_run(&lab, 120, "systemctl restart libvirtd; virsh -q list >&2"));
	assert_all_is_well();
	flow_is_whole();
}

/* systemd starts it again; until then its socket lets who asks wait. */
#define KILL                                                           \
	"pid=$(systemctl show -P MainPID libvirtd); kill -KILL $pid\n" \
	"timeout 60 tail --pid=$pid -f /dev/null\n"                    \
	"timeout 60 virsh -q list >&2\n"

static void it_is_killed(void **state)
{
	wire_start(&lab, &flow);
	for (int i = 0; i < 3; i++) {
		free(lab_run(&lab, 120, KILL));
		assert_all_is_well();
	}
	flow_is_whole();
}

static void while_it_is_away_pfkeep_says_so(void **state)
{
	wire_start(&lab, &flow);
	free(lab_run(&lab, 60, "systemctl stop 'libvirtd*.socket' libvirtd"));
	free(pfkeep_fails(&lab, 60, 1, "libvirt", "vf set %s/1 --vlan 5", pf));
	/* What the host itself knows. */
	free(lab_run(&lab, 60, "pfkeep vf list --pf %s | grep -q ' red$'", pf));
	free(lab_run(&lab, 60, "systemctl start libvirtd.socket libvirtd-ro.socket libvirtd"));
	assert_all_is_well();
	flow_is_whole();
}

/*
 * A moment of green's start, and a hook that waits there, before pfkeep's or behind it:
 * it is libvirtd's child and outlives it, as systemd kills the main process alone.
 */
struct moment {
	const char *name, *hook, *state; /* of green, when libvirtd is there again */
};

static void set_gate(const struct moment *moment)
{
	free(lab_run(&lab, 30,
		     "cd " RUN "; rm -f reached go; mkfifo reached go\n"
		     "cat >" HOOKS "/%s <<'GATE'\n"
		     "#!/bin/sh\n"
		     "cat >/dev/null\n"
		     "[ \"$1 $2 $3\" = 'green %s' ] || exit 0\n"
		     "echo >" RUN "/reached\n"
		     "read -r go <" RUN "/go\n"
		     "GATE\n"
		     "chmod +x " HOOKS "/%s",
		     moment->hook, moment->name, moment->hook));
}

/* libvirtd is killed there; the hook that is left then goes on. */
static void kill_at(const struct moment *moment)
{
	char *state, *qemus, *text;

	set_gate(moment);
	text = lab_run(&lab, 240,
		       "cd " RUN "\n"
		       "systemd-run -q --unit=start-green --no-block virsh -q start green\n"
		       "timeout 90 cat reached >&2 || { virsh list --all >&2; exit 1; }\n"
		       "rm " HOOKS "/%s\n" KILL "timeout 60 sh -c 'echo >go'\n"
		       "systemctl stop start-green 2>/dev/null || :\n"
		       "systemctl reset-failed start-green 2>/dev/null || :\n"
		       "echo STATE $(virsh domstate green)\n"
		       "echo QEMUS $(pgrep -fc '[g]uest=green,' || :)",
		       moment->hook);
	state = lab_field(text, "STATE ");
	qemus = lab_field(text, "QEMUS ");
	printf("# killed at %s: green is %s\n", moment->name, state);
	assert_string_equal(state, moment->state);
	assert_string_equal(qemus, strcmp(state, "running") ? "0" : "1");
	free(qemus);
	free(state);
	free(text);
}

static void starts_and_stops(void)
{
	free(lab_run(&lab, 120, "virsh -q start --paused green >&2"));
	assert_all_is_well();
	tenant_destroy(&lab, &green);
}

/* It is off, and what it was given for the start is taken away. */
static void it_is_killed_before_a_tenant_is_there(void **state)
{
	static const struct moment moments[] = {
		{ "prepare begin", "00-gate", "shut off" },
		{ "prepare begin", "zz-gate", "shut off" },
		{ "start begin", "zz-gate", "shut off" },
	};

	wire_start(&lab, &flow);
	for (int i = 0; i < 3; i++) {
		kill_at(&moments[i]);
		assert_all_is_well();
		starts_and_stops();
	}
	flow_is_whole();
}

/* It runs already, and pfkeep was not told. */
static void it_is_killed_when_a_tenant_has_just_started(void **state)
{
	static const struct moment moment = { "started begin", "00-gate", "running" };

	wire_start(&lab, &flow);
	kill_at(&moment);
	assert_all_is_well();
	free(tenant_wait(&lab, &green, 120, "LAB-READY "));
	flow_is_whole();
	tenant_destroy(&lab, &green);
	starts_and_stops();
	assert_all_is_well();
}

static void tenants_go(void **state)
{
	tenant_destroy(&lab, &red);
	tenant_undefine(&lab, &red);
	tenant_undefine(&lab, &green);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tenant_is_served),
		cmocka_unit_test(it_restarts),
		cmocka_unit_test(it_is_killed),
		cmocka_unit_test(while_it_is_away_pfkeep_says_so),
		cmocka_unit_test(it_is_killed_before_a_tenant_is_there),
		cmocka_unit_test(it_is_killed_when_a_tenant_has_just_started),
		cmocka_unit_test(tenants_go),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
