// SPDX-License-Identifier: GPL-2.0-only
/*
 * What becomes of a tenant besides start and stop. It is reset, its QEMU is killed, its guest
 * panics: its VF stays its own, as it was set, and serves it again; another tenant misses no
 * frame. `virsh managedsave` and `virsh save`: a VF's state can't be written into a file, so a
 * tenant with one, and a PF VM, are refused, hear nothing of it and run on. A tenant without is
 * saved and goes on where it was; asked for a VF meanwhile, it has it from its next boot.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lab/harness/domain.h"
#include "tests/lab/harness/lab.h"
#include "tests/lab/harness/pfkeep.h"
#include "tests/lab/harness/pfvm.h"
#include "tests/lab/harness/tenant.h"
#include "tests/lab/harness/wire.h"
#include "tests/lab/lib/consoles.h"

#define RED_MAC	  "02:70:66:00:00:01"
#define PLAIN_MAC "02:70:66:00:00:02"
#define BLUE_MAC  "02:70:66:00:00:03"
#define IMAGE	  "/run/pfkeep-lab/saved"
#define SERVES_S  180

static struct lab lab;
static char *pf;

static struct tenant red = { .name = "red", .append = "lab.ip=10.77.0.11/24 lab.mac=" RED_MAC };
static struct tenant blue = { .name = "blue", .append = "lab.ip=10.77.0.12/24 lab.mac=" BLUE_MAC };
static struct tenant plain = { .name = "plain", .append = "lab.mac=" PLAIN_MAC };

static int setup(void **state)
{
	static const char *const pfs[] = { "igb", NULL };

	return lab_up(&lab, &(struct lab_options){ .kernel = "pfkeep", .pfs = pfs });
}

static int teardown(void **state)
{
	free(pf);
	return lab_down(&lab);
}

static void tenants_run(void **state)
{
	pf = pfkeep_adopted(&lab);
	pfkeep_serve(&lab, &red, pf, 1, RED_MAC);
	pfkeep_serve(&lab, &blue, pf, 3, BLUE_MAC);
	free(lab_run(&lab, 60, "pfkeep vf set %s/1 --rate 300", pf));
}

static void finish_whole(const struct wire_flow *flow)
{
	struct wire_report r = wire_finish(&lab, flow);

	wire_assert_whole(&r);
	wire_report_free(&r);
}

static void flow_is_whole(void)
{
	const struct wire_flow flow = {
		.id = 2, .ip = "10.77.0.11", .rate = 50, .size = 64, .count = 50
	};

	wire_start(&lab, &flow);
	finish_whole(&flow);
	pfkeep_assert_owners(&lab, pf);
}

/* The same QEMU boots once more, and red answers again. */
static void wait_for_next_boot(void)
{
	free(lab_run(&lab, SERVES_S + 20,
		     "[ $(timeout %d tail -n +1 -F " CONSOLES_DIR "/red.log | "
		     "grep -a -m2 -c '" TENANT_SERVES "') = 2 ]",
		     SERVES_S));
}

static void a_tenant_that_is_reset_is_served_again(void **state)
{
	free(lab_run(&lab, 60, "virsh -q reset red >&2"));
	wait_for_next_boot();
	flow_is_whole();
}

/* Whose it is, and what the PF's driver has it set to. */
static void red_has_its_vf(void)
{
	char *name = pfkeep_pf_vm(&lab), *vf;

	free(lab_run(&lab, 60, "pfkeep vf list --pf %s | grep '^%s/1 .* red$'", pf, pf));
	vf = pfvm_run(&lab, &(struct pfvm){ .name = name },
		      "ip link show dev $(ls " PFVM_PF "/net) | grep 'vf 1 '");
	printf("# %s", vf);
	assert_non_null(strstr(vf, RED_MAC));
	assert_non_null(strstr(vf, " 300"));
	pfkeep_assert_owners(&lab, pf);
	free(vf);
	free(name);
}

/* While red is away and comes back. */
static struct wire_flow blue_s_flow(void)
{
	const struct wire_flow flow = { .id = 3, .ip = "10.77.0.12", .rate = 20, .size = 64 };

	wire_start(&lab, &flow);
	return flow;
}

/* libvirt finds out by itself. */
static void a_tenant_whose_qemu_is_killed_keeps_its_vf(void **state)
{
	struct wire_flow flow;

	red_has_its_vf();
	flow = blue_s_flow();
	free(lab_run(&lab, 120,
		     "kill -KILL $(cat /run/libvirt/qemu/red.pid)\n"
		     "timeout 90 sh -c 'until virsh domstate --reason red | grep -q crashed; do "
		     "virsh -q event --event lifecycle --timeout 1 >/dev/null 2>&1 || :; done'"));
	red_has_its_vf();
	tenant_boot(&lab, &red);
	free(tenant_wait(&lab, &red, SERVES_S, TENANT_SERVES));
	finish_whole(&flow);
	flow_is_whole();
	red_has_its_vf();
}

/* Who has which VF, and the QEMU of the domain, which must be the same. */
static char *look(const char *domain)
{
	return lab_run(&lab, 60,
		       "pfkeep vf list --pf %s; virsh domstate --reason %s\n"
		       "virsh dominfo %s | grep '^Managed save'\n"
		       "pid=$(cat /run/libvirt/qemu/%s.pid); cut -d' ' -f1,22 /proc/$pid/stat",
		       pf, domain, domain, domain);
}

/*
 * A kernel that panics resets its machine, as `panic=` says; libvirt would do what <on_crash>
 * says if it had a driver for a pvpanic device, which the lab's hasn't.
 */
static void a_tenant_that_panics_keeps_its_vf(void **state)
{
	char *before = look("red"), *after, *panic;
	struct wire_flow flow = blue_s_flow();

	panic = domain_command("red", "echo c >/proc/sysrq-trigger");
	free(lab_run(&lab, 60, "%s", panic));
	wait_for_next_boot();
	free(lab_run(&lab, 30, "grep -aq 'Kernel panic - not syncing' " CONSOLES_DIR "/red.log"));
	finish_whole(&flow);
	after = look("red");
	assert_string_equal(after, before);
	flow_is_whole();
	red_has_its_vf();
	free(panic);
	free(before);
	free(after);
}

/* The lab host has CPUs for so many. */
static void one_with_a_vf_goes_one_without_comes(void **state)
{
	tenant_destroy(&lab, &blue);
	tenant_undefine(&lab, &blue);
	tenant_define(&lab, &plain);
	tenant_boot(&lab, &plain);
	free(tenant_wait(&lab, &plain, 120, "LAB-READY "));
}

/* virsh's own line, and one that says why. */
static void refused(const char *command)
{
	char *output = NULL;
	int status = lab_try(&lab, 120, &output, "virsh -q %s", command);

	printf("# virsh %s: %s\n", command, output);
	if (!status || !strstr(output, "VFIO migration is not supported"))
		fail_msg("virsh %s: status %d: %s", command, status, output);
	free(output);
}

static void isnt_saved(const char *domain)
{
	const struct wire_flow flow = { .id = 1, .ip = "10.77.0.11", .rate = 50, .size = 64 };
	char *before = look(domain), *after, *command;

	wire_start(&lab, &flow);
	assert_true(asprintf(&command, "managedsave %s", domain) > 0);
	refused(command);
	free(command);
	assert_true(asprintf(&command, "save %s " IMAGE, domain) > 0);
	refused(command);
	free(command);
	after = look(domain);
	finish_whole(&flow);
	assert_string_equal(after, before);
	pfkeep_assert_owners(&lab, pf);
	free(before);
	free(after);
}

static void a_tenant_with_a_vf_is_not_saved_and_runs_on(void **state)
{
	isnt_saved("red");
}

/* It obeys as before. */
static void a_pf_vm_is_not_saved_and_serves_on(void **state)
{
	char *vm = pfkeep_pf_vm(&lab);

	isnt_saved(vm);
	free(lab_run(&lab, 60, "pfkeep vf set %s/1 --rate 100; pfkeep vf set %s/1 --rate 0", pf,
		     pf));
	free(vm);
}

/* A file of the guest's, in its memory: opened as mode says, or the script fails. */
static void open_mark(const char *mode)
{
	free(lab_run(&lab, 60,
		     "virsh -q qemu-agent-command --timeout 30 plain '{\"execute\":"
		     "\"guest-file-open\",\"arguments\":{\"path\":\"/run/mark\",\"mode\":\"%s\"}}' "
		     ">&2",
		     mode));
}

static void save_plain(void)
{
	free(lab_run(&lab, 120,
		     "virsh -q managedsave plain >&2\n"
		     "[ \"$(virsh domstate --reason plain)\" = 'shut off (saved)' ]\n"
		     "virsh dominfo plain | grep -q '^Managed save: *yes'"));
}

static void a_tenant_without_a_vf_is_saved_and_goes_on(void **state)
{
	open_mark("w");
	save_plain();
	tenant_boot(&lab, &plain);
	open_mark("r");
	free(lab_run(&lab, 60, "virsh dominfo plain | grep -q '^Managed save: *no'"));
}

/* libvirt starts it by the XML that was saved with it. */
static void a_saved_tenant_has_its_vf_from_its_next_boot(void **state)
{
	save_plain();
	free(lab_run(
		&lab, 60,
		"virsh -q metadata plain --config --uri urn:pfkeep:domain:1 --key pfkeep --set "
		"\"<vf pf='%s' index='2' mac='" PLAIN_MAC "'/>\" >&2",
		pf));
	pfkeep_wait_vf(&lab, &plain);
	tenant_boot(&lab, &plain);
	open_mark("r");
	free(lab_run(&lab, 60, "! virsh -q dumpxml plain | grep '<hostdev' >&2"));
	pfkeep_assert_owners(&lab, pf);
	tenant_destroy(&lab, &plain);
	tenant_boot(&lab, &plain);
	free(lab_run(&lab, 60, "virsh -q dumpxml plain | grep -q '<hostdev'"));
	free(tenant_wait(&lab, &plain, 120, "LAB-READY "));
	pfkeep_assert_owners(&lab, pf);
	isnt_saved("plain");
}

static void tenants_go(void **state)
{
	tenant_destroy(&lab, &plain);
	tenant_undefine(&lab, &plain);
	tenant_destroy(&lab, &red);
	tenant_undefine(&lab, &red);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tenants_run),
		cmocka_unit_test(a_tenant_that_is_reset_is_served_again),
		cmocka_unit_test(a_tenant_whose_qemu_is_killed_keeps_its_vf),
		cmocka_unit_test(a_tenant_that_panics_keeps_its_vf),
		cmocka_unit_test(one_with_a_vf_goes_one_without_comes),
		cmocka_unit_test(a_tenant_with_a_vf_is_not_saved_and_runs_on),
		cmocka_unit_test(a_pf_vm_is_not_saved_and_serves_on),
		cmocka_unit_test(a_tenant_without_a_vf_is_saved_and_goes_on),
		cmocka_unit_test(a_saved_tenant_has_its_vf_from_its_next_boot),
		cmocka_unit_test(tenants_go),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
