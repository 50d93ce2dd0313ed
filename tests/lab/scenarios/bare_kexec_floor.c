// SPDX-License-Identifier: GPL-2.0-only
/*
 * The physical floor of any live update: from the jump to the first program of
 * the same kernel, with no VM and nothing to restore. The time stamp counter
 * runs on across the kexec; it is printed right before the jump and by the new
 * kernel's PID 1.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lab/harness/bench.h"
#include "tests/lab/harness/lab.h"

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

static void kexec_reaches_init(void **state)
{
	long tsc_khz = lab_status_number(&lab, "tsc_khz");
	double boot_s = lab_boot_seconds(&lab);

	free(lab_ctl(&lab, 30, "push", "build/lab/guest/tsc", "/run/tsc", NULL));
	free(lab_ctl(&lab, 30, "push", "build/lab/guest/floor.cpio", "/run/floor.cpio", NULL));
	free(lab_run(&lab, 60,
		     "chmod +x /run/tsc\n"
		     "cd /usr/lib/modules/$(uname -r)\n"
		     "kexec -s -l vmlinuz --initrd=/run/floor.cpio --reuse-cmdline"));
	/* Straight to the jump: no service is stopped first, nothing of user space is timed. */
	lab_leave(&lab, "/run/tsc LAB-JUMP >/dev/ttyS0; kexec -e");

	char *console = lab_wait_end(&lab, 120);
	char *jump = lab_field(console, "LAB-JUMP "), *init = lab_field(console, "LAB-TSC ");
	double s = (double)(strtoull(init, NULL, 10) - strtoull(jump, NULL, 10)) / tsc_khz / 1000;
	struct bench bench = bench_open();

	assert_true(s > 0 && s < 120);
	bench_row(&bench, "labctl up, to the answer of libvirt", boot_s, "s");
	bench_row(&bench, "kexec of a host without VMs, jump to init", s, "s");
	assert_int_equal(bench_save(&bench, "bare_kexec_floor"), 0);
	free(init);
	free(jump);
	free(console);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kexec_reaches_init),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
