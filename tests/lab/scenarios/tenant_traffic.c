// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tenants live on VFs that a PF VM made. Two with igb VFs are reached from the wire
 * and reach each other, undisturbed by a PF VM that turns hostile; one with an NVMe
 * VF, whose queues, interrupts and namespace the PF VM assigned, keeps its data.
 * Nobody opens a VF without its token.
 *
 *	HOSTILE_ROUNDS=N   how often the PF VM attacks, 20 s each (default 1)
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
#include "tests/lab/harness/sriov.h"
#include "tests/lab/harness/tenant.h"
#include "tests/lab/harness/vfio.h"
#include "tests/lab/harness/vm.h"
#include "tests/lab/harness/wire.h"

#define SYS	  "/sys/bus/pci/devices"
#define TOKEN	  "/run/pfkeep-lab/token"
#define OWN_TOKEN "/run/pfkeep-lab/token-of-vf-1"
#define HOSTILE_S 20

static struct lab lab;
static struct bench bench;
static char *igb, *vfs[2];

/* The hostile guest shall reach all that there is to reach. */
static struct vm pf_vm = {
	.name = "pfvm", .token_file = TOKEN, .pf = true, .vf_bars = true, .tools = true
};
static struct vm tenants[2] = {
	{ .name = "red",
	  .token_file = TOKEN,
	  .append = "lab.ip=10.77.0.11/24 lab.mac=02:70:66:00:00:01" },
	{ .name = "blue",
	  .token_file = OWN_TOKEN,
	  .append = "lab.ip=10.77.0.12/24 lab.mac=02:70:66:00:00:02" },
};

static int setup(void **state)
{
	static const char *const pfs[] = { "igb", "nvme", NULL };

	bench = bench_open();
	return lab_up(&lab, &(struct lab_options){ .kernel = "pfkeep", .pfs = pfs });
}

static int teardown(void **state)
{
	int ret = bench_save(&bench, "tenant_traffic");

	free(igb);
	for (int i = 0; i < 2; i++)
		free(vfs[i]);
	return lab_down(&lab) || ret ? -1 : 0;
}

static void the_pf_vm_makes_vfs(void **state)
{
	igb = pf_find(&lab, PF_IGB);
	sriov_load(&lab, "module-pfkeep");
	vfio_bind(&lab, igb);
	vfio_make_token(&lab, TOKEN);
	pf_vm.bdf = igb;
	vm_start(&lab, &pf_vm);
	vm_wait_boot(&lab, &pf_vm, 1, 180);

	char *pf = vm_pf(&lab, &pf_vm);

	free(vm_run(&lab, &pf_vm, 60,
		    "cd " SYS "/%s; echo 4 >sriov_numvfs; nic=$(ls net); ip link set $nic up\n"
		    "for vf in 0 1; do\n"
		    "chroot /mnt /usr/sbin/ip link set $nic vf $vf mac 02:70:66:00:00:0$((vf + "
		    "1)); done",
		    pf));
	assert_int_equal(vfio_num_vfs(&lab, igb), 4);
	for (unsigned int i = 0; i < 2; i++)
		tenants[i].bdf = vfs[i] = pf_vf_bdf(&lab, igb, i);
	free(pf);
}

static void assert_refused(const struct vm *thief)
{
	char *said = NULL;

	assert_int_not_equal(vm_try_start(&lab, thief, &said), 0);
	if (!strstr(said, "token") && !strstr(said, "ermission denied"))
		fail_msg("refused, but not for its token: %s", said);
	free(said);
}

/* Not with none, and not with the PF's when the VF has one of its own. */
static void nobody_opens_a_vf_without_its_token(void **state)
{
	struct vm thief = { .name = "thief", .bdf = vfs[1] };

	assert_non_null(vfs[1]);
	vfio_make_token(&lab, OWN_TOKEN);
	free(lab_run(&lab, 30, "cat " OWN_TOKEN " >" SYS "/%s/vfio_sriov/vf_token", vfs[1]));
	assert_refused(&thief);
	thief.token_file = TOKEN;
	assert_refused(&thief);
	/* Nor is a token there for every process to see. */
	assert_int_not_equal(
		lab_try(&lab, 30, NULL, "cat /proc/[1-9]*/cmdline | grep -aq -f " TOKEN), 0);
}

static void tenants_run_the_vendor_vf_driver(void **state)
{
	assert_non_null(vfs[1]);
	for (int i = 0; i < 2; i++)
		vm_start(&lab, &tenants[i]);
	for (int i = 0; i < 2; i++) {
		char *nic = vm_wait(&lab, &tenants[i], 180, "LAB-NIC ");

		assert_non_null(strstr(nic, "driver=igbvf"));
		assert_non_null(strstr(nic, i ? "02:70:66:00:00:02" : "02:70:66:00:00:01"));
		free(nic);
		free(vm_wait(&lab, &tenants[i], 60, TENANT_SERVES));
	}
}

static void wire_reaches_each_tenant(void **state)
{
	static const struct wire_flow flows[] = {
		{ .id = 1, .ip = "10.77.0.11", .rate = 100, .size = 256, .count = 500 },
		{ .id = 2, .ip = "10.77.0.12", .rate = 100, .size = 256, .count = 500 },
	};

	for (int i = 0; i < 2; i++)
		wire_start(&lab, &flows[i]);
	for (int i = 0; i < 2; i++) {
		struct wire_report r = wire_finish(&lab, &flows[i]);

		wire_assert_whole(&r);
		bench_flow(&bench, i ? "wire to second tenant" : "wire to first tenant", &r);
		wire_report_free(&r);
	}
}

static void tenants_reach_each_other(void **state)
{
	char *report = vm_run(&lab, &tenants[1], 60,
			      "ping -q -c 1 -w 30 10.77.0.11 >/dev/null\n"
			      "wire-flow echo 10.77.0.11 --rate 100 --count 500 --size 256 | "
			      "tail -n 1");
	struct wire_report r = wire_report_parse(report);

	wire_assert_whole(&r);
	bench_flow(&bench, "tenant to tenant", &r);
	wire_report_free(&r);
	free(report);
}

/* What every function but the PF has in its configuration space. */
static char *config_of_the_others(void)
{
	return lab_run(&lab, 60,
		       "for f in " SYS
		       "/*; do f=${f##*/}; [ $f = %s ] || lspci -D -xxxx -s $f; done",
		       igb);
}

static void attack(unsigned int round, const char *pf)
{
	static const struct wire_flow flows[] = {
		{ .id = 3, .ip = "10.77.0.11", .rate = 100, .size = 256 },
		{ .id = 4, .ip = "10.77.0.12", .rate = 100, .size = 256 },
	};
	char *what;

	for (int i = 0; i < 2; i++)
		wire_start(&lab, &flows[i]);
	what = vm_run(&lab, &pf_vm, HOSTILE_S + 60, "hostile %s %u %u", pf, HOSTILE_S, round);
	for (int i = 0; i < 2; i++) {
		struct wire_report r = wire_finish(&lab, &flows[i]);

		printf("# round %u: %.*s; to %s: %lld sent, %lld lost\n", round,
		       (int)strcspn(what, "\n"), what, tenants[i].name, (long long)r.sent,
		       (long long)r.lost);
		fflush(stdout);
		wire_assert_whole(&r);
		wire_report_free(&r);
	}
	free(what);
}

static void a_hostile_pf_vm_disturbs_nobody(void **state)
{
	const char *text = getenv("HOSTILE_ROUNDS");
	unsigned int rounds = text ? (unsigned int)strtoul(text, NULL, 10) : 1;
	char *pf = vm_pf(&lab, &pf_vm), *before = config_of_the_others(), *after;

	for (unsigned int i = 1; i <= rounds; i++)
		attack(i, pf);
	after = config_of_the_others();
	assert_string_equal(after, before);
	free(before);
	free(after);
	free(pf);
	/* the same QEMU still runs, and so do the VFs */
	free(lab_run(&lab, 30, "[ $(virsh domstate pfvm) = running ]"));
	assert_int_equal(vfio_num_vfs(&lab, igb), 4);
	sriov_kernel_has_no_complaint(&lab);
	vm_destroy(&lab, &pf_vm);
	for (int i = 0; i < 2; i++)
		vm_destroy(&lab, &tenants[i]);
}

static void nvme_vf_keeps_a_tenants_data(void **state)
{
	struct vm owner = { .name = "nvmevm", .token_file = TOKEN, .pf = true, .tools = true };
	struct vm store = {
		.name = "store", .append = "lab.job=nvme-verify", .token_file = TOKEN, .tools = true
	};
	char *nvme = pf_find(&lab, PF_NVME), *pf, *vf, *fio, *status;

	vfio_bind(&lab, nvme);
	owner.bdf = nvme;
	vm_start(&lab, &owner);
	vm_wait_boot(&lab, &owner, 1, 180);
	pf = vm_pf(&lab, &owner);
	free(vm_run(&lab, &owner, 120, "chroot /mnt /bin/sh -ec '%s' sh %s 0", pf_nvme_vf_script,
		    pf));
	store.bdf = vf = pf_vf_bdf(&lab, nvme, 0);
	vm_start(&lab, &store);
	fio = vm_wait(&lab, &store, 240, "LAB-FIO ");
	status = vm_wait(&lab, &store, 30, "LAB-JOB nvme-verify status=");
	assert_string_equal(status, "0");
	assert_true(strtod(fio, NULL) > 0);
	bench_row(&bench, "NVMe VF, verified random writes", strtod(fio, NULL), "IOPS");
	vm_destroy(&lab, &owner);
	sriov_kernel_has_no_complaint(&lab);
	free(status);
	free(fio);
	free(vf);
	free(pf);
	free(nvme);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_pf_vm_makes_vfs),
		cmocka_unit_test(nobody_opens_a_vf_without_its_token),
		cmocka_unit_test(tenants_run_the_vendor_vf_driver),
		cmocka_unit_test(wire_reaches_each_tenant),
		cmocka_unit_test(tenants_reach_each_other),
		cmocka_unit_test(a_hostile_pf_vm_disturbs_nobody),
		cmocka_unit_test(nvme_vf_keeps_a_tenants_data),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
