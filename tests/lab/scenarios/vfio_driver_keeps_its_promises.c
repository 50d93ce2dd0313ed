// SPDX-License-Identifier: GPL-2.0-only
/*
 * vfio-pci-sriov in the lab host, without QEMU: the client that drives it through
 * VFIO itself, on each kind of PF. Most of the time goes by in the second that PCIe
 * gives VFs to stop, so none of it is spent to hear the same again: igb by group runs
 * every case. nvme by cdev leaves out those in which nothing but the driver's own
 * rules is at work, the same for any PF however it was opened (what is refused and
 * why, what sysfs takes). virtio-net, by cdev like nvme, runs those alone that its
 * own registers, resets and VFs answer. Races are run once or twice; soak-vfio-debug
 * runs every case on all PFs, races many times, and soak-vfio-cycles the one cycle.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/lab/harness/sriov.h"

static struct lab lab;

static int setup(void **state)
{
	static const char *const pfs[] = { "igb", "nvme", "virtio-net", NULL };

	return lab_up(&lab, &(struct lab_options){ .kernel = "pfkeep", .pfs = pfs });
}

static int teardown(void **state)
{
	return lab_down(&lab);
}

static void the_module_loads(void **state)
{
	sriov_load(&lab, "module-pfkeep");
}

static void igb(void **state)
{
	sriov_client(&lab, PF_IGB, 600, "--mode group --cycles 1 --rounds 2");
}

static void nvme(void **state)
{
	sriov_client(&lab, PF_NVME, 600, "--mode cdev --of pf --of mode --cycles 0 --rounds 1");
}

static void virtio_net(void **state)
{
	sriov_client(&lab, PF_VIRTIO_NET, 600, "--mode cdev --of pf --cycles 0");
}

/*
 * Each in turn is what the kernel takes a PF for. Stock vfio-pci, which refuses the
 * same, tells if its list has another one.
 */
static void functions_in_vfio_pcis_denylist_are_refused(void **state)
{
	char *module = sriov_product("module-pfkeep", "pretend.ko"), *pf = pf_find(&lab, PF_IGB);

	free(lab_ctl(&lab, 60, "push", module, "/run/pretend.ko", NULL));
	free(module);
	free(lab_run(
		&lab, 120,
		"pf=%s; dev=/sys/bus/pci/devices/$pf; trap 'rmmod pretend 2>/dev/null || :' EXIT\n"
		"binds() {\n"
		"	[ ! -e $dev/driver ] || echo $pf >$dev/driver/unbind\n"
		"	echo $1 >$dev/driver_override; echo $pf >/sys/bus/pci/drivers_probe\n"
		"	[ \"$(basename \"$(readlink $dev/driver)\")\" = $1 ]\n"
		"}\n"
		"grep -qx N /sys/module/vfio_pci/parameters/disable_denylist\n"
		"for id in 0x19e2 0x19e3 0x37c8 0x37c9 0x0435 0x0443 0x0b25 0x0cfe; do\n"
		"	insmod /run/pretend.ko bdf=$pf id=$id\n"
		"	for driver in vfio-pci vfio-pci-sriov; do\n"
		"		! binds $driver || { echo \"$driver binds $id\" >&2; exit 1; }\n"
		"	done\n"
		"	dmesg | tail -n 1 | grep \"$pf: not bound: this is in vfio-pci's "
		"denylist\"\n"
		"	rmmod pretend\n"
		"done\n"
		"binds vfio-pci-sriov",
		pf));
	free(pf);
}

static void the_kernel_has_no_complaint(void **state)
{
	sriov_kernel_has_no_complaint(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_module_loads),
		cmocka_unit_test(functions_in_vfio_pcis_denylist_are_refused),
		cmocka_unit_test(igb),
		cmocka_unit_test(nvme),
		cmocka_unit_test(virtio_net),
		cmocka_unit_test(the_kernel_has_no_complaint),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
