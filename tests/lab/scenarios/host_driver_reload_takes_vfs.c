// SPDX-License-Identifier: GPL-2.0-only
/*
 * Without pfkeep: the PF's driver is the host's own, and is loaded anew. That takes the VFs
 * away, so a tenant's VF is unplugged before and plugged in again afterwards, and its guest has
 * to set it up anew. What the tenant misses meanwhile, for each kind of PF, to stand beside what
 * it misses at a PF VM's return (pf_vm_death_spares_vfs, pf_vm_death_on_nvme_and_virtio).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "tests/lab/harness/bench.h"
#include "tests/lab/harness/lab.h"
#include "tests/lab/harness/pf.h"
#include "tests/lab/harness/pfvm.h"
#include "tests/lab/harness/store.h"
#include "tests/lab/harness/tenant.h"
#include "tests/lab/harness/wire.h"

#define FRAMES	 50 /* a second, as with a PF VM */
#define SERVES_S 180
#define RELOAD_S 180
#define SYS	 "/sys/bus/pci/devices"
#define XML	 "/run/pfkeep-lab/vf.xml"

static struct lab lab;
static struct bench bench;

/* A PF that is a network device, on a cable of its own. */
struct family {
	const char *name, *driver, *reload; /* of the PF $pf */
	enum pf_kind kind;
	unsigned int cable, vfs;
	const char *mac; /* of the first VF; NULL: its own */
};

static struct family igb = {
	.name = "igb",
	.driver = "igb",
	.reload = "modprobe -r igb; [ ! -e " SYS "/$pf/driver ]; modprobe igb",
	.kind = PF_IGB,
	.cable = 0,
	.vfs = 7,
	.mac = "02:70:66:00:00:01",
};

/* The lab host has its disks by the same driver: that lets go of the PF alone. */
static struct family virtio_net = {
	.name = "virtio-net",
	.driver = "virtio_net",
	.reload = "cd /sys/bus/pci/drivers/virtio-pci\n"
		  "echo $pf >unbind; [ ! -e " SYS "/$pf/driver ]; echo $pf >bind",
	.kind = PF_VIRTIO_NET,
	.cable = 1,
	.vfs = 2,
};

static int setup(void **state)
{
	static const char *const pfs[] = { "igb", "virtio-net", "nvme", NULL };

	bench = bench_open();
	return lab_up(&lab, &(struct lab_options){ .kernel = "pfkeep", .pfs = pfs });
}

static int teardown(void **state)
{
	int ret = bench_save(&bench, "host_driver_reload_takes_vfs");

	return lab_down(&lab) || ret ? -1 : 0;
}

/*
 * Its guest's kernel knows the slots' own hot-plug alone, which QEMU offers where ACPI's is
 * off; libvirt has no element for that.
 */
static void boot(struct tenant *tenant, const char *pf)
{
	char *vf = pf_vf_bdf(&lab, pf, 0);

	tenant->bdf = vf;
	tenant_define(&lab, tenant);
	tenant->bdf = NULL;
	free(vf);
	free(lab_run(&lab, 60,
		     "virsh -q dumpxml --inactive %s | sed \"s|^<domain type='kvm'|& "
		     "xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'|; s|</domain>|"
		     "<qemu:commandline><qemu:arg value='-global'/><qemu:arg "
		     "value='ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off'/>"
		     "</qemu:commandline>&|\" >" XML "\n"
		     "virsh -q define " XML " >&2\n"
		     "virsh -q dumpxml --inactive %s | grep -q acpi-pci-hotplug",
		     tenant->name, tenant->name));
	tenant_boot(&lab, tenant);
}

/* libvirt gives it back to the host when the guest has let it go. */
static void take_the_vf(const struct tenant *tenant)
{
	free(lab_run(&lab, RELOAD_S,
		     "vm=%s; virsh -q dumpxml $vm | sed -n '/<hostdev/,/<\\/hostdev>/p' >" XML "\n"
		     "virsh -q detach-device $vm " XML " >&2\n"
		     "until ! virsh -q dumpxml $vm | grep -q '<hostdev'; do\n"
		     "virsh -q event --domain $vm --event device-removed --timeout 1 >/dev/null || "
		     ":; done",
		     tenant->name));
}

static void reload(const char *pf, const char *how)
{
	free(lab_run(&lab, RELOAD_S, "pf=%s; echo 0 >" SYS "/$pf/sriov_numvfs\n%s\nudevadm settle",
		     pf, how));
}

static void give_the_vf(const struct tenant *tenant)
{
	free(lab_run(&lab, RELOAD_S, "virsh -q attach-device %s " XML " >&2", tenant->name));
}

static void make_vfs(const struct family *family, const char *pf)
{
	pf_host_set_vfs(&lab, pf, family->vfs);
	if (family->mac)
		pf_host_set_mac(&lab, pf, 0, family->mac);
}

/* As its init does it when it boots: by an event, or by a look a second. */
static void set_up_its_nic(const struct tenant *tenant)
{
	free(pfvm_run(&lab, &(struct pfvm){ .name = tenant->name },
		      "until [ -e /sys/class/net/eth0 ]; do timeout 1 uevent sh -c "
		      "'case $ACTION:$SUBSYSTEM in add:net) kill $PPID;; esac' || :; done\n"
		      "ip link set eth0 up; ip addr add 10.77.0.11/24 dev eth0"));
}

static void costs(const struct family *family, const struct tenant *tenant, const char *pf)
{
	const struct wire_flow flow = {
		.pf = family->cable, .id = 10, .ip = "10.77.0.11", .rate = FRAMES, .size = 128
	};
	struct wire_flow after = flow;
	struct wire_report r;
	char figure[64];

	wire_start(&lab, &flow);
	take_the_vf(tenant);
	reload(pf, family->reload);
	make_vfs(family, pf);
	give_the_vf(tenant);
	set_up_its_nic(tenant);
	/* It begins when ARP has found the tenant: that is served again. */
	after.id++;
	after.count = 5 * FRAMES;
	wire_start(&lab, &after);
	r = wire_finish(&lab, &after);
	assert_true(r.received > 0);
	wire_report_free(&r);
	r = wire_finish(&lab, &flow);
	assert_true(r.lost > 0);
	snprintf(figure, sizeof(figure), "%s driver reloaded", family->name);
	bench_silence(&bench, figure, &r);
	wire_report_free(&r);
}

static void a_nic_s_reload_costs_its_tenant_this_much(void **state)
{
	const struct family *family = *state;
	char *pf = pf_find(&lab, family->kind);
	struct tenant red = { .name = "red", .append = "lab.ip=10.77.0.11/24" };

	free(lab_run(&lab, 60, "modprobe %s; udevadm settle", family->driver));
	make_vfs(family, pf);
	boot(&red, pf);
	free(tenant_wait(&lab, &red, SERVES_S, TENANT_SERVES));
	costs(family, &red, pf);
	tenant_destroy(&lab, &red);
	tenant_undefine(&lab, &red);
	free(pf);
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void an_nvme_s_reload_costs_its_tenant_this_much(void **state)
{
	char *pf = pf_find(&lab, PF_NVME);
	struct tenant store = { .name = "store", .append = "", .tools = true };
	double begin, end;

	pf_host_nvme_vf(&lab, pf, 0);
	boot(&store, pf);
	free(tenant_wait(&lab, &store, SERVES_S, "LAB-READY"));
	store_await(&lab, store.name);
	begin = now_s();
	take_the_vf(&store);
	reload(pf, "modprobe -r nvme; [ ! -e " SYS "/$pf/driver ]; modprobe nvme");
	pf_host_nvme_vf(&lab, pf, 0);
	give_the_vf(&store);
	store_await(&lab, store.name);
	end = now_s();
	printf("# nvme: %.2f s without its disk\n", end - begin);
	fflush(stdout);
	bench_row(&bench, "nvme driver reloaded: without its disk", end - begin, "s");
	tenant_destroy(&lab, &store);
	tenant_undefine(&lab, &store);
	free(pf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(a_nic_s_reload_costs_its_tenant_this_much, &igb),
		cmocka_unit_test_prestate(a_nic_s_reload_costs_its_tenant_this_much, &virtio_net),
		cmocka_unit_test(an_nvme_s_reload_costs_its_tenant_this_much),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
