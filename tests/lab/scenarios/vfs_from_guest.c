// SPDX-License-Identifier: GPL-2.0-only
/*
 * The unmodified PF driver in a VM makes VFs: one list of what must hold, for each
 * kind of PF. What the guest sees is what the host has; what the host refuses is
 * an ordinary error in the guest; reboots and crashes with VFs switched on leave
 * no mess.
 *
 *	VFS_CYCLES=N   the whole list for each, and VFs N times on and off; else of the
 *	               tests that boot the guest anew just one, for igb
 *	VFS_PF=KIND    igb, nvme or virtio-net alone
 *	VFS_VM=WORDS   of tcg, switch, iommufd and 4cpus: how the VM is made
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
#include "tests/lab/harness/sriov.h"
#include "tests/lab/harness/vfio.h"
#include "tests/lab/harness/vm.h"

#define SYS	"/sys/bus/pci/devices"
#define TOKEN	"/run/pfkeep-lab/token"
#define BOOT_S	180
#define SET_S	120
#define N_KINDS 3

static struct lab lab;

static struct subject {
	enum pf_kind kind;
	const char *name;
	struct vm vm;
	char *pf, *guest_pf;
	unsigned int total; /* of the register */
	unsigned int max;   /* of the guest's driver */
	unsigned int boots;
} subjects[N_KINDS] = {
	{ .kind = PF_IGB, .name = "igb" },
	{ .kind = PF_NVME, .name = "nvme" },
	{ .kind = PF_VIRTIO_NET, .name = "virtio-net" },
};

static bool wanted(const char *name)
{
	const char *only = getenv("VFS_PF");

	return !only || !strcmp(only, name);
}

static int teardown(void **state)
{
	for (int i = 0; i < N_KINDS; i++) {
		free(subjects[i].pf);
		free(subjects[i].guest_pf);
	}
	return lab_down(&lab);
}

static unsigned int number_in(const char *text, const char *key)
{
	char *value = lab_field(text, key);
	unsigned int n = (unsigned int)strtoul(value, NULL, 10);

	free(value);
	return n;
}

static unsigned int guest_num_vfs(struct subject *s)
{
	char *text =
		vm_run(&lab, &s->vm, 30, "echo NUM $(cat " SYS "/%s/sriov_numvfs)", s->guest_pf);
	unsigned int n = number_in(text, "NUM ");

	free(text);
	return n;
}

static int guest_set_vfs(struct subject *s, unsigned int vfs)
{
	return vm_try(&lab, &s->vm, SET_S, NULL, "echo %u >" SYS "/%s/sriov_numvfs", vfs,
		      s->guest_pf);
}

/*
 * A line for each VF: its routing ID less the PF's, its IDs, the sizes and kinds of
 * its BARs. A BAR without an address is a "-". Any POSIX shell runs it.
 */
static const char describe[] =
	"rid() { a=${1##*/}; a=${a#*:}; echo $((0x${a%%:*} * 256 + 0x$(echo ${a#*:} | cut -d. -f1) "
	"* 8 + ${a#*.})); }\n"
	"cd " SYS "/%s; pf=$(rid %s)\n"
	"i=0; while [ -e virtfn$i ]; do\n"
	"v=$(readlink virtfn$i); bars=; n=0\n"
	"while read -r start end flags; do\n"
	"[ $n -lt 6 ] || break; n=$((n + 1)); size=0\n"
	"[ $((end)) = 0 ] || size=$((end - start + 1))\n"
	"[ $size = 0 ] || [ $((start)) != 0 ] || size=-\n"
	"bars=\"$bars $size/$((flags & 0x10220c))\"\n"
	"done <virtfn$i/resource\n"
	"echo VF $i +$(($(rid $v) - pf)) $(cat virtfn$i/vendor virtfn$i/device virtfn$i/class) "
	"$bars\n"
	"i=$((i + 1)); done\n";

static void assert_guest_sees_the_hosts_vfs(struct subject *s, unsigned int vfs)
{
	assert_int_equal(vfio_num_vfs(&lab, s->pf), vfs);
	assert_int_equal(guest_num_vfs(s), vfs);

	char *host = lab_run(&lab, 60, describe, s->pf, s->pf);
	char *guest = vm_run(&lab, &s->vm, 60, describe, s->guest_pf, s->guest_pf);

	assert_string_equal(guest, host);
	assert_null(strstr(guest, "-/"));
	assert_true(!vfs == !strstr(guest, "VF 0 +"));
	free(host);
	free(guest);
}

static void set_and_compare(struct subject *s, unsigned int vfs)
{
	assert_int_equal(guest_set_vfs(s, vfs), 0);
	assert_guest_sees_the_hosts_vfs(s, vfs);
}

static void start(struct subject *s)
{
	const char *how = getenv("VFS_VM") ? getenv("VFS_VM") : "";

	s->pf = pf_find(&lab, s->kind);
	s->vm = (struct vm){
		.name = s->name,
		.bdf = s->pf,
		.token_file = TOKEN,
		.pf = true,
		.tools = true,
		.tcg = strstr(how, "tcg") != NULL,
		.behind_switch = strstr(how, "switch") != NULL,
		.raw = strstr(how, "iommufd") != NULL,
		.vcpus = strstr(how, "4cpus") ? 4 : 1,
	};
	vfio_bind(&lab, s->pf);
	vm_start(&lab, &s->vm);
}

/* All of them boot side by side. */
static int setup(void **state)
{
	struct lab_options options = { .kernel = "pfkeep" };
	const char *pfs[N_KINDS + 1] = { NULL };
	size_t n = 0;

	for (int i = 0; i < N_KINDS; i++)
		if (wanted(subjects[i].name))
			pfs[n++] = subjects[i].name;
	options.pfs = pfs;
	if (getenv("VFS_VM") && strstr(getenv("VFS_VM"), "4cpus"))
		options.cpus = "6";
	if (lab_up(&lab, &options))
		return -1;
	sriov_load(&lab, "module-pfkeep");
	vfio_make_token(&lab, TOKEN);
	for (int i = 0; i < N_KINDS; i++)
		if (wanted(subjects[i].name))
			start(&subjects[i]);
	return 0;
}

static void the_guest_sees_the_capability(void **state)
{
	struct subject *s = *state;

	vm_wait_boot(&lab, &s->vm, ++s->boots, s->vm.tcg ? 3 * BOOT_S : BOOT_S);
	s->guest_pf = vm_pf(&lab, &s->vm);

	char *host = lab_run(&lab, 30, "echo TOTAL $(cat " SYS "/%s/sriov_totalvfs)", s->pf);
	char *guest = vm_run(&lab, &s->vm, 30,
			     "echo MAX $(cat " SYS "/%s/sriov_totalvfs)\n"
			     "chroot /mnt lspci -vv -s %s",
			     s->guest_pf, s->guest_pf);

	s->total = number_in(host, "TOTAL ");
	s->max = number_in(guest, "MAX ");
	assert_int_equal(number_in(guest, "Total VFs: "), s->total);
	assert_in_range(s->max, 3, s->total);
	assert_guest_sees_the_hosts_vfs(s, 0);
	free(host);
	free(guest);
}

static void vfs_come_and_go(void **state)
{
	struct subject *s = *state;

	set_and_compare(s, 1);
	set_and_compare(s, 0);
	set_and_compare(s, s->max);
	set_and_compare(s, 0);
	set_and_compare(s, s->max);
}

/* pciutils' own parser walks the chains, of the PF and of the first and last VF. */
static void the_guests_lspci_finds_no_fault(void **state)
{
	struct subject *s = *state;
	char *text = vm_run(&lab, &s->vm, 60,
			    "for f in . virtfn0 virtfn%u; do\n"
			    "d=$(readlink -f " SYS "/%s/$f)\n"
			    "chroot /mnt lspci -vvv -s ${d##*/}; done",
			    s->max - 1, s->guest_pf);
	static const char *const faults[] = { "chain",	"!!!",		 "unknown header",
					      "denied", "Unknown small", "[?" };

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (strstr(text, faults[i]))
			fail_msg("lspci finds \"%s\" in: %s", faults[i], text);
	assert_non_null(strstr(text, "Single Root I/O Virtualization (SR-IOV)"));
	assert_non_null(strstr(text, "Alternative Routing-ID Interpretation (ARI)"));
	assert_int_equal(number_in(text, "Number of VFs: "), s->max);
	free(text);
}

/* By the kernel's interface, and by the register itself. */
static void more_than_there_are_is_refused(void **state)
{
	struct subject *s = *state;

	set_and_compare(s, 0);
	assert_int_not_equal(guest_set_vfs(s, s->total + 1), 0);
	assert_guest_sees_the_hosts_vfs(s, 0);

	char *text = vm_run(&lab, &s->vm, 60,
			    "set() { chroot /mnt setpci -s %s ECAP_SRIOV+$1; }\n"
			    "set 10.w=2; set 10.w=%x; echo NUM $(set 10.w)\n"
			    "set 10.w=ffff; echo NUM $(set 10.w); set 10.w=0",
			    s->guest_pf, s->total + 1);

	assert_string_equal(text, "NUM 0002\nNUM 0002\n");
	free(text);
	free(lab_run(&lab, 30, "echo 2 >" SYS "/%s/vfio_sriov/max_vfs", s->pf));
	assert_int_not_equal(guest_set_vfs(s, 3), 0);
	assert_guest_sees_the_hosts_vfs(s, 0);
	set_and_compare(s, 2);
	free(lab_run(&lab, 30, "echo %u >" SYS "/%s/vfio_sriov/max_vfs", s->total, s->pf));
}

static void held_vfs_stay(void **state)
{
	struct subject *s = *state;

	vfio_hold(&lab, s->pf, 0, "holder");
	assert_int_equal(guest_set_vfs(s, 0), 0);
	assert_int_equal(guest_num_vfs(s), 0);
	assert_int_equal(vfio_num_vfs(&lab, s->pf), 2);
	/* another number: refused */
	assert_int_not_equal(guest_set_vfs(s, 1), 0);
	assert_int_equal(guest_num_vfs(s), 0);
	assert_int_equal(vfio_num_vfs(&lab, s->pf), 2);
	/* the same: they are found again */
	set_and_compare(s, 2);
	vfio_let_go(&lab, "holder");
	set_and_compare(s, 0);
}

/* A reset of the VM takes them from the guest only. */
static void held_vfs_outlive_a_reset(void **state)
{
	struct subject *s = *state;

	set_and_compare(s, 2);
	vfio_hold(&lab, s->pf, 1, "holder");
	vm_reset(&lab, &s->vm);
	vm_wait_boot(&lab, &s->vm, ++s->boots, BOOT_S);
	assert_int_equal(guest_num_vfs(s), 0);
	assert_int_equal(vfio_num_vfs(&lab, s->pf), 2);
	set_and_compare(s, 2);
	vfio_let_go(&lab, "holder");
	set_and_compare(s, 0);
}

static void a_reboot_takes_the_vfs_away(void **state)
{
	struct subject *s = *state;

	set_and_compare(s, 2);
	/* The agent goes down with the guest: nothing says how the command ended. */
	lab_try(&lab, 60, NULL,
		"echo 'reboot -f' | timeout 5 /usr/lib/pfkeep/guest-exec "
		"/run/pfkeep-lab/%s.agent 5",
		s->vm.name);
	vm_wait_boot(&lab, &s->vm, ++s->boots, BOOT_S);
	assert_guest_sees_the_hosts_vfs(s, 0);
	set_and_compare(s, 2);
}

static void a_killed_vm_is_started_anew(void **state)
{
	struct subject *s = *state;

	set_and_compare(s, 2);
	vm_kill(&lab, &s->vm);
	vm_start(&lab, &s->vm);
	s->boots = 1;
	vm_wait_boot(&lab, &s->vm, s->boots, BOOT_S);
	set_and_compare(s, 0);
	set_and_compare(s, s->max);
}

static unsigned int n_cycles(void)
{
	const char *text = getenv("VFS_CYCLES");

	return text ? (unsigned int)strtoul(text, NULL, 10) : 0;
}

static void cycles(void **state)
{
	struct subject *s = *state;

	for (unsigned int i = 1; i <= n_cycles(); i++) {
		set_and_compare(s, 0);
		set_and_compare(s, s->max);
		if (i % 5 == 0) {
			printf("# %s: %u of %u cycles\n", s->name, i, n_cycles());
			fflush(stdout);
		}
	}
}

static void the_host_has_no_complaint(void **state)
{
	struct subject *s = *state;

	vm_destroy(&lab, &s->vm);
	sriov_kernel_has_no_complaint(&lab);
}

static const struct {
	const char *name;
	CMUnitTestFunction run;
	/* What boots the guest anew is too long for every round. */
	enum { ALWAYS, ONCE, WHOLE_LIST } when;
} list[] = {
	{ "the guest sees the capability", the_guest_sees_the_capability, ALWAYS },
	{ "VFs come and go", vfs_come_and_go, ALWAYS },
	{ "the guest's lspci finds no fault", the_guests_lspci_finds_no_fault, ALWAYS },
	{ "more than there are is refused", more_than_there_are_is_refused, ALWAYS },
	{ "held VFs stay", held_vfs_stay, ALWAYS },
	{ "held VFs outlive a reset", held_vfs_outlive_a_reset, WHOLE_LIST },
	{ "a reboot takes the VFs away", a_reboot_takes_the_vfs_away, WHOLE_LIST },
	{ "a killed VM is started anew", a_killed_vm_is_started_anew, ONCE },
	{ "cycles", cycles, WHOLE_LIST },
	{ "the host has no complaint", the_host_has_no_complaint, ALWAYS },
};

#define LIST_LEN (sizeof(list) / sizeof(list[0]))

int main(void)
{
	static char names[N_KINDS * LIST_LEN][64];
	static struct CMUnitTest tests[N_KINDS * LIST_LEN];
	size_t n = 0;

	for (int i = 0; i < N_KINDS; i++) {
		if (!wanted(subjects[i].name))
			continue;
		for (size_t j = 0; j < LIST_LEN; j++) {
			if (!n_cycles() &&
			    (list[j].when == WHOLE_LIST || (list[j].when == ONCE && i)))
				continue;
			snprintf(names[n], sizeof(names[n]), "%s: %s", subjects[i].name,
				 list[j].name);
			tests[n].name = names[n];
			tests[n].test_func = list[j].run;
			tests[n].initial_state = &subjects[i];
			n++;
		}
	}
	return _cmocka_run_group_tests("vfs_from_guest", tests, n, setup, teardown);
}
