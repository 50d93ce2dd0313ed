// SPDX-License-Identifier: GPL-2.0-only
/*
 * Why pfkeep is needed, second part: the lab host's kernel is replaced by kexec
 * with stock parts. VFs are switched off, so the tenant has to be ended before
 * and started anew after it. A script does at once what a careful operator would:
 * the flow's blackout is the cold baseline that live update is measured against.
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
#include "tests/lab/harness/pf.h"
#include "tests/lab/harness/tenant.h"
#include "tests/lab/harness/wire.h"

#define MAC "02:70:66:00:00:01"

static struct lab lab;
static const struct wire_flow flow = { .id = 1, .ip = "10.77.0.11", .rate = 50, .size = 128 };
static struct tenant red = { .name = "red", .append = "lab.ip=10.77.0.11/24 lab.mac=" MAC };
static char *pf, *vf;

static int setup(void **state)
{
	static const char *const pfs[] = { "igb", NULL };

	return lab_up(&lab, &(struct lab_options){ .kernel = "stock", .pfs = pfs });
}

static int teardown(void **state)
{
	free(pf);
	free(vf);
	return lab_down(&lab);
}

static void a_tenant_is_served(void **state)
{
	pf = pf_find(&lab, PF_IGB);
	pf_host_set_vfs(&lab, pf, 2);
	pf_host_set_mac(&lab, pf, 0, MAC);
	vf = pf_vf_bdf(&lab, pf, 0);
	red.bdf = vf;
	tenant_start(&lab, &red);
	free(tenant_wait(&lab, &red, 120, TENANT_SERVES));
	wire_start(&lab, &flow);
}

/* What runs as early as it can in the new kernel; it notes what it found first. */
static const char restore_script[] =
	"#!/bin/sh -e\n"
	"echo control=$(setpci -s %s ECAP_SRIOV+8.w) numvfs=$(cat "
	"/sys/bus/pci/devices/%s/sriov_numvfs)"
	" >/run/after-kexec\n"
	"modprobe igb\n"
	"udevadm settle -t 30\n" /* which gives the port its name */
	"cd /sys/bus/pci/devices/%s\n"
	"echo 0 >sriov_drivers_autoprobe; echo 2 >sriov_numvfs\n"
	"nic=$(ls net); ip link set $nic up; ip link set $nic vf 0 mac " MAC "\n"
	"mkdir -p /run/pfkeep-lab/consoles\n"
	"virsh -q create /var/lib/red.xml\n";

static const char restore_unit[] = "[Unit]\nAfter=libvirtd.socket\nRequires=libvirtd.socket\n"
				   "[Service]\nType=oneshot\nExecStart=/usr/local/sbin/restore\n"
				   "[Install]\nWantedBy=multi-user.target\n";

static void kexec_switches_vfs_off(void **state)
{
	char script[2048];

	snprintf(script, sizeof(script), restore_script, pf, pf, pf);
	free(lab_run(&lab, 60,
		     "cp /run/pfkeep-lab/red.xml /var/lib/\n"
		     "cat >/usr/local/sbin/restore <<'EOS'\n%sEOS\n"
		     "chmod +x /usr/local/sbin/restore\n"
		     "cat >/etc/systemd/system/restore.service <<'EOS'\n%sEOS\n"
		     "systemctl -q enable restore.service\n"
		     "cd /usr/lib/modules/$(uname -r)\n"
		     "kexec -s -l vmlinuz --initrd=initrd.img --reuse-cmdline\n"
		     "[ $(setpci -s %s ECAP_SRIOV+8.w) != 0000 ]",
		     script, restore_unit, pf));
	tenant_destroy(&lab, &red);
	lab_leave(&lab, "systemctl kexec");
	lab_wait_boot(&lab, 2, 240);

	char *found = lab_run(&lab, 60, "cat /run/after-kexec");

	assert_non_null(strstr(found, "numvfs=0"));
	/* VF_Enable is bit 0, VF_MSE bit 3. */
	assert_int_equal(strtoul(strstr(found, "control=") + 8, NULL, 16) & 9, 0);
	free(found);
}

static void the_tenant_comes_back_cold(void **state)
{
	const struct wire_flow again = {
		.id = 2, .ip = "10.77.0.11", .rate = 50, .size = 128, .count = 100
	};

	free(tenant_wait(&lab, &red, 180, TENANT_SERVES));
	wire_start(&lab, &again);

	struct wire_report after = wire_finish(&lab, &again);
	struct wire_report r = wire_finish(&lab, &flow);
	struct bench bench = bench_open();

	wire_assert_whole(&after);
	assert_true(r.lost > 0);
	assert_true(r.gap_ns > 0);
	bench_flow(&bench, "tenant flow over a cold kexec", &r);
	bench_row(&bench, "blackout of a tenant over a cold kexec", (double)r.gap_ns / 1e9, "s");
	assert_int_equal(bench_save(&bench, "stock_kexec_loses_vfs"), 0);
	wire_report_free(&r);
	wire_report_free(&after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tenant_is_served),
		cmocka_unit_test(kexec_switches_vfs_off),
		cmocka_unit_test(the_tenant_comes_back_cold),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
