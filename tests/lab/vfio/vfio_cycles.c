// SPDX-License-Identifier: GPL-2.0-only
/*
 * A thousand times the PF's user makes all VFs and removes them. Afterwards there
 * are as many devices, IOMMU groups, minors and interrupts as before, and neither
 * a slab nor memory as a whole has grown from quarter to quarter.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/lab/harness/sriov.h"

static struct lab lab;

static int setup(void **state)
{
	static const char *const pfs[] = { "igb", NULL };

	return lab_up(&lab, &(struct lab_options){ .kernel = "pfkeep", .pfs = pfs });
}

static int teardown(void **state)
{
	return lab_down(&lab);
}

static void many_cycles_leave_nothing_behind(void **state)
{
	const char *count = getenv("COUNT");
	unsigned int cycles = count && *count ? (unsigned int)strtoul(count, NULL, 10) : 1000;
	char options[80];

	sriov_load(&lab, "module-pfkeep");
	snprintf(options, sizeof(options), "--mode cdev --case 'many cycles' --cycles %u", cycles);
	/* a cycle takes the specification's 1.1 s, and what making the VFs takes */
	sriov_client(&lab, PF_IGB, 120 + 10 * cycles, options);
}

static void the_kernel_has_no_complaint(void **state)
{
	sriov_kernel_has_no_complaint(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_cycles_leave_nothing_behind),
		cmocka_unit_test(the_kernel_has_no_complaint),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
