// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "tests/lab/labd/machine.h"

static const struct machine_disk disks[] = {
	{ "root", "/run/root", true },
	{ "modules", "/run/modules", false },
};

static char **build(const struct lab_spec *spec, bool kvm, unsigned int tsc_khz)
{
	struct machine machine = {
		.spec = spec,
		.kvm = kvm,
		.tsc_khz = tsc_khz,
		.qemu = "/usr/bin/qemu",
		.kernel = "/run/kernel",
		.initrd = "/run/initrd",
		.disks = disks,
		.n_disks = 2,
		.qmp_fd = 10,
		.console_fd = 11,
		.event_fd = 12,
		.agent_fds = { 20, 21, 22, 23, 24, 25, 26, 27 },
	};
	char **argv;

	assert_int_equal(machine_argv(&machine, &argv), 0);
	return argv;
}

/* How many pairs "OPTION VALUE" there are in which value holds all of the text. */
static int count(char *const *argv, const char *option, const char *part)
{
	int n = 0;

	for (; *argv && argv[1]; argv++)
		n += strcmp(argv[0], option) == 0 && strstr(argv[1], part) != NULL;
	return n;
}

/* Where the first such pair is. */
static int place(char *const *argv, const char *option, const char *part)
{
	for (int i = 0; argv[i] && argv[i + 1]; i++)
		if (strcmp(argv[i], option) == 0 && strstr(argv[i + 1], part))
			return i;
	fail_msg("no %s %s", option, part);
	return -1;
}

static struct lab_spec spec_with(unsigned int n, ...)
{
	struct lab_spec spec;
	va_list args;

	lab_spec_init(&spec);
	va_start(args, n);
	for (spec.n_pfs = 0; spec.n_pfs < n; spec.n_pfs++)
		spec.pfs[spec.n_pfs] = (enum lab_pf)va_arg(args, int);
	va_end(args);
	return spec;
}

static void tcg_runs_each_cpu_in_its_thread_at_the_measured_rate(void **state)
{
	struct lab_spec spec = spec_with(0);
	char **argv = build(&spec, false, 2249998);

	assert_int_equal(count(argv, "-accel", "tcg,thread=multi"), 1);
	assert_int_equal(count(argv, "-append", " tsc_early_khz=2249998 tsc=reliable lpj=8999992 "),
			 1);
	assert_int_equal(count(argv, "-append", " no_timer_check "), 1);
	assert_int_equal(count(argv, "-M", "q35,kernel-irqchip=split"), 1);
	assert_int_equal(count(argv, "-device", "intel-iommu,intremap=on,caching-mode=off"), 1);
	machine_argv_free(argv);
}

static void cpuid_does_not_tell_how_many_cpus_there_are(void **state)
{
	struct lab_spec spec = spec_with(0);
	char **argv;

	spec.cpus = 6;
	argv = build(&spec, false, 0);
	assert_int_equal(count(argv, "-smp", "6,sockets=6"), 1);
	machine_argv_free(argv);
}

static void under_kvm_the_rate_is_kvms_affair(void **state)
{
	struct lab_spec spec = spec_with(0);
	char **argv = build(&spec, true, 0);

	assert_int_equal(count(argv, "-accel", "kvm"), 1);
	assert_int_equal(count(argv, "-cpu", "host"), 1);
	assert_int_equal(count(argv, "-append", "tsc"), 0);
	machine_argv_free(argv);
}

static void each_pf_has_a_root_port_of_its_own(void **state)
{
	struct lab_spec spec = spec_with(3, LAB_PF_IGB, LAB_PF_NVME, LAB_PF_VIRTIO_NET);
	char **argv = build(&spec, false, 0);

	assert_int_equal(count(argv, "-device", "pcie-root-port,"), 3);
	assert_int_equal(count(argv, "-device", "igb,id=pf0,bus=rp0,"), 1);
	assert_int_equal(count(argv, "-device", "nvme,id=pf1,bus=rp1,"), 1);
	assert_int_equal(count(argv, "-device", "virtio-net-pci,id=pf2,bus=rp2,"), 1);
	machine_argv_free(argv);
}

static void two_pfs_of_a_kind_share_nothing(void **state)
{
	struct lab_spec spec = spec_with(2, LAB_PF_IGB, LAB_PF_IGB);
	char **argv = build(&spec, false, 0);

	assert_int_equal(count(argv, "-netdev", "id=wire0,"), 1);
	assert_int_equal(count(argv, "-netdev", "id=wire1,"), 1);
	assert_int_equal(count(argv, "-device", "mac=52:54:00:70:00:00"), 1);
	assert_int_equal(count(argv, "-device", "mac=52:54:00:70:01:00"), 1);
	assert_int_equal(count(argv, "-device", "addr=0x10,chassis=1,slot=1,"), 1);
	assert_int_equal(count(argv, "-device", "addr=0x11,chassis=2,slot=2,"), 1);
	machine_argv_free(argv);
}

static void nvme_offers_at_least_32_vfs_and_namespaces_to_hand_out(void **state)
{
	struct lab_spec spec = spec_with(1, LAB_PF_NVME);
	char **argv = build(&spec, false, 0);

	assert_true(MACHINE_NVME_VFS >= 32);
	assert_int_equal(count(argv, "-device", "sriov_max_vfs=32,"), 1);
	assert_int_equal(count(argv, "-device", "detached=on"), MACHINE_NVME_NS - 1);
	assert_int_equal(count(argv, "-netdev", ""), 0);
	machine_argv_free(argv);
}

static void nvme_127_offers_127_vfs_with_queues_for_each(void **state)
{
	struct lab_spec spec = spec_with(1, LAB_PF_NVME_127);
	char **argv = build(&spec, false, 0);

	assert_int_equal(count(argv, "-device", "sriov_max_vfs=127,"), 1);
	assert_int_equal(count(argv, "-device", "sriov_vq_flexible=381,"), 1);
	assert_int_equal(count(argv, "-device", "detached=on"), MACHINE_NVME_NS - 1);
	machine_argv_free(argv);
}

static void virtio_vfs_come_before_their_pf(void **state)
{
	struct lab_spec spec = spec_with(1, LAB_PF_VIRTIO_NET);
	char **argv = build(&spec, false, 0);

	assert_int_equal(count(argv, "-device", "sriov-pf=pf0"), MACHINE_VIRTIO_VFS);
	assert_true(place(argv, "-device", "sriov-pf=pf0") <
		    place(argv, "-device", "virtio-net-pci,id=pf0"));
	assert_int_equal(count(argv, "-device", "addr=0.7,"), 1);
	assert_int_equal(count(argv, "-device", "mac=52:54:00:70:00:07"), 1);
	machine_argv_free(argv);
}

static void only_the_root_disk_is_written_to_and_forgets(void **state)
{
	struct lab_spec spec = spec_with(0);
	char **argv = build(&spec, false, 0);

	assert_int_equal(count(argv, "-drive", "snapshot=on"), 1);
	assert_int_equal(count(argv, "-drive", "id=root,format=raw,file=/run/root,snapshot=on"), 1);
	assert_int_equal(count(argv, "-drive", "file=/run/modules,read-only=on"), 1);
	machine_argv_free(argv);
}

static void every_channel_is_an_inherited_descriptor(void **state)
{
	struct lab_spec spec = spec_with(0);
	char **argv = build(&spec, false, 0);

	assert_int_equal(count(argv, "-chardev", "socket,id=qmp,fd=10"), 1);
	assert_int_equal(count(argv, "-chardev", "socket,id=agent7,fd=27"), 1);
	assert_int_equal(count(argv, "-chardev", "path="), 0);
	assert_int_equal(count(argv, "-chardev", "server"), 0);
	machine_argv_free(argv);
}

static void more_for_the_kernel_is_appended(void **state)
{
	struct lab_spec spec = spec_with(0);
	char **argv;

	spec.append = "liveupdate=on kho=on";
	argv = build(&spec, false, 0);
	assert_int_equal(count(argv, "-append", " liveupdate=on kho=on"), 1);
	machine_argv_free(argv);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcg_runs_each_cpu_in_its_thread_at_the_measured_rate),
		cmocka_unit_test(cpuid_does_not_tell_how_many_cpus_there_are),
		cmocka_unit_test(under_kvm_the_rate_is_kvms_affair),
		cmocka_unit_test(each_pf_has_a_root_port_of_its_own),
		cmocka_unit_test(two_pfs_of_a_kind_share_nothing),
		cmocka_unit_test(nvme_offers_at_least_32_vfs_and_namespaces_to_hand_out),
		cmocka_unit_test(nvme_127_offers_127_vfs_with_queues_for_each),
		cmocka_unit_test(virtio_vfs_come_before_their_pf),
		cmocka_unit_test(only_the_root_disk_is_written_to_and_forgets),
		cmocka_unit_test(every_channel_is_an_inherited_descriptor),
		cmocka_unit_test(more_for_the_kernel_is_appended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
