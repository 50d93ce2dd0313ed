// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PF VM is killed again and again while it starts, each time a step further: as its guest
 * begins to run, as its agent comes, as its kernel finds the PF with VFs and would remove them.
 * Tenants keep their VFs, and are served when it is let alone. Then it is killed while VFs are
 * made: books, host and PF VM agree afterwards, on the number before or the one asked for; and
 * an adoption that it happens to is taken back, and can be made again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lab/harness/domain.h"
#include "tests/lab/harness/served.h"
#include "tests/lab/harness/sriov.h"
#include "tests/lab/harness/vfio.h"
#include "tests/lab/lib/consoles.h"

#define READY_S 300
#define STEP_S	240
#define ADOPT_S 420
#define SAID	"/run/pfkeep-lab/said"
#define EVENTS	CONSOLES_DIR "/" CONSOLES_EVENTS
#define SYS	"/sys/bus/pci/devices"

static struct lab lab;
static struct served served;
static unsigned long seen; /* events before the last death */

static int setup(void **state)
{
	static const char *const pfs[] = { "igb", NULL };

	return lab_up(&lab, &(struct lab_options){ .kernel = "pfkeep", .pfs = pfs });
}

static int teardown(void **state)
{
	int ret = served_end(&served, "pf_vm_is_killed_while_it_starts");

	return lab_down(&lab) || ret ? -1 : 0;
}

static void a_tenant_is_served(void **state)
{
	served_begin(&served, &lab);
}

/* Until a line that this command prints has these words. */
static void await_line(const char *command, const char *words)
{
	free(lab_run(&lab, STEP_S + 30,
		     "lines=$(mktemp -u); mkfifo $lines\n"
		     "timeout %d stdbuf -oL %s >$lines & tail=$!\n"
		     "trap 'kill $tail || :; rm $lines' EXIT\n"
		     "grep -a -m1 \"%s\" <$lines >&2",
		     STEP_S, command, words));
}

static void it_is_killed(void)
{
	char *text = lab_run(&lab, 30, "echo N $(wc -l <" EVENTS ")");
	char *number = lab_field(text, "N ");

	seen = strtoul(number, NULL, 10);
	free(number);
	free(text);
	domain_kill(&lab, served.pf_vm);
}

/* By the QEMU that came after. */
static void await_event(const char *event)
{
	char command[128], words[128];

	snprintf(command, sizeof(command), "tail -n +%lu -F " EVENTS, seen + 1);
	snprintf(words, sizeof(words), "event %s .*'%s'", event, served.pf_vm);
	await_line(command, words);
}

/* Until then it hasn't been given the PF, and nothing is lost. */
static void it_is_killed_as_its_guest_begins_to_run(void **state)
{
	struct wire_flow flow;

	assert_non_null(served.pf_vm);
	flow = served_flow(&served, 0);
	it_is_killed();
	await_event("RESUME");
	it_is_killed();
	served_finish_whole(&served, &flow, "killed twice");
}

static void it_is_killed_as_its_agent_comes_and_as_its_kernel_finds_the_pf(void **state)
{
	struct wire_flow flow;

	assert_non_null(served.pf_vm);
	flow = served_flow(&served, 0);
	await_event("VSERPORT_CHANGE");
	it_is_killed();
	await_line("dmesg -W", "removal of VFs deferred");
	it_is_killed();
	assert_int_equal(vfio_num_vfs(&lab, served.pf), served.vfs);
	free(pfkeep_until(&lab, READY_S, ":", "pf-ready"));
	served_finish(&served, &flow, "killed at each step of its start");
	served_as_before(&served);
	free(lab_run(&lab, 30,
		     "journalctl -u pfkeepd | grep 'has ended 4 times, it is started again' >&2"));
}

static void the_tenant_leaves(void **state)
{
	tenant_destroy(&lab, &served.tenant);
	tenant_undefine(&lab, &served.tenant);
}

/* The command runs; the PF VM is killed when the host's kernel tells of the first new VF. */
static char *killed_at_the_first_vf(const char *command)
{
	char *script;

	if (asprintf(&script,
		     "monitor=$(mktemp -u); mkfifo $monitor\n"
		     "timeout %d stdbuf -oL udevadm monitor --kernel --subsystem-match=pci "
		     ">$monitor & at=$!\n"
		     "while read -r line; do case $line in\n"
		     "*'kernel uevent'*) %s >" SAID " 2>&1 & command=$!;;\n"
		     "*' add '*) kill -KILL $(cat /run/libvirt/qemu/pfkeep-*.pid); killed=1; "
		     "break;;\n"
		     "esac; done <$monitor\n"
		     "kill $at || :; rm $monitor; [ \"$killed\" ]\n"
		     "status=0; wait $command || status=$?\n"
		     "cat " SAID " >&2; echo STATUS $status",
		     STEP_S, command) < 0)
		fail_msg("no memory");
	return script;
}

/* Frees what was printed. */
static unsigned long status_in(char *text)
{
	char *status = lab_field(text, "STATUS ");
	unsigned long n = strtoul(status, NULL, 10);

	free(status);
	free(text);
	return n;
}

/* What the books list, host and driver have, too. */
static void agree_on(unsigned int vfs)
{
	assert_int_equal(vfio_num_vfs(&lab, served.pf), vfs);
	free(lab_run(&lab, 60,
		     "cd " SYS "/%s; [ $(pfkeep vf list --pf %s | grep -c %s/) = %u ]\n"
		     "for vf in virtfn*; do\n"
		     "[ $(basename $(readlink $vf/driver)) = vfio-pci-sriov ]; done",
		     served.pf, served.pf, served.pf, vfs));
}

/* On the new number if it could be told so in time. */
static void it_is_killed_while_it_makes_vfs(void **state)
{
	unsigned long status;
	char command[64], *script;

	assert_non_null(served.pf);
	snprintf(command, sizeof(command), "pfkeep pf set-vfs %s 3", served.pf);
	script = killed_at_the_first_vf(command);
	status = status_in(pfkeep_until(&lab, READY_S, script, "pf-lost pf-ready"));
	free(script);
	printf("# set-vfs ended with %lu\n", status);
	fflush(stdout);
	assert_in_range(status, 0, 1);
	agree_on(status ? served.vfs : 3);
}

static void an_adoption_that_it_happens_to_is_taken_back(void **state)
{
	char command[64], *script;

	assert_non_null(served.pf);
	free(lab_run(&lab, 120, "pfkeep pf release %s >&2", served.pf));
	snprintf(command, sizeof(command), "pfkeep pf adopt %s", served.pf);
	script = killed_at_the_first_vf(command);
	assert_int_equal(status_in(lab_run(&lab, ADOPT_S, "%s", script)), 1);
	free(script);
	free(lab_run(&lab, 60,
		     "cd " SYS "/%s; [ $(cat sriov_numvfs) = 0 ]; [ ! -e virtfn0 ]\n"
		     "[ $(basename $(readlink driver)) = igb ]\n"
		     "pfkeep pf show %s | grep -q '^driver  *igb$'\n"
		     "! virsh -q list --all --name | grep pfkeep-",
		     served.pf, served.pf));
}

static void it_can_be_made_again(void **state)
{
	assert_non_null(served.pf);
	free(lab_run(&lab, ADOPT_S, "udevadm settle; pfkeep pf adopt %s >&2", served.pf));
	agree_on(7);
	pfkeep_serve(&lab, &served.tenant, served.pf, 0, SERVED_MAC);
	served_as_before(&served);
}

static void nothing_is_left_over(void **state)
{
	tenant_destroy(&lab, &served.tenant);
	tenant_undefine(&lab, &served.tenant);
	sriov_kernel_has_no_complaint(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tenant_is_served),
		cmocka_unit_test(it_is_killed_as_its_guest_begins_to_run),
		cmocka_unit_test(it_is_killed_as_its_agent_comes_and_as_its_kernel_finds_the_pf),
		cmocka_unit_test(the_tenant_leaves),
		cmocka_unit_test(it_is_killed_while_it_makes_vfs),
		cmocka_unit_test(an_adoption_that_it_happens_to_is_taken_back),
		cmocka_unit_test(it_can_be_made_again),
		cmocka_unit_test(nothing_is_left_over),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
