// SPDX-License-Identifier: GPL-2.0-only
/*
 * pfkeep, installed from its package, on a host where an adoption can't succeed:
 * doctor says what is in the way, `pf adopt` fails with one line at whichever
 * stage that is, and PF, driver, interface, libvirt and state are then as before,
 * also when pfkeepd is killed in the middle of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lab/harness/lab.h"
#include "tests/lab/harness/pf.h"
#include "tests/lab/harness/pfkeep.h"

#define STOCK_QEMU "/usr/bin/qemu-system-x86_64"
#define EMPTY_DISK "/var/lib/pfkeep/images/empty.qcow2"

static struct lab lab;
static char *pf, *before;

/* All that an adoption touches, as text to compare. */
static char *look(void)
{
	return lab_run(&lab, 60,
		       "cd /sys/bus/pci/devices/%s\n"
		       "echo driver $(basename $(readlink driver)) override $(cat driver_override) "
		       "vfs $(cat sriov_numvfs)\n"
		       "echo interface $(ls net) $(cat net/*/address)\n"
		       "virsh list --all --name",
		       pf);
}

static void assert_as_before(void)
{
	char *now = look();

	assert_string_equal(now, before);
	free(now);
	free(pfkeep_fails(&lab, 30, 1, "isn't adopted", "pf release %s", pf));
}

static int setup(void **state)
{
	static const char *const pfs[] = { "igb", NULL };

	return lab_up(&lab, &(struct lab_options){ .kernel = "pfkeep", .pfs = pfs });
}

static int teardown(void **state)
{
	free(pf);
	free(before);
	return lab_down(&lab);
}

static void the_package_installs(void **state)
{
	pfkeep_install(&lab);
	free(lab_run(&lab, 60,
		     "modprobe igb; udevadm settle\n"
		     "[ -x /etc/libvirt/hooks/qemu.d/pfkeep ]\n"
		     "systemctl is-enabled pfkeepd\n"
		     "pfkeep pf list >&2"));
	pf = pf_find(&lab, PF_IGB);
}

/* Of 10, which is a service that is root and may do all; the limit is 5. */
static void the_unit_is_hardened(void **state)
{
	free(lab_run(&lab, 60, "systemd-analyze security --threshold=50 pfkeepd >&2"));
}

static void doctor_says_what_is_in_the_way(void **state)
{
	char *output = NULL;
	int status = lab_try(&lab, 120, &output, "pfkeep doctor --qemu " STOCK_QEMU " %s", pf);

	if (status != 1 || !strstr(output, "its vfio-pci has no property sriov"))
		fail_msg("status %d: %s", status, output);
	free(output);
	/* And nothing else is. */
	output = lab_run(&lab, 120,
			 "pfkeep doctor --json --qemu " STOCK_QEMU " %s | "
			 "tr -d ' \\n' | grep -o '\"level\":\"blocker\"' | wc -l; :",
			 pf);
	assert_string_equal(output, "1\n");
	free(output);
}

static void an_emulator_without_sriov(void **state)
{
	pfkeep_options(&lab, "--emulator " STOCK_QEMU);
	before = look();
	free(lab_run(&lab, 60,
		     "qemu-img create -q -f qcow2 " EMPTY_DISK " 64M; chmod 644 " EMPTY_DISK));

	/* QEMU's own words, and not only its command line. */
	free(pfkeep_fails(&lab, 120, 1, "' not found", "pf adopt --image " EMPTY_DISK " %s", pf));
	assert_as_before();
}

static void an_image_that_is_not_there(void **state)
{
	char *line = pfkeep_fails(&lab, 120, 1, "/nowhere/pf-vm",
				  "pf adopt --image /nowhere/pf-vm %s", pf);

	free(line);
	assert_as_before();
}

static void a_pf_with_vfs_of_its_host_driver(void **state)
{
	pf_host_set_vfs(&lab, pf, 2);
	free(pfkeep_fails(&lab, 60, 1, "has 2 VFs of its host driver", "pf adopt %s", pf));
	pf_host_set_vfs(&lab, pf, 0);
	assert_as_before();
}

static void wrong_words(void **state)
{
	static const struct {
		int status;
		const char *command, *words;
	} wrong[] = {
		{ 2, "pf adopt 01:00.0x", "01:00.0x" },
		{ 1, "pf adopt 0000:7f:00.0", "0000:7f:00.0" },
		{ 2, "pf adopt --vfs 70000 0000:01:00.0", "70000" },
		{ 1, "pf adopt --memory 1 %s", "1 MiB" },
		{ 1, "pf adopt --vfs 8 %s", "has 7 VFs" },
		{ 1, "pf adopt --name a/b %s", "a/b" },
		{ 1, "pf release %s", "isn't adopted" },
		{ 1, "pf set-vfs %s 3", "isn't adopted" },
		{ 1, "vf assign --pf %s web", "isn't adopted" },
		{ 1, "vf assign %s/0 web", "isn't adopted" },
		{ 2, "vf set --mac 01:00:5e:00:00:01 %s/0", "01:00:5e:00:00:01" },
		{ 2, "vf set --vlan 4095 %s/0", "4095" },
		{ 1, "vf unassign %s/0", "isn't adopted" },
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		const char *at = strstr(wrong[i].command, "%s");
		int n = at ? (int)(at - wrong[i].command) : (int)strlen(wrong[i].command);

		free(pfkeep_fails(&lab, 30, wrong[i].status, wrong[i].words, "%.*s%s%s", n,
				  wrong[i].command, at ? pf : "", at ? at + 2 : ""));
	}
	assert_as_before();
}

/*
 * The VM starts and never answers; pfkeepd dies while it waits. The event of its
 * start may come before virsh listens: looked at again each second.
 */
static void killed_in_the_middle(void **state)
{
	pfkeep_options(&lab, "");
	free(lab_run(&lab, 120,
		     "systemd-run -q --unit=adopt pfkeep pf adopt --image " EMPTY_DISK
		     " --name half %s\n"
		     "timeout 90 sh -c 'until [ -e /run/libvirt/qemu/half.pid ]; do virsh -q event "
		     "--event lifecycle --timeout 1 >/dev/null 2>&1 || :; done'\n"
		     "[ $(cat /sys/bus/pci/devices/%s/driver_override) = vfio-pci-sriov ]",
		     pf, pf));
	free(lab_run(&lab, 120,
		     "kill -KILL $(systemctl show -P MainPID pfkeepd)\n"
		     "systemctl restart pfkeepd"));
	assert_as_before();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_package_installs),
		cmocka_unit_test(the_unit_is_hardened),
		cmocka_unit_test(doctor_says_what_is_in_the_way),
		cmocka_unit_test(an_emulator_without_sriov),
		cmocka_unit_test(an_image_that_is_not_there),
		cmocka_unit_test(a_pf_with_vfs_of_its_host_driver),
		cmocka_unit_test(wrong_words),
		cmocka_unit_test(killed_in_the_middle),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
