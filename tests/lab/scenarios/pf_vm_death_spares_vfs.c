// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PF VM's QEMU is killed under traffic from the wire to a tenant: while the PF VM
 * is gone no frame is lost, and the VF's settings stay; pfkeepd says so, starts it
 * again, each time a little later, without the PF, which it is given when it is up; what
 * the tenant sees when the PF's driver is probed again is measured, and afterwards all is
 * as it was.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lab/harness/bench.h"
#include "tests/lab/harness/domain.h"
#include "tests/lab/harness/lab.h"
#include "tests/lab/harness/pfkeep.h"
#include "tests/lab/harness/sriov.h"
#include "tests/lab/harness/tenant.h"
#include "tests/lab/harness/vfio.h"
#include "tests/lab/harness/wire.h"

#define MAC	"02:70:66:00:00:01"
#define FRAMES	50 /* a second */
#define READY_S 300
#define AGAIN_S 20 /* from the PF's return to its tenants' */

static struct lab lab;
static struct bench bench;
static char *pf, *pf_vm;
static unsigned int flows;
static struct tenant red = { .name = "red", .append = "lab.ip=10.77.0.11/24 lab.mac=" MAC };

static int setup(void **state)
{
	static const char *const pfs[] = { "igb", NULL };

	bench = bench_open();
	return lab_up(&lab, &(struct lab_options){ .kernel = "pfkeep", .pfs = pfs });
}

static int teardown(void **state)
{
	int ret = bench_save(&bench, "pf_vm_death_spares_vfs");

	free(pf);
	free(pf_vm);
	return lab_down(&lab) || ret ? -1 : 0;
}

static void a_tenant_is_served(void **state)
{
	pf = pfkeep_adopted(&lab);
	pf_vm = pfkeep_pf_vm(&lab);
	pfkeep_serve(&lab, &red, pf, 0, MAC);
}

static struct wire_flow begin(unsigned int count)
{
	struct wire_flow flow = {
		.id = 10 + flows++, .ip = "10.77.0.11", .rate = FRAMES, .size = 128, .count = count
	};

	wire_start(&lab, &flow);
	return flow;
}

static void finish_whole(const struct wire_flow *flow, const char *figure)
{
	struct wire_report r = wire_finish(&lab, flow);

	wire_assert_whole(&r);
	bench_flow(&bench, figure, &r);
	wire_report_free(&r);
}

/* pfkeepd stands still, so that nobody starts it again meanwhile. */
static void its_death_costs_no_frame(void **state)
{
	struct wire_flow flow;

	assert_non_null(pf_vm);
	pfkeep_freeze(&lab);
	flow = begin(0);
	domain_kill(&lab, pf_vm);
	finish_whole(&flow, "PF VM killed");
	flow = begin(5 * FRAMES);
	finish_whole(&flow, "PF VM gone");
	assert_int_equal(vfio_num_vfs(&lab, pf), 7);
}

/*
 * Once the PF is ready its tenants are served within a few of the looks that their
 * drivers take (igbvf: each 2 s).
 */
static void its_tenant_is_served_again(void)
{
	struct wire_flow flow = begin(AGAIN_S * FRAMES);
	struct wire_report r = wire_finish(&lab, &flow);

	printf("# ready: %lld of %lld frames lost, longest silence %.2f s\n", (long long)r.lost,
	       (long long)r.sent, (double)r.gap_ns / 1e9);
	fflush(stdout);
	bench_row(&bench, "PF VM is back: frames lost", (double)r.lost, "frames");
	assert_true(r.received > 0);
	wire_report_free(&r);
}

/* libvirt has the PF in its definition and in what runs; QEMU wasn't started with it. */
static void it_was_given_the_pf_when_it_was_up(void)
{
	free(lab_run(
		&lab, 60,
		"for o in '' --inactive; do virsh -q dumpxml $o %s | grep -q ua-pfkeep-pf; done\n"
		"! tr '\\0' '\\n' </proc/$(cat /run/libvirt/qemu/%s.pid)/cmdline | "
		"grep -q ua-pfkeep-pf",
		pf_vm, pf_vm));
}

/* The vendor's driver resets its device, so there is a gap: measured, not judged. */
static void it_comes_back(void **state)
{
	struct wire_flow flow = begin(0);

	pfkeep_thaw(&lab);
	free(pfkeep_until(&lab, READY_S, ":", "pf-ready"));

	struct wire_report r = wire_finish(&lab, &flow);

	printf("# PF VM returns: %lld sent, %lld lost, longest silence %.2f s\n", (long long)r.sent,
	       (long long)r.lost, (double)r.gap_ns / 1e9);
	fflush(stdout);
	bench_row(&bench, "PF VM returns: longest silence of the tenant's flow",
		  (double)r.gap_ns / 1e9, "s");
	bench_row(&bench, "PF VM returns: frames lost", (double)r.lost, "frames");
	wire_report_free(&r);
	it_was_given_the_pf_when_it_was_up();
	its_tenant_is_served_again();
}

/* The tenant noticed nothing that it had to be told of: it neither boots nor is set anew. */
static void the_tenant_is_as_it_was(void **state)
{
	struct wire_flow flow = begin(5 * FRAMES);

	finish_whole(&flow, "after the PF VM's return");
	assert_int_equal(vfio_num_vfs(&lab, pf), 7);
	free(lab_run(&lab, 60,
		     "[ $(grep -ac '" TENANT_SERVES "' /run/pfkeep-lab/consoles/red.log) = 1 ]\n"
		     "pfkeep vf list --pf %s | grep ' red'\n"
		     "pfkeep vf set %s/1 --vlan 9; pfkeep vf set %s/1 --vlan 0",
		     pf, pf, pf));
}

/* Its QEMU's command line doesn't tell of the PF; its machine does. */
static void it_gets_another_qemu_as_before(void **state)
{
	struct wire_flow flow = begin(0);

	free(lab_run(&lab, READY_S, "pfkeep vmm-update --timeout 120 %s", pf_vm));
	finish_whole(&flow, "vmm-update after the PF VM's return");
	free(lab_run(&lab, 60, "pfkeep vf set %s/1 --vlan 9; pfkeep vf set %s/1 --vlan 0", pf, pf));
}

/*
 * The second death within minutes waits, and is said. It is killed again as soon as it
 * runs: nobody waits for the agent of a dead one.
 */
static void one_that_dies_again_waits(void **state)
{
	char *script;

	assert_non_null(pf_vm);
	if (asprintf(&script,
		     "pid=/run/libvirt/qemu/%s.pid; kill -KILL $(cat $pid)\n"
		     "timeout 60 stdbuf -oL virsh event --event lifecycle --loop |\n"
		     "{ grep -m1 Started; kill -KILL $(cat $pid); }",
		     pf_vm) < 0)
		fail_msg("no memory");
	free(pfkeep_until(&lab, READY_S, script,
			  "problem*ended?2?times*in?2?s problem*ended?3?times*in?4?s pf-ready"));
	free(script);
	its_tenant_is_served_again();
	the_tenant_is_as_it_was(state);
}

static void nothing_is_left_over(void **state)
{
	tenant_destroy(&lab, &red);
	tenant_undefine(&lab, &red);
	sriov_kernel_has_no_complaint(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tenant_is_served),
		cmocka_unit_test(its_death_costs_no_frame),
		cmocka_unit_test(it_comes_back),
		cmocka_unit_test(the_tenant_is_as_it_was),
		cmocka_unit_test(it_gets_another_qemu_as_before),
		cmocka_unit_test(one_that_dies_again_waits),
		cmocka_unit_test(nothing_is_left_over),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
