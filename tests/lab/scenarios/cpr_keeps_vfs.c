// SPDX-License-Identifier: GPL-2.0-only
/*
 * A new QEMU takes over from the old one under a running PF VM, and under a tenant,
 * both ways that QEMU has (cpr-exec, cpr-transfer), while the wire talks to the
 * tenant. VFs stay on, the guests notice nothing, no frame is lost. All by iommufd.
 *
 *	CPR_ROUNDS=N   how often, both ways each (default 1)
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

#define SYS   "/sys/bus/pci/devices"
#define TOKEN "/run/pfkeep-lab/token"
/*
 * As many as fit a receive ring while a loaded machine takes a quarter of a minute for
 * the exchange: what comes in then waits there.
 */
#define FRAMES_A_S 10

static struct lab lab;
static struct bench bench;
static char *igb, *vf, *guest_pf;
static struct vm pf_vm = {
	.name = "cprpf", .token_file = TOKEN, .pf = true, .tools = true, .raw = true
};
static struct vm tenant = { .name = "cprred",
			    .token_file = TOKEN,
			    .raw = true,
			    .append = "lab.ip=10.77.0.11/24 lab.mac=02:70:66:00:00:01" };

static int setup(void **state)
{
	static const char *const pfs[] = { "igb", NULL };

	bench = bench_open();
	return lab_up(&lab, &(struct lab_options){ .kernel = "pfkeep", .pfs = pfs });
}

static int teardown(void **state)
{
	int ret = bench_save(&bench, "cpr_keeps_vfs");

	free(igb);
	free(vf);
	free(guest_pf);
	return lab_down(&lab) || ret ? -1 : 0;
}

static void a_tenant_is_served(void **state)
{
	igb = pf_find(&lab, PF_IGB);
	sriov_load(&lab, "module-pfkeep");
	vfio_bind(&lab, igb);
	vfio_make_token(&lab, TOKEN);
	pf_vm.bdf = igb;
	vm_start(&lab, &pf_vm);
	vm_wait_boot(&lab, &pf_vm, 1, 180);
	guest_pf = vm_pf(&lab, &pf_vm);
	free(vm_run(&lab, &pf_vm, 60,
		    "cd " SYS "/%s; echo 2 >sriov_numvfs; nic=$(ls net); ip link set $nic up\n"
		    "chroot /mnt /usr/sbin/ip link set $nic vf 0 mac 02:70:66:00:00:01",
		    guest_pf));
	tenant.bdf = vf = pf_vf_bdf(&lab, igb, 0);
	vm_start(&lab, &tenant);
	free(vm_wait(&lab, &tenant, 180, TENANT_SERVES));
}

/* What of a guest's state tells of a boot, or of a PF that was probed again. */
static char *what_the_guest_knows(const struct vm *vm)
{
	return vm_run(&lab, vm, 60,
		      "cat /proc/sys/kernel/random/boot_id; cd " SYS "/; ls\n"
		      "[ ! -e %s/sriov_numvfs ] || cat %s/sriov_numvfs %s/virtfn*/config | md5sum",
		      guest_pf, guest_pf, guest_pf);
}

static void replace(const struct vm *vm,
		    void (*cpr)(struct lab *lab, const struct vm *vm, unsigned int generation),
		    unsigned int generation, const char *figure)
{
	const struct wire_flow flow = {
		.id = 10 + generation, .ip = "10.77.0.11", .rate = FRAMES_A_S, .size = 128
	};
	char *before = what_the_guest_knows(vm), *after;

	wire_start(&lab, &flow);
	cpr(&lab, vm, generation);
	after = what_the_guest_knows(vm);

	struct wire_report r = wire_finish(&lab, &flow);

	assert_string_equal(after, before);
	assert_int_equal(vfio_num_vfs(&lab, igb), 2);
	wire_assert_whole(&r);
	bench_flow(&bench, figure, &r);
	wire_report_free(&r);
	free(before);
	free(after);
}

static void replace_both_ways(const struct vm *vm, const char *exec, const char *transfer)
{
	const char *text = getenv("CPR_ROUNDS");
	unsigned int rounds = text ? (unsigned int)strtoul(text, NULL, 10) : 1;

	assert_non_null(vm->bdf);
	for (unsigned int i = 0; i < rounds; i++) {
		replace(vm, vm_cpr_exec, 2 * i + 2, exec);
		replace(vm, vm_cpr_transfer, 2 * i + 3, transfer);
		printf("# %s: round %u of %u\n", vm->name, i + 1, rounds);
		fflush(stdout);
	}
}

static void the_pf_vms_qemu_is_replaced(void **state)
{
	replace_both_ways(&pf_vm, "tenant's flow over cpr-exec of the PF VM",
			  "tenant's flow over cpr-transfer of the PF VM");
}

static void the_tenants_qemu_is_replaced(void **state)
{
	replace_both_ways(&tenant, "tenant's flow over its own cpr-exec",
			  "tenant's flow over its own cpr-transfer");
}

/* The new QEMU is no picture of the old one: it makes and removes VFs, too. */
static void the_new_qemu_owns_sriov(void **state)
{
	vm_destroy(&lab, &tenant);
	free(vm_run(&lab, &pf_vm, 60, "cd " SYS "/%s; echo 0 >sriov_numvfs; echo 3 >sriov_numvfs",
		    guest_pf));
	assert_int_equal(vfio_num_vfs(&lab, igb), 3);
	vm_destroy(&lab, &pf_vm);
	sriov_kernel_has_no_complaint(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tenant_is_served),
		cmocka_unit_test(the_pf_vms_qemu_is_replaced),
		cmocka_unit_test(the_tenants_qemu_is_replaced),
		cmocka_unit_test(the_new_qemu_owns_sriov),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
