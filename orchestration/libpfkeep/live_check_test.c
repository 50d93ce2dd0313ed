// SPDX-License-Identifier: GPL-2.0-only
/* What is looked at before a live update: the next kernel's command line, and devices. */
#include "orchestration/testing/cmocka.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "orchestration/libpfkeep/live_cmdline.h"
#include "orchestration/libpfkeep/live_early.h"
#include "orchestration/libpfkeep/live_priv.h"

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

/* /sys of a host with a PF and its VF. */
struct host {
	char path[64];
	struct root root;
	struct live live;
	struct live_function functions[2];
};

static void make(const struct host *h, const char *path, const void *data, size_t len, bool link)
{
	char whole[256];
	int fd;

	snprintf(whole, sizeof(whole), "%s/sys/bus/pci/devices/%s", h->path, path);
	for (char *p = whole + strlen(h->path) + 1; *p; p++)
		if (*p == '/') {
			*p = '\0';
			mkdir(whole, 0755);
			*p = '/';
		}
	unlink(whole);
	if (link) {
		assert_int_equal(symlink(data, whole), 0);
		return;
	}
	fd = open(whole, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

#define PF   "0000:01:00.0"
#define VF   "0000:01:10.0"
#define PROC "../../../../proc/"

static int setup(void **state)
{
	struct host *h = calloc(1, sizeof(*h));
	uint8_t config[4096] = { 0 };

	snprintf(h->path, sizeof(h->path), "/tmp/live_check.XXXXXX");
	if (!mkdtemp(h->path) || root_open(h->path, &h->root))
		return -1;
	make(h, PF "/config", config, sizeof(config), false);
	make(h, VF "/config", config, sizeof(config), false);
	make(h, PF "/iommu", "../../../virtual/iommu/dmar0", 0, true);
	make(h, VF "/iommu", "../../../virtual/iommu/dmar0", 0, true);
	make(h, VF "/physfn", "../" PF, 0, true);
	h->functions[0] = (struct live_function){ .bdf = PF, .held = true };
	h->functions[1] = (struct live_function){ .bdf = VF, .vf = true, .held = true };
	h->live.functions = h->functions;
	h->live.n_functions = 2;
	*state = h;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int teardown(void **state)
{
	struct host *h = *state;
	int ret = nftw(h->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);

	root_close(&h->root);
	free(h);
	return ret;
}

static void device_is_refused(struct host *h, const char *why)
{
	struct problem problem = { "" };

	assert_true(live_check_devices(&h->root, &h->live, &problem) < 0);
	if (!strstr(problem.text, why))
		fail_msg("no '%s' in: %s", why, problem.text);
}

static void devices_are_taken(struct host *h)
{
	struct problem problem = { "" };

	if (live_check_devices(&h->root, &h->live, &problem))
		fail_msg("%s", problem.text);
}

static void a_pf_and_its_vf_behind_vt_d_are_taken(void **state)
{
	devices_are_taken(*state);
}

static void a_vf_without_its_pf_is_refused(void **state)
{
	struct host *h = *state;

	h->functions[0].held = false;
	device_is_refused(h, VF ": a VF can be carried over only with its PF, and no VM has " PF);
	/* nobody's VF is not carried */
	h->functions[1].held = false;
	devices_are_taken(h);
}

static void an_iommu_that_cant_hand_over_is_refused(void **state)
{
	struct host *h = *state;

	make(h, PF "/iommu", "../../../virtual/iommu/ivhd0", 0, true);
	device_is_refused(h, PF ": its translation can't be carried over: ivhd0 is no VT-d");
}

static void a_device_that_uses_ats_is_refused(void **state)
{
	struct host *h = *state;
	uint8_t config[4096] = { 0 };

	/* AER, then ATS */
	memcpy(config + 0x100, "\x01\x00\x02\x15", 4);
	memcpy(config + 0x150, "\x0f\x00\x01\x00\x00\x00\x00\x80", 8);
	make(h, VF "/config", config, sizeof(config), false);
	device_is_refused(h, VF ": it uses ATS");
	config[0x157] = 0;
	make(h, VF "/config", config, sizeof(config), false);
	devices_are_taken(h);
	/* a list that never ends, one that leads out, one that is cut */
	memcpy(config + 0x150, "\x01\x00\x02\x10", 4);
	make(h, VF "/config", config, sizeof(config), false);
	devices_are_taken(h);
	memcpy(config + 0x150, "\x01\x00\xf2\xff", 4);
	make(h, VF "/config", config, sizeof(config), false);
	devices_are_taken(h);
	make(h, VF "/config", config, 0x152, false);
	devices_are_taken(h);
	/* the last one that there is room for begins, and is longer */
	memcpy(config + 0x150, "\x01\x00\xc2\xff", 4);
	config[0xffc] = 0x0f;
	make(h, VF "/config", config, sizeof(config), false);
	devices_are_taken(h);
}

static bool is_early(struct host *h, const char *file)
{
	static char *argv[] = { (char *)"/usr/bin/qemu", NULL };
	struct live_vm vm = { .pid = 7, .argv = argv };
	struct live live = { .vms = &vm, .n_vms = 1 };
	struct problem problem = { "" };
	bool early;

	make(h, PROC "7/fd/5", file, 0, true);
	if (live_early(&h->root, &live, &early, &problem))
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
	struct host *h = *state;

	make(h, PROC "self/mountinfo", mounts, sizeof(mounts) - 1, false);
	assert_true(is_early(h, "/var/lib/disk"));
	assert_true(is_early(h, "/run/disk"));
	assert_true(is_early(h, "/usr/share/firmware"));
	assert_true(is_early(h, "/srv/my"));
	assert_true(is_early(h, "/srv/my vms2/disk"));
	assert_true(is_early(h, "/dev/vda"));
	assert_true(is_early(h, "anon_inode:kvm-vm"));
	/* only the last is seen */
	assert_true(is_early(h, "/mnt/disk"));
	assert_false(is_early(h, "/srv/my vms/disk"));
	assert_false(is_early(h, "/srv/my vms"));
	assert_false(is_early(h, "/dev/dm-3"));
	assert_false(is_early(h, "/dev/md127"));
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
