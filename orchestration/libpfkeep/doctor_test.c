// SPDX-License-Identifier: GPL-2.0-only
/*
 * A host that is ready, and then one thing wrong with it at a time: the check
 * named, how bad it is, and no other check changes its mind.
 */
#include "orchestration/testing/cmocka.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "orchestration/testing/fakehost.h"
#include "pfkeep/doctor.h"

#define PF_DIR "sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0"
#define HOOK   "etc/libvirt/hooks/qemu.d/pfkeep"
#define IMAGE  "var/lib/pfkeep/images/pf-vm"
#define SHMEM  "sys/kernel/mm/transparent_hugepage/shmem_enabled"

static struct fakehost host;
static struct bdf pf_bdf;

static void qemu(const char *script)
{
	char path[128];

	fakehost_file(&host, DOCTOR_QEMU, script);
	snprintf(path, sizeof(path), "%s" DOCTOR_QEMU, host.dir);
	assert_int_equal(chmod(path, 0755), 0);
}

/* Everything as it should be. */
static int setup(void **state)
{
	fakehost_setup(&host);
	fakehost_driver(&host, "igb");
	fakehost_bridge(&host, "0000:00:01.0", true);
	fakehost_pf(&host, "0000:00:01.0", &fakehost_igb);
	fakehost_file(&host, "proc/interrupts", "  8:  0  0  IR-IO-APIC 8-edge rtc0\n");
	fakehost_file(&host, "proc/cmdline", "root=/dev/vda1 kho=on liveupdate=on\n");
	fakehost_file(&host, HOOK, "");
	fakehost_file(&host, IMAGE, "");
	fakehost_file(&host, "dev/kvm", "");
	fakehost_dir(&host, "sys/class/misc/kvm");
	fakehost_file(&host, "dev/liveupdate", "");
	fakehost_file(&host, "run/libvirtd.pid", "712");
	fakehost_file(&host, "proc/712/status", "Name:\tlibvirtd\nCapEff:\t000001ffffffffff\n");
	fakehost_file(&host, "proc/sys/kernel/osrelease", "6.12.0-test\n");
	fakehost_file(&host, "proc/sys/kernel/kexec_load_disabled", "0\n");
	fakehost_file(&host, "sys/kernel/kexec_loaded", "0\n");
	fakehost_file(
		&host, "lib/modules/6.12.0-test/modules.dep",
		"updates/dkms/vfio-pci-sriov.ko.xz: kernel/drivers/vfio/pci/vfio-pci-core.ko.xz\n");
	fakehost_file(&host, "proc/net/route",
		      "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\n"
		      "eno9\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\n");
	fakehost_file(&host, PF_DIR "/net/ens1/address", "52:54:00:00:00:01\n");
	qemu("#!/bin/sh\n[ \"$*\" = '-device vfio-pci,help' ] || exit 1\n"
	     "echo '  sysfsdev=<str>'; echo '  sriov=<bool> - on/off (default: false)'\n");
	return bdf_parse(fakehost_igb.bdf, &pf_bdf);
}

static int teardown(void **state)
{
	fakehost_teardown(&host);
	return 0;
}

static struct doctor_report examine(const struct bdf *pfs, size_t n_pfs)
{
	const struct doctor_options options = {
		.root = &host.root,
		.libvirt = "test:///default",
		.pfs = pfs,
		.n_pfs = n_pfs,
	};
	struct doctor_report report;

	assert_int_equal(doctor_run(&options, &report), 0);
	return report;
}

static const struct doctor_finding *find(const struct doctor_report *report, const char *check)
{
	for (size_t i = 0; i < report->n; i++)
		if (!strcmp(report->findings[i].check, check))
			return &report->findings[i];
	return NULL;
}

/* This check, and no other, finds something; its text has the words. */
static void expect(const char *check, enum doctor_level level, const char *words)
{
	struct doctor_report report = examine(&pf_bdf, 1);
	unsigned int hits = 0;

	for (size_t i = 0; i < report.n; i++) {
		const struct doctor_finding *finding = &report.findings[i];

		if (finding->level == DOCTOR_OK)
			continue;
		if (strcmp(finding->check, check))
			fail_msg("%s: %s", finding->check, finding->text);
		assert_true(finding->level <= level);
		if (!strstr(finding->text, words))
			continue;
		assert_int_equal(finding->level, level);
		assert_true(*finding->mend || !strcmp(check, "memory-lock"));
		hits++;
	}
	assert_int_equal(hits, 1);
	assert_int_equal(report.worst, level);
	doctor_release(&report);
}

static void assert_all_is_well(void)
{
	struct doctor_report report = examine(&pf_bdf, 1);

	assert_int_equal(report.worst, DOCTOR_OK);
	doctor_release(&report);
}

static void a_ready_host_has_nothing_to_mend(void **state)
{
	static const char *const all[] = { "iommu",	  "interrupt-remapping",
					   "kvm",	  "pf",
					   "module",	  "qemu",
					   "libvirt",	  "hook",
					   "image",	  "apparmor",
					   "memory-lock", "kexec",
					   "live-update" };
	struct doctor_report report = examine(&pf_bdf, 1);

	assert_int_equal(report.worst, DOCTOR_OK);
	assert_int_equal(report.n, ARRAY_SIZE(all));
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		const struct doctor_finding *finding = find(&report, all[i]);

		assert_non_null(finding);
		assert_int_equal(finding->level, DOCTOR_OK);
		assert_string_equal(finding->mend, "");
	}
	doctor_release(&report);
}

static void no_iommu_blocks(void **state)
{
	struct doctor_report report;

	fakehost_remove(&host, "sys/kernel/iommu_groups");
	fakehost_remove(&host, PF_DIR "/iommu_group");
	report = examine(&pf_bdf, 1);
	assert_int_equal(find(&report, "iommu")->level, DOCTOR_BLOCKER);
	assert_int_equal(find(&report, "pf")->level, DOCTOR_BLOCKER);
	doctor_release(&report);
}

static void interrupts_that_arent_remapped_block(void **state)
{
	fakehost_file(&host, "proc/interrupts", "  8:  0  0  IO-APIC 8-edge rtc0\n");
	expect("interrupt-remapping", DOCTOR_BLOCKER, "remapped");
}

static void unsafe_interrupts_are_a_warning(void **state)
{
	fakehost_file(&host, "sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts",
		      "Y\n");
	expect("interrupt-remapping", DOCTOR_WARNING, "unsafe");
}

static void no_kvm_blocks(void **state)
{
	fakehost_remove(&host, "sys/class/misc/kvm");
	expect("kvm", DOCTOR_BLOCKER, "no KVM");
	fakehost_dir(&host, "sys/class/misc/kvm");
	fakehost_remove(&host, "dev/kvm");
	expect("kvm", DOCTOR_BLOCKER, "no /dev/kvm");
}

static void no_module_for_this_kernel_blocks(void **state)
{
	fakehost_file(&host, "proc/sys/kernel/osrelease", "6.13.0-other\n");
	expect("module", DOCTOR_BLOCKER, "6.13.0-other");
	fakehost_dir(&host, "sys/module/vfio_pci_sriov");
	struct doctor_report report = examine(&pf_bdf, 1);

	assert_int_equal(report.worst, DOCTOR_OK);
	doctor_release(&report);
}

static void a_qemu_that_isnt_ours_blocks(void **state)
{
	qemu("#!/bin/sh\necho '  x-sriov-nothing=<bool>'\n");
	expect("qemu", DOCTOR_BLOCKER, "no property sriov");
	qemu("#!/bin/sh\necho ' sriov='; exit 1\n");
	expect("qemu", DOCTOR_BLOCKER, "doesn't answer");
	qemu("not a program");
	expect("qemu", DOCTOR_BLOCKER, "doesn't answer");
	qemu("#!/bin/sh\nwhile echo ' sriov='; do :; done\n");
	expect("qemu", DOCTOR_BLOCKER, "doesn't answer");
	fakehost_remove(&host, "usr");
	expect("qemu", DOCTOR_BLOCKER, "isn't there");
}

static void what_of_pfkeep_isnt_there_is_found(void **state)
{
	fakehost_remove(&host, HOOK);
	expect("hook", DOCTOR_BLOCKER, "no domain with a VF can start");
	fakehost_file(&host, HOOK, "");
	fakehost_remove(&host, IMAGE);
	expect("image", DOCTOR_WARNING, IMAGE);
}

static void a_libvirt_without_the_right_to_raise_limits_blocks(void **state)
{
	fakehost_file(&host, "proc/712/status", "Name:\tlibvirtd\nCapEff:\t000001fffeffffff\n");
	expect("memory-lock", DOCTOR_BLOCKER, "CAP_SYS_RESOURCE");
	fakehost_remove(&host, "run/libvirtd.pid");
	expect("memory-lock", DOCTOR_WARNING, "doesn't run");
	fakehost_file(&host, "run/virtqemud.pid", "712\n");
	expect("memory-lock", DOCTOR_BLOCKER, "CAP_SYS_RESOURCE");
}

/* As Debian 13 has it. */
static void confine(void)
{
	fakehost_file(&host, "sys/module/apparmor/parameters/enabled", "Y\n");
	fakehost_file(&host, "etc/apparmor.d/abstractions/libvirt-qemu",
		      "  include if exists <abstractions/libvirt-qemu.d>\n"
		      "  include if exists <local/abstractions/libvirt-qemu>\n");
	fakehost_file(&host, "etc/apparmor.d/usr.sbin.libvirtd", "");
}

/* The worst that this check finds, whatever others find. */
static enum doctor_level apparmor_says(const char *words)
{
	struct doctor_report report = examine(&pf_bdf, 1);
	enum doctor_level worst = DOCTOR_OK;
	unsigned int hits = 0;

	for (size_t i = 0; i < report.n; i++) {
		if (strcmp(report.findings[i].check, "apparmor"))
			continue;
		hits += strstr(report.findings[i].text, words) != NULL;
		if (report.findings[i].level > worst)
			worst = report.findings[i].level;
	}
	assert_int_equal(hits, 1);
	doctor_release(&report);
	return worst;
}

#define MAY_READ "etc/apparmor.d/abstractions/libvirt-qemu.d/pfkeep"

static void an_apparmor_that_keeps_domains_from_tokens_blocks(void **state)
{
	assert_int_equal(apparmor_says("doesn't confine"), DOCTOR_OK);
	confine();
	fakehost_file(&host, "etc/apparmor.d/local/usr.sbin.libvirtd", DOCTOR_QEMU " PUx,\n");
	expect("apparmor", DOCTOR_BLOCKER, "keeps domains from their tokens");
	fakehost_file(&host, MAY_READ, "  owner /run/pfkeep/tokens/*.qemu r,\n");
	assert_int_equal(apparmor_says("lets domains read their tokens"), DOCTOR_OK);
	/* Debian 12: nothing includes what was installed. */
	fakehost_file(&host, "etc/apparmor.d/abstractions/libvirt-qemu",
		      "  include if exists <local/abstractions/libvirt-qemu>\n");
	expect("apparmor", DOCTOR_BLOCKER, "keeps domains from their tokens");
	fakehost_file(&host, "etc/apparmor.d/local/abstractions/libvirt-qemu",
		      "include <abstractions/libvirt-qemu.d/pfkeep>\n");
	assert_int_equal(apparmor_says("lets domains read their tokens"), DOCTOR_OK);
}

static void an_apparmor_that_keeps_libvirtd_from_our_qemu_blocks(void **state)
{
	confine();
	fakehost_file(&host, MAY_READ, "  owner /run/pfkeep/tokens/*.qemu r,\n");
	expect("apparmor", DOCTOR_BLOCKER, "keeps libvirtd from starting " DOCTOR_QEMU);
	/* As the package has it: all of /usr/bin may be started. */
	fakehost_remove(&host, &DOCTOR_QEMU[1]);
	fakehost_link(&host, &DOCTOR_QEMU[1], "/usr/bin/pfkeep-qemu-system-x86_64");
	assert_int_equal(apparmor_says("lets domains read their tokens"), DOCTOR_OK);
}

static void what_live_update_lacks_is_a_warning(void **state)
{
	fakehost_file(&host, SHMEM, "always within_size [advise] never deny force\n");
	expect("live-update", DOCTOR_WARNING, "pages of 4 KiB");
	fakehost_file(&host, SHMEM, "always [within_size] advise never deny force\n");
	assert_all_is_well();
	fakehost_remove(&host, "dev/liveupdate");
	expect("live-update", DOCTOR_WARNING, "orchestrator");
	fakehost_file(&host, "proc/cmdline", "root=/dev/vda1\n");
	expect("live-update", DOCTOR_WARNING, "/dev/liveupdate");
	fakehost_file(&host, "dev/liveupdate", "");
	fakehost_file(&host, "proc/sys/kernel/kexec_load_disabled", "1\n");
	expect("kexec", DOCTOR_WARNING, "disabled");
	fakehost_remove(&host, "sys/kernel/kexec_loaded");
	expect("kexec", DOCTOR_WARNING, "no kexec");
}

static void a_pf_that_carries_the_default_route_blocks(void **state)
{
	fakehost_file(&host, "proc/net/route",
		      "Iface\tDestination\tGateway \tFlags\n"
		      "ens1\t0000000A\t00000000\t0001\nens1\t00000000\t0100000A\t0003\n");
	expect("pf", DOCTOR_BLOCKER, "the default route goes through its ens1");
}

/* The first of what blocks, in one line with what mends it. */
static void a_pf_that_is_needed_is_refused(void **state)
{
	const struct bdf absent = { 0, 9, 0, 0 };
	struct problem problem = { "" };

	assert_int_equal(doctor_refuse_pf(&host.root, &pf_bdf, &problem), 0);
	assert_string_equal(problem.text, "");
	/* That is no blocker. */
	fakehost_file(&host, "proc/net/route",
		      "Iface\tDestination\tGateway \tFlags\nens1\t0000000A\t00000000\t0001\n");
	assert_int_equal(doctor_refuse_pf(&host.root, &pf_bdf, &problem), 0);
	fakehost_link(&host, "sys/class/net/ens1/master", "../br0");
	assert_int_equal(doctor_refuse_pf(&host.root, &pf_bdf, &problem), -EBUSY);
	assert_string_equal(problem.text,
			    "0000:01:00.0: its ens1 is a port of br0: take it out of that bridge "
			    "or bond first: ip link set IFACE nomaster");
	assert_int_equal(doctor_refuse_pf(&host.root, &absent, &problem), -EBUSY);
	assert_non_null(strstr(problem.text, "0000:09:00.0: no such PCI function"));
}

static void other_routes_and_interfaces_of_like_name_dont_block(void **state)
{
	struct doctor_report report;

	fakehost_file(&host, "proc/net/route",
		      "Iface\tDestination\tGateway \tFlags\nens10\t00000000\t0100000A\t0003\n");
	report = examine(&pf_bdf, 1);
	assert_int_equal(report.worst, DOCTOR_OK);
	doctor_release(&report);
	fakehost_file(&host, "proc/net/route",
		      "Iface\tDestination\tGateway \tFlags\nens1\t0000000A\t00000000\t0001\n");
	expect("pf", DOCTOR_WARNING, "1 routes");
}

static void a_default_ipv6_route_blocks(void **state)
{
	fakehost_file(
		&host, "proc/net/ipv6_route",
		"fe800000000000000000000000000000 40 00000000000000000000000000000000 00 "
		"00000000000000000000000000000000 00000100 00000001 00000000 00000001     ens1\n"
		"00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
		"fe800000000000000000000000000001 00000400 00000001 00000000 00000003     ens1\n");
	expect("pf", DOCTOR_BLOCKER, "default IPv6 route");
}

static void a_port_of_a_bridge_blocks(void **state)
{
	fakehost_link(&host, "sys/class/net/ens1/master", "../br0");
	expect("pf", DOCTOR_BLOCKER, "a port of br0");
}

static void add_disk(const char *path_name, const char *disk)
{
	char path[256];

	snprintf(path, sizeof(path), PF_DIR "/nvme/nvme0/%s/x", path_name);
	fakehost_file(&host, path, "");
	snprintf(path, sizeof(path), "sys/class/block/%s/dev", disk);
	fakehost_file(&host, path, "259:0\n");
	snprintf(path, sizeof(path), "sys/class/block/%s/%sp1/dev", disk, disk);
	fakehost_file(&host, path, "259:1\n");
	snprintf(path, sizeof(path), "sys/class/block/%sp1/dev", disk);
	fakehost_file(&host, path, "259:1\n");
}

static void a_mounted_disk_blocks(void **state)
{
	add_disk("nvme0n1", "nvme0n1");
	fakehost_file(&host, "proc/self/mountinfo", "36 25 259:10 / / rw - ext4 /dev/vda rw\n");
	struct doctor_report report = examine(&pf_bdf, 1);

	assert_int_equal(report.worst, DOCTOR_OK);
	doctor_release(&report);
	fakehost_file(&host, "proc/self/mountinfo",
		      "36 25 259:1 / /srv rw - ext4 /dev/nvme0n1p1 rw\n");
	expect("pf", DOCTOR_BLOCKER, "nvme0n1p1 is mounted");
}

static void a_disk_behind_multipath_is_recognised(void **state)
{
	add_disk("nvme0c0n1", "nvme0n1");
	fakehost_file(&host, "proc/self/mountinfo",
		      "36 25 259:0 / /srv rw - ext4 /dev/nvme0n1 rw\n");
	expect("pf", DOCTOR_BLOCKER, "nvme0n1 is mounted");
}

static void swap_and_volume_groups_block(void **state)
{
	add_disk("nvme0n1", "nvme0n1");
	fakehost_file(&host, "proc/swaps", "Filename Type Size\n/dev/nvme0n1p1 partition 1000\n");
	expect("pf", DOCTOR_BLOCKER, "nvme0n1p1 is swap");
	fakehost_file(&host, "proc/swaps", "");
	fakehost_dir(&host, "sys/class/block/nvme0n1/holders/dm-0");
	expect("pf", DOCTOR_BLOCKER, "part of dm-0");
}

static void a_neighbour_in_the_group_blocks(void **state)
{
	fakehost_neighbour(&host, "0000:01:00.1", fakehost_igb.bdf);
	expect("pf", DOCTOR_BLOCKER, "with 0000:01:00.1");
}

static void a_bridge_without_acs_is_a_warning(void **state)
{
	struct fakehost_pf other = fakehost_igb;

	other.bdf = "0000:02:00.0";
	fakehost_bridge(&host, "0000:00:02.0", false);
	fakehost_pf(&host, "0000:00:02.0", &other);
	assert_int_equal(bdf_parse(other.bdf, &pf_bdf), 0);
	expect("pf", DOCTOR_WARNING, "0000:00:02.0");
}

static void a_pf_without_vfs_or_that_isnt_there_blocks(void **state)
{
	fakehost_file(&host, PF_DIR "/sriov_totalvfs", "0\n");
	expect("pf", DOCTOR_BLOCKER, "offers no VFs");
	assert_int_equal(bdf_parse("0000:09:00.0", &pf_bdf), 0);
	expect("pf", DOCTOR_BLOCKER, "no such PCI function");
}

static void a_pf_that_nobody_named_only_warns(void **state)
{
	struct doctor_report report;

	fakehost_link(&host, "sys/class/net/ens1/master", "../br0");
	report = examine(NULL, 0);
	assert_int_equal(report.worst, DOCTOR_WARNING);
	doctor_release(&report);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_ready_host_has_nothing_to_mend),
		T(no_iommu_blocks),
		T(interrupts_that_arent_remapped_block),
		T(unsafe_interrupts_are_a_warning),
		T(no_kvm_blocks),
		T(no_module_for_this_kernel_blocks),
		T(a_qemu_that_isnt_ours_blocks),
		T(what_of_pfkeep_isnt_there_is_found),
		T(a_libvirt_without_the_right_to_raise_limits_blocks),
		T(an_apparmor_that_keeps_domains_from_tokens_blocks),
		T(an_apparmor_that_keeps_libvirtd_from_our_qemu_blocks),
		T(what_live_update_lacks_is_a_warning),
		T(a_pf_that_carries_the_default_route_blocks),
		T(a_pf_that_is_needed_is_refused),
		T(other_routes_and_interfaces_of_like_name_dont_block),
		T(a_default_ipv6_route_blocks),
		T(a_port_of_a_bridge_blocks),
		T(a_mounted_disk_blocks),
		T(a_disk_behind_multipath_is_recognised),
		T(swap_and_volume_groups_block),
		T(a_neighbour_in_the_group_blocks),
		T(a_bridge_without_acs_is_a_warning),
		T(a_pf_without_vfs_or_that_isnt_there_blocks),
		T(a_pf_that_nobody_named_only_warns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
