// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's kernel is replaced under a PF VM and a tenant with a VF: both guests go
 * on, with their devices, and the tenant answers the wire again. Before that,
 * attempts that fail: nothing happens to either.
 *
 *	LU_ROUNDS=N   how many updates go on from the initramfs (default 1)
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
#include "tests/lab/harness/pfkeep.h"
#include "tests/lab/harness/sriov.h"
#include "tests/lab/harness/tenant.h"
#include "tests/lab/harness/update.h"
#include "tests/lab/harness/vfio.h"
#include "tests/lab/harness/vm.h"
#include "tests/lab/harness/wire.h"

#define SYS   "/sys/bus/pci/devices"
#define TOKEN "/run/pfkeep-lab/token"
#define MAC   "02:70:66:00:00:01"
#define VFS   2

/* So few that all of the blackout fit the VF's receive ring. */
#define RATE 1

static struct lab lab;
static char *igb, *vf, *guest_pf, *before[2];
static struct vm pf_vm = {
	.name = "lupf", .token_file = TOKEN, .pf = true, .tools = true, .raw = true
};
static struct vm tenant = { .name = "lured",
			    .token_file = TOKEN,
			    .raw = true,
			    .append = "lab.ip=10.77.0.11/24 lab.mac=" MAC };
static const struct wire_flow flow = { .id = 1, .ip = "10.77.0.11", .rate = RATE, .size = 128 };
static struct wire_flow early = { .id = 3, .ip = "10.77.0.11", .rate = RATE, .size = 128 };

static int setup(void **state)
{
	static const char *const pfs[] = { "igb", NULL };

	return lab_up(&lab, &(struct lab_options){
				    .kernel = "pfkeep", .pfs = pfs, .append = UPDATE_LIVE });
}

static int teardown(void **state)
{
	free(igb);
	free(vf);
	free(guest_pf);
	free(before[0]);
	free(before[1]);
	return lab_down(&lab);
}

static char *what_the_guest_knows(const struct vm *vm)
{
	return vm_run(&lab, vm, 60,
		      "cat /proc/sys/kernel/random/boot_id; cd " SYS "; ls\n"
		      "dmesg | grep -c 'igb.*: \\(Intel\\|added\\)' || :\n"
		      "[ ! -e %s/sriov_numvfs ] || { cat %s/sriov_numvfs\n"
		      "ls -d %s/virtfn*; }",
		      guest_pf, guest_pf, guest_pf);
}

static void assert_goes_on(void)
{
	char *pf = what_the_guest_knows(&pf_vm), *red = what_the_guest_knows(&tenant);

	assert_string_equal(pf, before[0]);
	assert_string_equal(red, before[1]);
	assert_int_equal(vfio_num_vfs(&lab, igb), VFS);
	free(pf);
	free(red);
}

static void a_tenant_is_served(void **state)
{
	update_keep_files(&lab);
	pfkeep_install(&lab);
	igb = pf_find(&lab, PF_IGB);
	vfio_bind(&lab, igb);
	vfio_make_token(&lab, TOKEN);
	pf_vm.bdf = igb;
	vm_start(&lab, &pf_vm);
	vm_wait_boot(&lab, &pf_vm, 1, 180);
	guest_pf = vm_pf(&lab, &pf_vm);
	free(vm_run(&lab, &pf_vm, 60,
		    "cd " SYS "/%s; echo %u >sriov_numvfs; nic=$(ls net); ip link set $nic up\n"
		    "chroot /mnt /usr/sbin/ip link set $nic vf 0 mac " MAC,
		    guest_pf, VFS));
	tenant.bdf = vf = pf_vf_bdf(&lab, igb, 0);
	vm_start(&lab, &tenant);
	free(vm_wait(&lab, &tenant, 180, TENANT_SERVES));
	before[0] = what_the_guest_knows(&pf_vm);
	before[1] = what_the_guest_knows(&tenant);
}

/* Nothing is touched. */
static void what_cant_be_done_is_said_before(void **state)
{
	static const struct {
		const char *command, *why;
	} next[] = {
		{ "head -c 2000000 vmlinuz >/run/cut; pfkeep live-update --kernel /run/cut",
		  "kernel /run/cut: it is cut short" },
		{ "pfkeep live-update --kernel initrd.img", "an initramfs?" },
		{ "pfkeep live-update --kernel vmlinuz --initrd vmlinuz",
		  "initrd vmlinuz: it is no initramfs" },
		{ "head -c 500000 initrd.img >/run/cut\n"
		  "pfkeep live-update --kernel vmlinuz --initrd /run/cut",
		  "initrd /run/cut: it is damaged or cut short" },
		{ "systemctl -q disable pfkeep-restore\n"
		  "pfkeep live-update --kernel vmlinuz --initrd initrd.img",
		  "nothing would start the VMs in the next kernel" },
	};

	free(pfkeep_fails(&lab, 60, 1, "check: kernel /no/kernel: No such file",
			  "live-update --kernel /no/kernel --dry-run"));
	free(pfkeep_fails(&lab, 60, 1, "command line has intel_iommu=off",
			  "live-update --kernel /usr/lib/modules/$(uname -r)/vmlinuz --append "
			  "intel_iommu=off --dry-run"));
	for (size_t i = 0; i < sizeof(next) / sizeof(next[0]); i++) {
		char *output = NULL;

		assert_int_equal(lab_try(&lab, 60, &output, "cd /usr/lib/modules/$(uname -r); %s",
					 next[i].command),
				 1);
		if (!strstr(output, next[i].why))
			fail_msg("no '%s' in: %s", next[i].why, output);
		free(output);
	}
	free(lab_run(&lab, 60, "systemctl -q enable pfkeep-restore\n" UPDATE_COMMAND " --dry-run"));
	assert_goes_on();
}

/*
 * The session's name is taken: that is found when both QEMUs have given way already.
 * They come back.
 */
static void an_update_that_fails_goes_unnoticed(void **state)
{
	const struct wire_flow meanwhile = {
		.id = 2, .ip = "10.77.0.11", .rate = RATE, .size = 128
	};
	struct wire_report r;

	update_hold(&lab);
	wire_start(&lab, &meanwhile);
	update_fails(&lab);
	assert_goes_on();
	r = wire_finish(&lab, &meanwhile);
	wire_assert_whole(&r);
	wire_report_free(&r);
	update_let_go(&lab);
}

/* Returns what the unit said in the new kernel. */
static char *replace_kernel(const struct wire_flow *over, const char *command, unsigned int boots)
{
	char *log = update_jump(&lab, over, command, boots);

	assert_goes_on();
	return log;
}

static void the_kernel_is_replaced_under_both(void **state)
{
	char *log = replace_kernel(&flow, UPDATE_COMMAND, 2);

	assert_non_null(strstr(log, "2 VMs go on"));
	free(log);
	update_draw(&lab, "live_update");
}

/* From the initramfs; boot number @boots of the host follows. */
static void update_early(unsigned int boots)
{
	char *log = replace_kernel(&early, UPDATE_EARLY, boots);

	/* the unit found nothing left to do */
	assert_null(strstr(log, "VMs go on"));
	free(log);
}

static void the_next_update_goes_on_from_the_initramfs(void **state)
{
	const char *text = getenv("LU_ROUNDS");
	unsigned int rounds = text ? (unsigned int)strtoul(text, NULL, 10) : 1;

	update_make_initramfs(&lab);
	update_early(3);
	update_draw(&lab, "live_update_initramfs");
	for (unsigned int i = 1; i < rounds; i++) {
		struct wire_report r = wire_finish(&lab, &early);

		wire_assert_whole(&r);
		printf("# update %u from the initramfs: blackout %.1f s\n", i,
		       (double)r.gap_ns / 1e9);
		fflush(stdout);
		wire_report_free(&r);
		early.id++;
		update_early(3 + i);
	}
}

static void no_frame_of_the_blackouts_is_lost(void **state)
{
	struct bench bench = bench_open();

	update_finish(&lab, &bench, &flow, "restored by the host's init");
	update_finish(&lab, &bench, &early, "restored in the initramfs");
	assert_int_equal(bench_save(&bench, "live_update"), 0);
	sriov_kernel_has_no_complaint(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tenant_is_served),
		cmocka_unit_test(what_cant_be_done_is_said_before),
		cmocka_unit_test(an_update_that_fails_goes_unnoticed),
		cmocka_unit_test(the_kernel_is_replaced_under_both),
		cmocka_unit_test(the_next_update_goes_on_from_the_initramfs),
		cmocka_unit_test(no_frame_of_the_blackouts_is_lost),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
