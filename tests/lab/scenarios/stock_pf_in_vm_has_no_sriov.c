// SPDX-License-Identifier: GPL-2.0-only
/*
 * Why pfkeep is needed, first part: stock VFIO and stock QEMU give a VM the PF,
 * and its traffic works, but the SR-IOV capability isn't there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lab/harness/lab.h"
#include "tests/lab/harness/pf.h"
#include "tests/lab/harness/tenant.h"
#include "tests/lab/harness/wire.h"

static struct lab lab;
static struct tenant vm = { .name = "pfvm", .append = "lab.ip=10.77.0.10/24" };

static int setup(void **state)
{
	static const char *const pfs[] = { "igb", NULL };

	return lab_up(&lab, &(struct lab_options){ .kernel = "pfkeep", .pfs = pfs });
}

static int teardown(void **state)
{
	return lab_down(&lab);
}

static void the_vendor_driver_runs_the_pf(void **state)
{
	char *pf = pf_find(&lab, PF_IGB);

	vm.bdf = pf;
	tenant_start(&lab, &vm);

	char *nic = tenant_wait(&lab, &vm, 120, "LAB-NIC ");

	assert_non_null(strstr(nic, "driver=igb"));
	free(nic);
	free(tenant_wait(&lab, &vm, 60, TENANT_SERVES));
	vm.bdf = NULL;
	free(pf);
}

static void the_pf_carries_traffic(void **state)
{
	const struct wire_flow flow = {
		.id = 1, .ip = "10.77.0.10", .rate = 100, .size = 256, .count = 500
	};

	wire_start(&lab, &flow);

	struct wire_report r = wire_finish(&lab, &flow);

	wire_assert_whole(&r);
	wire_report_free(&r);
}

static void the_guest_sees_no_sriov(void **state)
{
	/* The host does: else its absence in the guest would show nothing. */
	char *host = lab_run(&lab, 30, "lspci -vv -d 8086:10c9 | grep 'Single Root I/O Virt'");
	char *guest = tenant_wait(&lab, &vm, 30, "LAB-SRIOV ");

	assert_string_equal(guest, "none");
	free(guest);
	free(host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vendor_driver_runs_the_pf),
		cmocka_unit_test(the_pf_carries_traffic),
		cmocka_unit_test(the_guest_sees_no_sriov),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
