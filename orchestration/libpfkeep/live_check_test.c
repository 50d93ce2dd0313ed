// SPDX-License-Identifier: GPL-2.0-only
/* What is looked at before a live update: the next kernel's command line, and devices. */
#include "orchestration/testing/cmocka.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestration/libpfkeep/live_cmdline.h"
#include "orchestration/libpfkeep/live_early.h"
#include "orchestration/libpfkeep/live_priv.h"
#include "orchestration/testing/fakehost.h"

#define ON "root=/dev/vda quiet liveupdate=on kho=on "

static void taken(const char *line)
{
	struct problem problem = { "" };

	if (live_cmdline_check(line, &problem))
		fail_msg("'%s': %s", line, problem.text);
}

static void refused(const char *line, const char *why)
{
	struct problem problem = { "" };

	assert_int_equal(live_cmdline_check(line, &problem), -EINVAL);
	if (!strstr(problem.text, why))
		fail_msg("'%s' says nothing of '%s': %s", line, why, problem.text);
}

static void live_update_must_be_on(void **state)
{
	taken(ON);
	taken("kho=1 liveupdate=y");
	refused("", "lacks kho=on");
	refused("kho=on", "lacks liveupdate=on");
	refused("liveupdate kho=on", "lacks liveupdate=on");
	refused("xliveupdate=on kho=on", "lacks liveupdate=on");
	refused(ON "kho=off", "has kho=off");
	refused(ON "liveupdate=0", "has liveupdate=0");
	refused("kho=on -- liveupdate=on", "lacks liveupdate=on");
}

static void what_takes_something_from_live_functions_is_refused(void **state)
{
	static const char *const bad[][2] = {
		{ "intel_iommu=off", "intel_iommu=off: the IOMMU would be off" },
		{ "intel-iommu=off", "intel_iommu=off" },
		{ "intel_iommu=strict,off", "intel_iommu=off" },
		{ "\"intel_iommu=off\"", "intel_iommu=off" },
		{ "intel_iommu=\"off\"", "intel_iommu=off" },
		{ "intel_iommu=sm_on", "scalable" },
		{ "iommu=off", "iommu=off: the IOMMU would be off" },
		{ "iommu=noforce,off", "iommu=off" },
		{ "amd_iommu=off", "amd_iommu=off" },
		{ "intremap=off", "remapped" },
		{ "nointremap", "nointremap: " },
		{ "noapic", "noapic: " },
		{ "acpi=off", "acpi=off" },
		{ "pci=nomsi", "pci=nomsi" },
		{ "pci=noaer,assign-busses", "other addresses" },
		{ "pci=realloc", "BARs of live functions would move" },
	};
	char line[256];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(line, sizeof(line), ON "%s", bad[i][0]);
		refused(line, bad[i][1]);
		snprintf(line, sizeof(line), "%s " ON, bad[i][0]);
		refused(line, bad[i][1]);
	}
}

/* As for the kernel. */
static void the_last_word_counts(void **state)
{
	taken("kho=off liveupdate=off " ON);
	taken(ON "intel_iommu=off intel_iommu=on,sm_off");
	refused(ON "intel_iommu=on intel_iommu=off", "intel_iommu=off");
	/* of this one there is no way back */
	refused(ON "iommu=off iommu=force", "iommu=off");
}

static void what_only_looks_like_it_is_taken(void **state)
{
	taken(ON "xintel_iommu=off lab.iommu=off kho.x=off");
	/* of functions that nobody carries */
	taken(ON "iommu=pt iommu.passthrough=1");
	taken(ON "dyndbg=\"intel_iommu=on iommu=off\"");
	taken(ON "-- iommu=off intel_iommu=off");
	taken(ON "iommu=offset pci=nomsix");
}

static void a_line_of_any_bytes_is_read_to_its_end(void **state)
{
	char line[4096];

	for (unsigned int seed = 1; seed < 3000; seed++) {
		unsigned int x = seed;
		size_t n = seed % sizeof(line);

		for (size_t i = 0; i < n; i++) {
			x = x * 1103515245 + 12345;
			line[i] = "kho=n iommu=\",-pt\t off\xff"[(x >> 16) % 23];
		}
		line[n] = '\0';
		live_cmdline_check(line, NULL);
	}
	memset(line, 'a', sizeof(line));
	memcpy(line + 1, "kho=on liveupdate=on ", 21);
	line[0] = ' ';
	line[sizeof(line) - 1] = '\0';
	taken(line);
	memcpy(line + 22, "iommu=off,", 10);
	refused(line, "iommu=off");
}

/* A host with a PF and its VF. */
static struct fakehost host;
static struct live_function functions[2];
static struct live live = { .functions = functions, .n_functions = 2 };

#define PF	      "0000:01:00.0"
#define VF	      "0000:01:10.0"
#define DMAR	      "../../../virtual/iommu/dmar0"
#define AT(bdf, name) "sys/bus/pci/devices/" bdf "/" name

static int setup(void **state)
{
	uint8_t config[4096] = { 0 };

	fakehost_setup(&host);
	fakehost_file_bytes(&host, AT(PF, "config"), config, sizeof(config));
	fakehost_file_bytes(&host, AT(VF, "config"), config, sizeof(config));
	fakehost_link(&host, AT(PF, "iommu"), DMAR);
	fakehost_link(&host, AT(VF, "iommu"), DMAR);
	fakehost_link(&host, AT(VF, "physfn"), "../" PF);
	functions[0] = (struct live_function){ .bdf = PF, .held = true };
	functions[1] = (struct live_function){ .bdf = VF, .vf = true, .held = true };
	return 0;
}

static int teardown(void **state)
{
	fakehost_teardown(&host);
	return 0;
}

static void device_is_refused(const char *why)
{
	struct problem problem = { "" };

	assert_true(live_check_devices(&host.root, &live, &problem) < 0);
	if (!strstr(problem.text, why))
		fail_msg("no '%s' in: %s", why, problem.text);
}

static void devices_are_taken(void)
{
	struct problem problem = { "" };

	if (live_check_devices(&host.root, &live, &problem))
		fail_msg("%s", problem.text);
}

static void a_pf_and_its_vf_behind_vt_d_are_taken(void **state)
{
	devices_are_taken();
}

static void a_vf_without_its_pf_is_refused(void **state)
{
	functions[0].held = false;
	device_is_refused(VF ": a VF can be carried over only with its PF, and no VM has " PF);
	/* nobody's VF is not carried */
	functions[1].held = false;
	devices_are_taken();
}

static void an_iommu_that_cant_hand_over_is_refused(void **state)
{
	fakehost_link(&host, AT(PF, "iommu"), "../../../virtual/iommu/ivhd0");
	device_is_refused(PF ": its translation can't be carried over: ivhd0 is no VT-d");
}

static void a_device_that_uses_ats_is_refused(void **state)
{
	uint8_t config[4096] = { 0 };

	/* AER, then ATS */
	memcpy(config + 0x100, "\x01\x00\x02\x15", 4);
	memcpy(config + 0x150, "\x0f\x00\x01\x00\x00\x00\x00\x80", 8);
	fakehost_file_bytes(&host, AT(VF, "config"), config, sizeof(config));
	device_is_refused(VF ": it uses ATS");
	config[0x157] = 0;
	fakehost_file_bytes(&host, AT(VF, "config"), config, sizeof(config));
	devices_are_taken();
	/* a list that never ends, one that leads out, one that is cut */
	memcpy(config + 0x150, "\x01\x00\x02\x10", 4);
	fakehost_file_bytes(&host, AT(VF, "config"), config, sizeof(config));
	devices_are_taken();
	memcpy(config + 0x150, "\x01\x00\xf2\xff", 4);
	fakehost_file_bytes(&host, AT(VF, "config"), config, sizeof(config));
	devices_are_taken();
	fakehost_file_bytes(&host, AT(VF, "config"), config, 0x152);
	devices_are_taken();
	/* the last one that there is room for begins, and is longer */
	memcpy(config + 0x150, "\x01\x00\xc2\xff", 4);
	config[0xffc] = 0x0f;
	fakehost_file_bytes(&host, AT(VF, "config"), config, sizeof(config));
	devices_are_taken();
}

static bool is_early(const char *file)
{
	static char *argv[] = { (char *)"/usr/bin/qemu", NULL };
	struct live_vm vm = { .pid = 7, .argv = argv };
	struct live vms = { .vms = &vm, .n_vms = 1 };
	struct problem problem = { "" };
	bool early;

	fakehost_link(&host, "proc/7/fd/5", file);
	if (live_early(&host.root, &vms, &early, &problem))
		fail_msg("%s", problem.text);
	return early;
}

static void vms_whose_files_the_initramfs_has_are_early(void **state)
{
	static const char mounts[] = "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
				     "22 21 0:20 / /run rw - tmpfs tmpfs rw\n"
				     "23 21 8:2 / /usr ro - ext4 /dev/sda2 ro\n"
				     "24 21 8:3 / /srv/my\\040vms rw shared:7 - xfs /dev/sda3 rw\n"
				     "25 21 8:4 / /mnt rw - ext4 /dev/sda4 rw\n"
				     "26 21 0:30 / /mnt rw - tmpfs tmpfs rw\n"
				     "broken";
	fakehost_file(&host, "proc/self/mountinfo", mounts);
	assert_true(is_early("/var/lib/disk"));
	assert_true(is_early("/run/disk"));
	assert_true(is_early("/usr/share/firmware"));
	assert_true(is_early("/srv/my"));
	assert_true(is_early("/srv/my vms2/disk"));
	assert_true(is_early("/dev/vda"));
	assert_true(is_early("anon_inode:kvm-vm"));
	/* only the last is seen */
	assert_true(is_early("/mnt/disk"));
	assert_false(is_early("/srv/my vms/disk"));
	assert_false(is_early("/srv/my vms"));
	assert_false(is_early("/dev/dm-3"));
	assert_false(is_early("/dev/md127"));
}

static void what_an_update_said_of_the_restore_the_next_one_does_not_repeat(void **state)
{
	char line[] = "a pfkeep.restore=late b pfkeep.restore=lately pfkeep.restore=early "
		      "pfkeep.restore=late";

	live_early_strip(line);
	assert_string_equal(line, "a b pfkeep.restore=lately");
}

#define ON_A_HOST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(live_update_must_be_on),
		cmocka_unit_test(what_takes_something_from_live_functions_is_refused),
		cmocka_unit_test(the_last_word_counts),
		cmocka_unit_test(what_only_looks_like_it_is_taken),
		cmocka_unit_test(a_line_of_any_bytes_is_read_to_its_end),
		ON_A_HOST(a_pf_and_its_vf_behind_vt_d_are_taken),
		ON_A_HOST(a_vf_without_its_pf_is_refused),
		ON_A_HOST(an_iommu_that_cant_hand_over_is_refused),
		ON_A_HOST(a_device_that_uses_ats_is_refused),
		ON_A_HOST(vms_whose_files_the_initramfs_has_are_early),
		cmocka_unit_test(what_an_update_said_of_the_restore_the_next_one_does_not_repeat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
