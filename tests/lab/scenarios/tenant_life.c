// SPDX-License-Identifier: GPL-2.0-only
/*
 * What becomes of a tenant besides start and stop. It is reset: its VF serves it again.
 * `virsh managedsave` and `virsh save`: a VF's state can't be written into a file, so a
 * tenant with one, and a PF VM, are refused, hear nothing of it and run on. A tenant
 * without is saved and goes on where it was; asked for a VF meanwhile, it has it from its
 * next boot.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lab/harness/lab.h"
#include "tests/lab/harness/pfkeep.h"
#include "tests/lab/harness/tenant.h"
#include "tests/lab/harness/wire.h"
#include "tests/lab/lib/consoles.h"

#define RED_MAC	  "02:70:66:00:00:01"
#define PLAIN_MAC "02:70:66:00:00:02"
#define IMAGE	  "/run/pfkeep-lab/saved"

static struct lab lab;
static char *pf;

static struct tenant red = { .name = "red", .append = "lab.ip=10.77.0.11/24 lab.mac=" RED_MAC };
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
	tenant_define(&lab, &plain);
	tenant_boot(&lab, &plain);
	free(tenant_wait(&lab, &plain, 120, "LAB-READY "));
}

static void flow_is_whole(void)
{
	const struct wire_flow flow = {
		.id = 2, .ip = "10.77.0.11", .rate = 50, .size = 64, .count = 50
	};

	wire_start(&lab, &flow);

	struct wire_report r = wire_finish(&lab, &flow);

	wire_assert_whole(&r);
	wire_report_free(&r);
	pfkeep_assert_owners(&lab, pf);
}

/* The same QEMU boots once more. */
static void a_tenant_that_is_reset_is_served_again(void **state)
{
	free(lab_run(&lab, 200,
		     "virsh -q reset red >&2\n"
		     "[ $(timeout 180 tail -n +1 -F " CONSOLES_DIR "/red.log | "
		     "grep -a -m2 -c '" TENANT_SERVES "') = 2 ]"));
	flow_is_whole();
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

	struct wire_report r = wire_finish(&lab, &flow);

	assert_string_equal(after, before);
	wire_assert_whole(&r);
	wire_report_free(&r);
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
		cmocka_unit_test(a_tenant_with_a_vf_is_not_saved_and_runs_on),
		cmocka_unit_test(a_pf_vm_is_not_saved_and_serves_on),
		cmocka_unit_test(a_tenant_without_a_vf_is_saved_and_goes_on),
		cmocka_unit_test(a_saved_tenant_has_its_vf_from_its_next_boot),
		cmocka_unit_test(tenants_go),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
