// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's kernel is replaced under libvirt's domains: a PF VM that `pf adopt` made, and
 * a tenant whose metadata asked for a VF. Both go on, restored by the host's init and then,
 * in another update, by the initramfs; no frame of the wire's is lost meanwhile. Libvirt
 * has both as before, and so has pfkeepd: its books are right, settings reach the PF's
 * driver, and the tenant ends and starts with its VF.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lab/harness/bench.h"
#include "tests/lab/harness/domain.h"
#include "tests/lab/harness/lab.h"
#include "tests/lab/harness/pfkeep.h"
#include "tests/lab/harness/pfvm.h"
#include "tests/lab/harness/sriov.h"
#include "tests/lab/harness/tenant.h"
#include "tests/lab/harness/update.h"
#include "tests/lab/harness/vfio.h"
#include "tests/lab/harness/wire.h"
#include "tests/lab/lib/jsonline.h"

#define MAC	 "02:70:66:00:00:01"
#define FREE_MAC "02:70:66:00:00:09"
#define VFS	 3
#define SERVES_S 180
#define READY_S	 300
#define BOOT_S	 240
/* On the root file system, as an operator's images are: the initramfs finds it, too. */
#define IMAGE "/var/lib/pfkeep/images/on-root"
#define LATE  UPDATE_COMMAND " --append pfkeep.restore=late"
/* So few that all of the blackout fit the VF's receive ring. */
#define RATE 1

/* What an update must not change. */
struct look {
	char *pf_vm, *tenant, *host, *machines[2];
};

static struct lab lab;
static struct bench bench;
static char *pf, *pf_vm;
static struct look before;
static unsigned int flows;
static struct tenant red = { .name = "red", .append = "lab.ip=10.77.0.11/24 lab.mac=" MAC };

static int setup(void **state)
{
	static const char *const pfs[] = { "igb", NULL };

	bench = bench_open();
	return lab_up(&lab, &(struct lab_options){
				    .kernel = "pfkeep", .pfs = pfs, .append = UPDATE_LIVE });
}

static void look_free(struct look *look)
{
	free(look->pf_vm);
	free(look->tenant);
	free(look->host);
	free(look->machines[0]);
	free(look->machines[1]);
}

static int teardown(void **state)
{
	int ret = bench_save(&bench, "live_update_libvirt");

	look_free(&before);
	free(pf);
	free(pf_vm);
	return lab_down(&lab) || ret ? -1 : 0;
}

/* Both guests by their agents; the host's functions, by address and driver; both machines. */
static struct look look(void)
{
	assert_non_null(pf_vm);
	return (struct look){
		.pf_vm = domain_tells(&lab, pf_vm),
		.tenant = domain_tells(&lab, red.name),
		.host = lab_run(&lab, 30,
				"cd /sys/bus/pci/devices/%s; cat sriov_numvfs\n"
				"for f in . virtfn*; do\n"
				"  echo $(basename $(readlink -f $f)) "
				"$(basename $(readlink $f/driver))\n"
				"done",
				pf),
		.machines = { domain_machine(&lab, pf_vm), domain_machine(&lab, red.name) },
	};
}

static void assert_goes_on(void)
{
	struct look now = look();

	assert_non_null(before.host);
	assert_string_equal(now.pf_vm, before.pf_vm);
	assert_string_equal(now.tenant, before.tenant);
	assert_string_equal(now.host, before.host);
	assert_string_equal(now.machines[0], before.machines[0]);
	assert_string_equal(now.machines[1], before.machines[1]);
	assert_int_equal(vfio_num_vfs(&lab, pf), VFS);
	look_free(&now);
}

static struct wire_flow flow_of(unsigned int rate, unsigned int count)
{
	return (struct wire_flow){
		.id = 1 + flows++, .ip = "10.77.0.11", .rate = rate, .size = 128, .count = count
	};
}

static void flow_is_whole(void)
{
	struct wire_flow flow = flow_of(20, 100);
	struct wire_report r;

	wire_start(&lab, &flow);
	r = wire_finish(&lab, &flow);
	wire_assert_whole(&r);
	wire_report_free(&r);
}

static void a_tenant_is_served(void **state)
{
	update_keep_files(&lab);
	update_make_initramfs(&lab);
	domain_use_machined(&lab);
	pfkeep_install(&lab);
	free(lab_run(&lab, 120, "[ -e " IMAGE " ] || cp -a " PFKEEP_IMAGE " " IMAGE));
	pf = pfkeep_adopt(&lab, PF_IGB, "--vfs 3 --image " IMAGE);
	pf_vm = pfkeep_pf_vm(&lab);
	assert_int_equal(vfio_num_vfs(&lab, pf), VFS);
	pfkeep_serve(&lab, &red, pf, 0, MAC);
	flow_is_whole();
	domain_limit(&lab, red.name);
	before = look();
	printf("# %s%s%s%s%s", before.pf_vm, before.tenant, before.host, before.machines[0],
	       before.machines[1]);
	fflush(stdout);
}

/* Its state would be lost in the next kernel; it is said before anything is touched. */
static void another_qemu_is_in_the_way(void **state)
{
	char *output = NULL;

	free(lab_run(&lab, 120,
		     "virsh -q create /dev/stdin >&2 <<'EOX'\n"
		     "<domain type='kvm'><name>other</name><memory unit='MiB'>64</memory>"
		     "<os><type arch='x86_64' machine='q35'>hvm</type></os>"
		     "<devices><emulator>/usr/bin/qemu-system-x86_64</emulator></devices>"
		     "</domain>\nEOX"));
	assert_int_equal(lab_try(&lab, 120, &output, LATE " --dry-run"), 1);
	if (!strstr(output, "other: /usr/bin/qemu-system-x86_64 isn't pfkeep's QEMU"))
		fail_msg("%s", output);
	free(output);
	free(lab_run(&lab, 60, "virsh -q destroy other >&2"));
	assert_goes_on();
}

/* Both ways; and nothing is touched. */
static void a_dry_run_finds_nothing_in_the_way(void **state)
{
	char *process = domain_process(&lab, red.name), *after;

	free(lab_run(&lab, 120, LATE " --dry-run"));
	free(lab_run(&lab, 120, UPDATE_EARLY " --dry-run"));
	after = domain_process(&lab, red.name);
	assert_string_equal(after, process);
	assert_goes_on();
	free(process);
	free(after);
}

/* Once by itself, and once killed when both QEMUs wait for a word of its. */
static void an_update_that_fails_goes_unnoticed(void **state)
{
	struct wire_flow meanwhile = flow_of(20, 0);
	struct wire_report r;
	char *process = domain_process(&lab, red.name), *after;

	update_hold(&lab);
	wire_start(&lab, &meanwhile);
	update_fails(&lab);
	free(lab_run(&lab, 120,
		     UPDATE_COMMAND " 2>&1 | while read -r line; do case $line in\n"
				    "*'save: done'*) pkill -9 -x pfkeep;; esac; done"));
	domain_is_managed(&lab, pf_vm);
	domain_is_managed(&lab, red.name);
	assert_goes_on();
	r = wire_finish(&lab, &meanwhile);
	wire_assert_whole(&r);
	printf("# silence %.0f ms\n", (double)r.gap_ns / 1e6);
	fflush(stdout);
	wire_report_free(&r);
	update_let_go(&lab);
	after = domain_process(&lab, red.name);
	assert_string_equal(after, process);
	free(process);
	free(after);
}

static char *host_boot(void)
{
	return lab_run(&lab, 30, "cat /proc/sys/kernel/random/boot_id");
}

/*
 * The flow ends when pfkeepd has its PF again, so that this costs no frame, either. What
 * the unit said that restores, which the caller frees.
 */
static char *update(const char *command, const char *what)
{
	unsigned int boots = (unsigned int)lab_status_number(&lab, "n_boots");
	struct wire_flow flow = flow_of(RATE, 0);
	char *boot = host_boot(), *now, *log;

	assert_non_null(before.host);
	log = update_jump(&lab, &flow, command, boots + 1);
	now = host_boot();
	assert_string_not_equal(now, boot);
	pfkeep_wait_ready(&lab, pf, READY_S);
	assert_goes_on();
	update_finish(&lab, &bench, &flow, what);
	free(boot);
	free(now);
	return log;
}

static void the_kernel_is_replaced_under_both(void **state)
{
	char *log = update(LATE, "libvirt's domains, restored by the host's init");

	assert_non_null(strstr(log, "2 VMs go on"));
	free(log);
	update_draw(&lab, "live_update_libvirt");
}

static void libvirt_has_them_as_before(void **state)
{
	assert_non_null(pf_vm);
	domain_is_managed(&lab, pf_vm);
	domain_is_managed(&lab, red.name);
	/* Another libvirtd finds in its files what this one has found. */
	free(lab_run(&lab, 120, "systemctl restart libvirtd; virsh -q list >&2"));
	pfkeep_wait_ready(&lab, pf, READY_S);
	domain_is_managed(&lab, pf_vm);
	domain_is_managed(&lab, red.name);
	assert_goes_on();
	flow_is_whole();
}

/* An array, of which the caller lets go. */
static struct json_object *listed(const char *command)
{
	char *text = lab_run(&lab, 60, "pfkeep %s --json", command);
	struct json_object *list = json_tokener_parse(text);

	if (!json_object_is_type(list, json_type_array))
		fail_msg("pfkeep %s --json: %s", command, text);
	free(text);
	return list;
}

static void assert_pf_listed(void)
{
	struct json_object *pfs = listed("pf list"), *one = NULL;

	for (size_t i = 0; i < json_object_array_length(pfs); i++) {
		struct json_object *view = json_object_array_get_idx(pfs, i);

		if (!strcmp(jsonline_string(view, "bdf", ""), pf))
			one = view;
	}
	if (!one)
		fail_msg("no %s in %s", pf, json_object_to_json_string(pfs));
	assert_string_equal(jsonline_string(one, "driver", ""), "vfio-pci-sriov");
	assert_int_equal(jsonline_int(one, "num_vfs", -1), VFS);
	json_object_put(pfs);
}

/* The first one is the tenant's, nobody has another. */
static void assert_vfs_listed(void)
{
	struct json_object *vfs = listed("vf list");

	assert_int_equal(json_object_array_length(vfs), VFS);
	for (size_t i = 0; i < VFS; i++) {
		struct json_object *view = json_object_array_get_idx(vfs, i);
		int64_t index = jsonline_int(view, "index", -1);

		assert_string_equal(jsonline_string(view, "pf", ""), pf);
		assert_string_equal(jsonline_string(view, "driver", ""), "vfio-pci-sriov");
		assert_string_equal(jsonline_string(view, "domain", ""), index ? "" : red.name);
	}
	json_object_put(vfs);
}

static void pfkeepd_s_books_are_right(void **state)
{
	assert_non_null(pf);
	pfkeep_wait_ready(&lab, pf, READY_S);
	assert_pf_listed();
	assert_vfs_listed();
	pfkeep_assert_owners(&lab, pf);
}

/* As the PF's driver has it, in its VM. */
static void set_a_free_vf(unsigned int vlan)
{
	const struct pfvm vm = { .name = pf_vm };

	assert_non_null(pf_vm);
	free(lab_run(&lab, 60, "pfkeep vf set %s/1 --mac " FREE_MAC " --vlan %u", pf, vlan));
	free(pfvm_run(&lab, &vm,
		      "ip link show dev $(ls " PFVM_PF "/net) | grep 'vf 1 .*" FREE_MAC
		      ".*vlan %u,'",
		      vlan));
	free(lab_run(&lab, 60, "pfkeep vf set %s/1 --vlan 0", pf));
}

static void settings_reach_the_pf_s_driver(void **state)
{
	set_a_free_vf(9);
	flow_is_whole();
}

/* Whatever it is, QEMU opens a file or a device for it, which its machine must allow. */
static void a_device_comes_and_goes(void **state)
{
	assert_non_null(pf_vm);
	free(lab_run(
		&lab, 120,
		"cat >/run/new.xml <<'EOX'\n"
		"<channel type='unix'><target type='virtio' name='org.pfkeep.new'/>"
		"</channel>\nEOX\n"
		"virsh -q attach-device red /run/new.xml --live >&2\n"
		"virsh -q dumpxml red | grep org.pfkeep.new >/run/had\n"
		"alias=$(virsh -q dumpxml red | grep -A2 org.pfkeep.new |\n"
		"  sed -n \"s|.*alias name='\\(.*\\)'.*|\\1|p\")\n"
		"virsh -q detach-device-alias red $alias --live >&2\n"
		"for i in $(seq 30); do\n"
		"  virsh -q dumpxml red | grep -q org.pfkeep.new || exit 0\n"
		"  virsh -q event red --event device-removed --timeout 1 >&2 || :; done; exit 1"));
	assert_goes_on();
}

/* They have an iommufd now, and no group. */
static void their_qemus_can_be_replaced(void **state)
{
	assert_non_null(pf_vm);
	free(lab_run(&lab, 300, "pfkeep vmm-update --all >&2"));
	domain_is_managed(&lab, red.name);
	domain_is_managed(&lab, pf_vm);
	assert_goes_on();
	flow_is_whole();
}

static void the_next_update_goes_on_from_the_initramfs(void **state)
{
	char *log = update(UPDATE_EARLY, "libvirt's domains, restored in the initramfs");

	/* the unit found nothing left to do */
	assert_null(strstr(log, "VMs go on"));
	free(log);
	update_draw(&lab, "live_update_libvirt_initramfs");
	libvirt_has_them_as_before(state);
	pfkeepd_s_books_are_right(state);
	set_a_free_vf(8);
}

static void the_tenant_ends_and_starts_with_its_vf(void **state)
{
	assert_non_null(pf);
	free(lab_run(&lab, 60,
		     "pid=$(cat /run/libvirt/qemu/red.pid)\n"
		     "group=$(sed -n 's|^0::\\(/.*[.]scope\\)/.*|\\1|p' /proc/$pid/cgroup)\n"
		     "[ -d \"/sys/fs/cgroup$group/libvirt\" ]\n"
		     "virsh -q destroy red >&2; [ ! -e /proc/$pid ]\n"
		     "[ ! -e \"/sys/fs/cgroup$group/libvirt\" ]"));
	tenant_boot(&lab, &red);
	free(tenant_wait(&lab, &red, SERVES_S, TENANT_SERVES));
	flow_is_whole();
	assert_vfs_listed();
	pfkeep_assert_owners(&lab, pf);
}

/* The tenant's QEMU misses a file in the next kernel: the host has only booted then. */
static void what_cant_go_on_starts_cold(void **state)
{
	unsigned int boots = (unsigned int)lab_status_number(&lab, "n_boots");

	assert_non_null(pf);
	free(lab_run(&lab, 30, "rm /var/lib/libvirt/qemu/domain-*-red/master-key.aes"));
	lab_leave(&lab, LATE " >/dev/ttyS0 2>&1");
	lab_wait_boot(&lab, boots + 1, BOOT_S);
	update_report_says(&lab, "Live update failed in attach: 2 of 2 VMs didn't come back");
	update_report_says(&lab, "attach: red: its QEMU has ended or doesn't answer; see "
				 "/var/log/libvirt/qemu/red.log");
	pfkeep_wait_ready(&lab, pf, READY_S);
	assert_int_equal(vfio_num_vfs(&lab, pf), VFS);
	tenant_boot(&lab, &red);
	free(tenant_wait(&lab, &red, SERVES_S, TENANT_SERVES));
	flow_is_whole();
	pfkeep_assert_owners(&lab, pf);
}

static void nothing_is_left_over(void **state)
{
	tenant_destroy(&lab, &red);
	tenant_undefine(&lab, &red);
	sriov_kernel_has_no_complaint(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tenant_is_served),
		cmocka_unit_test(another_qemu_is_in_the_way),
		cmocka_unit_test(a_dry_run_finds_nothing_in_the_way),
		cmocka_unit_test(an_update_that_fails_goes_unnoticed),
		cmocka_unit_test(the_kernel_is_replaced_under_both),
		cmocka_unit_test(libvirt_has_them_as_before),
		cmocka_unit_test(pfkeepd_s_books_are_right),
		cmocka_unit_test(settings_reach_the_pf_s_driver),
		cmocka_unit_test(a_device_comes_and_goes),
		cmocka_unit_test(their_qemus_can_be_replaced),
		cmocka_unit_test(the_next_update_goes_on_from_the_initramfs),
		cmocka_unit_test(the_tenant_ends_and_starts_with_its_vf),
		cmocka_unit_test(what_cant_go_on_starts_cold),
		cmocka_unit_test(nothing_is_left_over),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
