// SPDX-License-Identifier: GPL-2.0-only
/*
 * A PF VM whose guest panics, runs out of memory, or loses its agent, under traffic from the
 * wire to a tenant. The first two are deaths like any other: they cost no frame, and pfkeepd
 * starts the VM again without the PF, which it is given when it is up. An agent that comes back
 * costs nothing at all.
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

#define READY_S	 240
#define UPDATE_S 300
#define END_S	 240 /* memory runs out in some 40 s on a quiet machine */
#define EVENTS	 CONSOLES_DIR "/" CONSOLES_EVENTS

static struct lab lab;
static struct served served;

static int setup(void **state)
{
	static const char *const pfs[] = { "igb", NULL };

	return lab_up(&lab, &(struct lab_options){ .kernel = "pfkeep", .pfs = pfs });
}

static int teardown(void **state)
{
	int ret = served_end(&served, "pf_vm_dies_by_itself");

	return lab_down(&lab) || ret ? -1 : 0;
}

static void a_tenant_is_served(void **state)
{
	served_begin(&served, &lab);
}

static unsigned int resets(void)
{
	char *text = lab_run(&lab, 30,
			     "echo N $(grep \"SHUTDOWN .*'%s'.*guest-reset\" " EVENTS " | wc -l)",
			     served.pf_vm);
	char *number = lab_field(text, "N ");
	unsigned int n = (unsigned int)strtoul(number, NULL, 10);

	free(number);
	free(text);
	return n;
}

static void it_returns(const char *how)
{
	struct wire_flow flow = served_flow(&served, 0);
	char figure[96];

	pfkeep_thaw(&lab);
	free(pfkeep_until(&lab, READY_S, ":", "pf-ready"));
	snprintf(figure, sizeof(figure), "return after %s", how);
	served_finish(&served, &flow, figure);
	served_as_before(&served);
}

/*
 * pfkeepd stands still, so that nobody starts it again meanwhile. It is its guest that ends
 * it, and it ends: what boots again by itself would have the PF, and tenants would miss it.
 */
static void dies_of(const char *how, const char *line)
{
	unsigned int before = resets();
	struct wire_flow flow;
	char figure[96];

	pfkeep_freeze(&lab);
	free(lab_run(&lab, 30, "cat /run/libvirt/qemu/%s.pid >/run/pfkeep-lab/pf-vm.pid",
		     served.pf_vm));
	flow = served_flow(&served, 0);
	served_tell_pf_vm(&served, line, NULL);
	free(lab_run(&lab, END_S + 30,
		     "timeout %d tail --pid=$(cat /run/pfkeep-lab/pf-vm.pid) -f /dev/null", END_S));
	snprintf(figure, sizeof(figure), "death by %s", how);
	served_finish_whole(&served, &flow, figure);
	assert_int_equal(resets(), before + 1);
	assert_int_equal(vfio_num_vfs(&lab, served.pf), 7);
	it_returns(how);
}

static void a_panic_costs_no_frame(void **state)
{
	assert_non_null(served.pf_vm);
	dies_of("panic", "echo c >/proc/sysrq-trigger");
}

/* systemd in its guest starts it again. */
static void an_agent_that_comes_back_costs_no_frame(void **state)
{
	struct wire_flow flow;
	char *before, *after;

	assert_non_null(served.pf_vm);
	before = domain_process(&lab, served.pf_vm);
	flow = served_flow(&served, 0);
	served_tell_pf_vm(&served, "kill -KILL $PPID", "pf-lost pf-ready");
	served_finish_whole(&served, &flow, "agent killed");
	after = domain_process(&lab, served.pf_vm);
	assert_string_equal(after, before);
	free(before);
	free(after);
	served_as_before(&served);
}

/* pfkeepd has looked at it again when libvirtd is back, which an update starts anew. */
static void it_gets_another_qemu(void)
{
	char *script;

	if (asprintf(&script, "pfkeep vmm-update --timeout 120 %s >&2", served.pf_vm) < 0)
		fail_msg("no memory");
	free(pfkeep_until(&lab, UPDATE_S, script, "pf-lost pf-ready"));
	free(script);
}

/*
 * tail keeps what it reads, and the kernel may not kill it, nor systemd, as it has left the
 * agent's control group: in the end there is nobody else left. A QEMU that took over ends then,
 * too, though its command line doesn't say so.
 */
static void memory_that_runs_out_costs_no_frame(void **state)
{
	assert_non_null(served.pf_vm);
	it_gets_another_qemu();
	dies_of("lack of memory", "echo 0 >/sys/fs/cgroup/cgroup.procs; "
				  "echo -1000 >/proc/self/oom_score_adj; exec tail /dev/zero");
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
		cmocka_unit_test(a_panic_costs_no_frame),
		cmocka_unit_test(an_agent_that_comes_back_costs_no_frame),
		cmocka_unit_test(memory_that_runs_out_costs_no_frame),
		cmocka_unit_test(nothing_is_left_over),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
