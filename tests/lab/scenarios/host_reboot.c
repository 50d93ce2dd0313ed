// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host reboots (by kexec, cold: nothing is preserved). Without anybody's hand
 * its PF is in its VM again, the VFs are there and set as before, and only then
 * the tenant that is to start with the host starts, with the VF that it had.
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

#define MAC "02:70:66:00:00:01"

static struct lab lab;
static char *pf;
static struct tenant red = { .name = "red", .append = "lab.ip=10.77.0.11/24 lab.mac=" MAC };

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

static void flow_is_whole(unsigned int id, unsigned int timeout_s)
{
	const struct wire_flow flow = {
		.id = id, .ip = "10.77.0.11", .rate = 50, .size = 128, .count = 100
	};

	free(tenant_wait(&lab, &red, timeout_s, TENANT_SERVES));
	wire_start(&lab, &flow);

	struct wire_report r = wire_finish(&lab, &flow);

	wire_assert_whole(&r);
	wire_report_free(&r);
}

/* The consoles' folder, which is in /run, must be there before libvirt starts anything. */
static void a_tenant_is_served(void **state)
{
	pf = pfkeep_adopted(&lab);
	/* Not the first one, which it would get by chance. */
	pfkeep_define(&lab, &red, pf, 3, MAC);
	pfkeep_wait_vf(&lab, &red);
	free(lab_run(&lab, 60,
		     "virsh -q autostart red >&2\n"
		     "echo 'd /run/pfkeep-lab/consoles 0755' >/etc/tmpfiles.d/lab.conf"));
	tenant_boot(&lab, &red);
	flow_is_whole(1, 180);
}

static void it_is_served_again_after_a_reboot(void **state)
{
	char *text;

	free(lab_run(&lab, 60,
		     "cd /usr/lib/modules/$(uname -r)\n"
		     "kexec -s -l vmlinuz --initrd=initrd.img --reuse-cmdline"));
	lab_leave(&lab, "systemctl kexec");
	lab_wait_boot(&lab, 2, 240);
	/* After the PF VM has, too, for which adopt has its own limit. */
	flow_is_whole(2, 300 + 180);
	text = lab_run(&lab, 60, "pfkeep vf show %s/3; virsh -q dumpxml red", pf);
	assert_non_null(strstr(text, "red"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tenant_is_served),
		cmocka_unit_test(it_is_served_again_after_a_reboot),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
