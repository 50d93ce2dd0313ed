// SPDX-License-Identifier: GPL-2.0-only
/*
 * Into an ordinary kexec, on Debian's own kernel, a function that keep-alive is on for
 * and that a user has open goes as a bus master. Nobody else does: not one without
 * keep-alive, and not a parked one, whose DMA would find other memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lab/harness/sriov.h"
#include "tests/lab/harness/vfio.h"

#define SYS "/sys/bus/pci/devices"

/* What each PF is to go into the kexec as. */
enum { PLAIN, KEPT, PARKED, PFS };

static struct lab lab;
static char *pfs[PFS];

static int setup(void **state)
{
	static const char *const igbs[] = { "igb", "igb", "igb", NULL };

	return lab_up(&lab, &(struct lab_options){ .kernel = "stock", .pfs = igbs });
}

static int teardown(void **state)
{
	for (int i = 0; i < PFS; i++)
		free(pfs[i]);
	return lab_down(&lab);
}

static void find_pfs(void)
{
	for (unsigned int i = 0; i < PFS; i++) {
		char *text =
			lab_run(&lab, 30, "lspci -Dnd 8086:10c9 | sed -n 's/ .*//; %up'", i + 1);

		text[strcspn(text, "\n")] = '\0';
		assert_int_equal(strlen(text), strlen("0000:00:00.0"));
		pfs[i] = text;
	}
}

static void keep_alive(const char *pf)
{
	free(lab_run(&lab, 30, "echo 1 >" SYS "/%s/vfio_sriov/keep_alive", pf));
}

static void open_by_a_user(const char *pf)
{
	free(lab_run(&lab, 60,
		     "systemd-run -q --unit=user-%s --service-type=forking sh -c "
		     "'exec /run/client --open %s --mode group --stay </dev/null'",
		     pf, pf));
}

static bool is_master(const char *pf)
{
	char *text = lab_run(&lab, 30, "echo COMMAND $(setpci -s %s COMMAND)", pf);
	char *command = lab_field(text, "COMMAND ");
	bool master = strtoul(command, NULL, 16) & 4;

	free(command);
	free(text);
	return master;
}

static void three_pfs_are_masters(void **state)
{
	sriov_load(&lab, "module-stock");
	find_pfs();
	for (int i = 0; i < PFS; i++)
		vfio_bind(&lab, pfs[i]);
	keep_alive(pfs[KEPT]);
	keep_alive(pfs[PARKED]);
	for (int i = 0; i < PFS; i++)
		open_by_a_user(pfs[i]);
	free(lab_run(&lab, 30, "systemctl stop user-%s; grep -qx 1 " SYS "/%s/vfio_sriov/parked",
		     pfs[PARKED], pfs[PARKED]));
	for (int i = 0; i < PFS; i++) {
		free(lab_run(&lab, 30, "setpci -s %s COMMAND=4:4", pfs[i]));
		assert_true(is_master(pfs[i]));
	}
}

static void only_the_kept_one_still_is_in_the_next_kernel(void **state)
{
	/* A driver that found them would make them masters. */
	free(lab_run(&lab, 60,
		     "cd /usr/lib/modules/$(uname -r)\n"
		     "kexec -s -l vmlinuz --initrd=initrd.img --reuse-cmdline "
		     "--append=module_blacklist=igb"));
	lab_leave(&lab, "kexec -e");
	lab_wait_boot(&lab, 2, 240);
	free(lab_run(&lab, 30, "! grep -q '^igb ' /proc/modules"));
	assert_false(is_master(pfs[PLAIN]));
	assert_true(is_master(pfs[KEPT]));
	assert_false(is_master(pfs[PARKED]));
	sriov_kernel_has_no_complaint(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_pfs_are_masters),
		cmocka_unit_test(only_the_kept_one_still_is_in_the_next_kernel),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
