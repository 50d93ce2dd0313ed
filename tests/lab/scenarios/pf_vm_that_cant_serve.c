// SPDX-License-Identifier: GPL-2.0-only
/*
 * A PF VM that ends and can't serve again, as its image is broken, or that serves but can't be
 * told anything any more, as its agent stays away; under traffic from the wire to a tenant.
 * None of it costs a frame before the PF's return. pfkeepd tries again, ever later, and says
 * so; what is asked of the PF meanwhile is refused, and what can wait is done at its return.
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

#define READY_S 300
#define AGENT_S "120" /* also what a PF VM gets to boot */
/* Hides a file of the image behind another one. */
#define BREAK(file) \
	"f=$(mktemp); echo nothing >$f; chmod 644 $f; mount --bind $f " PFKEEP_IMAGE "/" file "\n"

static struct lab lab;
static struct served served;
/* Blue had its VF before, green asks for one when there is nobody who could set it. */
static struct tenant blue = { .name = "blue", .append = "lab.ip=10.77.0.12/24" },
		     green = { .name = "green", .append = "lab.ip=10.77.0.13/24" };

static int setup(void **state)
{
	static const char *const pfs[] = { "igb", NULL };

	return lab_up(&lab, &(struct lab_options){ .kernel = "pfkeep", .pfs = pfs });
}

static int teardown(void **state)
{
	int ret = served_end(&served, "pf_vm_that_cant_serve");

	return lab_down(&lab) || ret ? -1 : 0;
}

static void a_tenant_is_served(void **state)
{
	served_begin(&served, &lab);
	pfkeep_define(&lab, &blue, served.pf, 2, "02:70:66:00:00:02");
	pfkeep_wait_vf(&lab, &blue);
}

__attribute__((format(printf, 2, 3))) static void do_until(const char *events, const char *format,
							   ...)
{
	char *script;
	va_list args;

	va_start(args, format);
	if (vasprintf(&script, format, args) < 0)
		fail_msg("no memory");
	va_end(args);
	free(pfkeep_until(&lab, READY_S, script, events));
	free(script);
}

static void cant_start(const char *tenant, const char *why)
{
	char *said;

	assert_int_not_equal(lab_try(&lab, 60, &said, "virsh -q start %s", tenant), 0);
	printf("# %s", said);
	fflush(stdout);
	if (!strstr(said, "pfkeep: ") || !strstr(said, why))
		fail_msg("says nothing of '%s': %s", why, said);
	free(said);
}

/* Who asks waits for a start that is under way, at most, and is told why not. */
static void what_is_asked_of_it_is_refused_or_waits(void)
{
	free(pfkeep_fails(&lab, READY_S, 1, "its PF VM isn't ready", "vf set %s/1 --vlan 9",
			  served.pf));
	cant_start("blue", "its PF VM isn't ready");
	pfkeep_define(&lab, &green, served.pf, 3, "02:70:66:00:00:03");
	cant_start("green", "asks for a VF of");
}

static void what_waited_is_there(void)
{
	pfkeep_wait_vf(&lab, &green);
	free(lab_run(&lab, 30, "pfkeep vf list --pf %s | grep '^%s/3 .* green'", served.pf,
		     served.pf));
}

/* Its initrd is none: its kernel panics. Then its kernel is none: its QEMU ends at once. */
static void a_broken_image_is_tried_ever_later(void **state)
{
	struct wire_flow flow;

	assert_non_null(served.pf_vm);
	/* Its deaths are counted from here. */
	free(lab_run(&lab, READY_S, "systemctl restart pfkeepd"));
	flow = served_flow(&served, 0);
	do_until("pf-lost problem*ended?while* problem*ended?2?times*in?2?s "
		 "problem*ended?3?times*in?4?s",
		 BREAK("initrd") "kill -KILL $(cat /run/libvirt/qemu/%s.pid)", served.pf_vm);
	what_is_asked_of_it_is_refused_or_waits();
	do_until("problem*qemu:*kernel* problem*qemu:*kernel*", BREAK("vmlinuz"));
	served_finish_whole(&served, &flow, "image broken");
	assert_int_equal(vfio_num_vfs(&lab, served.pf), served.vfs);
}

static void it_returns_when_the_image_is_mended(void **state)
{
	struct wire_flow flow;

	assert_non_null(served.pf_vm);
	flow = served_flow(&served, 0);
	/* Lazily, as a QEMU may have one of them open. */
	do_until("pf-ready", "umount -l " PFKEEP_IMAGE "/initrd " PFKEEP_IMAGE "/vmlinuz");
	served_finish(&served, &flow, "return with a mended image");
	what_waited_is_there();
	served_as_before(&served);
}

/* Its driver serves on until it is ended: that costs no frame either. */
static void one_whose_agent_stays_away_is_started_anew(void **state)
{
	char *before, *after;
	struct wire_flow flow;

	assert_non_null(served.pf_vm);
	pfkeep_options(&lab, "--agent-timeout " AGENT_S);
	before = domain_process(&lab, served.pf_vm);
	flow = served_flow(&served, 0);
	served_tell_pf_vm(&served, "systemctl stop --no-block qemu-guest-agent",
			  "pf-lost problem*agent?was?away?for?" AGENT_S "?s");
	served_finish_whole(&served, &flow, "agent away, and the PF VM's end");
	flow = served_flow(&served, 0);
	free(pfkeep_until(&lab, READY_S, ":", "pf-ready"));
	served_finish(&served, &flow, "return after the agent's end");
	after = domain_process(&lab, served.pf_vm);
	assert_string_not_equal(after, before);
	free(before);
	free(after);
	served_as_before(&served);
}

static void nothing_is_left_over(void **state)
{
	pfkeep_options(&lab, "");
	tenant_destroy(&lab, &served.tenant);
	tenant_undefine(&lab, &served.tenant);
	tenant_undefine(&lab, &blue);
	tenant_undefine(&lab, &green);
	sriov_kernel_has_no_complaint(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tenant_is_served),
		cmocka_unit_test(a_broken_image_is_tried_ever_later),
		cmocka_unit_test(it_returns_when_the_image_is_mended),
		cmocka_unit_test(one_whose_agent_stays_away_is_started_anew),
		cmocka_unit_test(nothing_is_left_over),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
