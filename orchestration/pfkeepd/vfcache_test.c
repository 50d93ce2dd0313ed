// SPDX-License-Identifier: GPL-2.0-only
/* The table of VFs that is kept, and what the kernel says that changes it. */
#include "orchestration/testing/cmocka.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "orchestration/pfkeepd/uevents.h"
#include "orchestration/testing/fakehost.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/driver.h"

#define PF  "0000:01:00.0"
#define VF1 "0000:02:10.2"

static struct fakehost host;
static struct vfcache *cache;
static char table[8192];
static const char *owner_of_vf1;

static const struct fakehost_pf igb = {
	.bdf = PF,
	.vendor = 0x8086,
	.device = 0x10c9,
	.class = 0x020000,
	.total_vfs = 7,
	.vf_offset = 0x180,
	.vf_stride = 2,
	.vf_device = 0x10ca,
	.driver = "igb",
	.vf_driver = "igbvf",
};

static const char *find_owner(void *data, const struct bdf *pf, uint16_t index)
{
	return index == 1 ? owner_of_vf1 : NULL;
}

static const struct vftable_owners owners = { .find = find_owner };

/* What has happened was said before. */
static void nothing_more(void *data, struct vfcache *of)
{
}

static struct bdf bdf(const char *text)
{
	struct bdf bdf;

	assert_int_equal(bdf_parse(text, &bdf), 0);
	return bdf;
}

static void set_vfs(const char *num)
{
	assert_int_equal(root_write(&host.root, "sys/bus/pci/devices/" PF "/sriov_numvfs", num), 0);
}

static void bind_vf1(void)
{
	const struct bdf vf = bdf(VF1);

	assert_int_equal(driver_bind(&host.root, &vf, DRIVER_VFIO, NULL), 0);
}

static int setup(void **state)
{
	fakehost_setup(&host);
	fakehost_driver(&host, "igb");
	fakehost_driver(&host, "igbvf");
	fakehost_driver(&host, "vfio-pci-sriov");
	fakehost_bridge(&host, "0000:00:01.0", true);
	fakehost_pf(&host, "0000:00:01.0", &igb);
	set_vfs("3");
	owner_of_vf1 = NULL;
	return vfcache_new(&host.root, nothing_more, NULL, &cache);
}

static int teardown(void **state)
{
	vfcache_free(cache);
	fakehost_teardown(&host);
	return 0;
}

static void look(const struct bdf *only, enum vfcache_form form)
{
	CLEANUP(cleanup_close) int fd = -1;
	struct problem problem;
	ssize_t n;

	if (vfcache_open(cache, only, form, &owners, &fd, &problem))
		fail_msg("%s", problem.text);
	n = pread(fd, table, sizeof(table) - 1, 0);
	assert_true(n > 0);
	table[n] = '\0';
}

/* The lines of all VFs, after what was said. */
static const char *lines(void)
{
	look(NULL, VFCACHE_LINES);
	return table;
}

static size_t count_lines(void)
{
	size_t n = 0;

	for (const char *at = lines(); (at = strchr(at, '\n')); at++)
		n++;
	return n;
}

/* As the kernel says it: texts, each ended by a zero. */
static void say(const char *subsystem, const char *slot)
{
	char message[256];
	int n = snprintf(message, sizeof(message),
			 "bind@/devices/%s|ACTION=bind|SUBSYSTEM=%s|PCI_SLOT_NAME=%s|SEQNUM=7|",
			 slot, subsystem, slot);

	for (char *at = message; (at = strchr(at, '|')); at++)
		*at = '\0';
	uevents_take(message, (size_t)n, cache);
}

static void sysfs_is_read_again_only_after_the_kernel_spoke(void **state)
{
	assert_null(strstr(lines(), "vfio-pci-sriov"));
	bind_vf1();
	assert_null(strstr(lines(), "vfio-pci-sriov"));
	say("net", VF1);
	say("pci", "nonsense");
	assert_null(strstr(lines(), "vfio-pci-sriov"));
	say("pci", VF1);
	assert_non_null(strstr(lines(), VF1 "   8086:10ca vfio-pci-sriov"));
}

static void vfs_come_and_go_by_what_is_said_of_them(void **state)
{
	assert_int_equal(count_lines(), 1 + 3);
	set_vfs("0");
	say("pci", VF1);
	assert_int_equal(count_lines(), 1);
	set_vfs("5");
	say("pci", VF1);
	assert_int_equal(count_lines(), 1 + 5);
}

static void pfs_come_and_go(void **state)
{
	const struct fakehost_pf other = {
		.bdf = "0000:03:00.0",
		.total_vfs = 4,
		.vf_offset = 1,
		.vf_stride = 1,
		.driver = "igb",
	};

	assert_int_equal(count_lines(), 1 + 3);
	fakehost_bridge(&host, "0000:00:02.0", true);
	fakehost_pf(&host, "0000:00:02.0", &other);
	assert_int_equal(
		root_write(&host.root, "sys/bus/pci/devices/0000:03:00.0/sriov_numvfs", "4"), 0);
	assert_int_equal(count_lines(), 1 + 3);
	say("pci", "0000:03:00.0");
	assert_int_equal(count_lines(), 1 + 3 + 4);
	assert_true(strstr(table, PF "/2") < strstr(table, "0000:03:00.0/0"));
	set_vfs("0");
	fakehost_remove(&host, "sys/bus/pci/devices/" PF);
	say("pci", PF);
	assert_int_equal(count_lines(), 1 + 4);
}

static void a_new_owner_is_shown_after_it_was_said(void **state)
{
	const struct bdf pf = bdf(PF);

	assert_null(strstr(lines(), "web"));
	owner_of_vf1 = "web";
	assert_null(strstr(lines(), "web"));
	vfcache_touch_owner(cache, &pf);
	assert_non_null(strstr(lines(), " web\n"));
}

static void what_was_lost_is_made_up_for(void **state)
{
	lines();
	bind_vf1();
	for (uint8_t i = 0; i < 255; i++) {
		const struct bdf one = { 0, 9, i / 8, i % 8 }, two = { 0, 10, i / 8, i % 8 };

		vfcache_touch(cache, &one);
		vfcache_touch(cache, &two);
	}
	/* There was no room for this one. */
	say("pci", VF1);
	assert_non_null(strstr(lines(), "vfio-pci-sriov"));
}

static void messages_that_are_none_change_nothing(void **state)
{
	static const char cut[] = { 'a', 'd', 'd', '@', '/', 0, 'S', 'U', 'B' };

	uevents_take("", 0, cache);
	uevents_take(cut, sizeof(cut), cache);
	say("pci", "");
	assert_int_equal(count_lines(), 1 + 3);
}

static void where_nobody_speaks_nothing_is_kept(void **state)
{
	vfcache_free(cache);
	assert_int_equal(vfcache_new(&host.root, NULL, NULL, &cache), 0);
	assert_null(strstr(lines(), "vfio-pci-sriov"));
	bind_vf1();
	assert_non_null(strstr(lines(), "vfio-pci-sriov"));
}

static void one_pf_or_why_it_has_no_vfs(void **state)
{
	const struct bdf pf = bdf(PF), bridge = bdf("0000:00:01.0"), none = bdf("0000:09:00.0");
	struct problem problem;
	int fd = -1;

	look(&pf, VFCACHE_LINES);
	assert_non_null(strstr(table, VF1));
	assert_int_equal(vfcache_open(cache, &bridge, VFCACHE_LINES, &owners, &fd, &problem),
			 -ENOTSUP);
	assert_non_null(strstr(problem.text, "it isn't a PF"));
	assert_int_equal(vfcache_open(cache, &none, VFCACHE_JSON, &owners, &fd, &problem), -ENODEV);
	assert_non_null(strstr(problem.text, "no such PCI function"));
	assert_int_equal(fd, -1);
}

static void the_same_is_said_in_json(void **state)
{
	struct json_object *list;

	owner_of_vf1 = "a \"b\"";
	look(NULL, VFCACHE_JSON);
	list = json_tokener_parse(table);
	assert_int_equal(json_object_array_length(list), 3);
	assert_string_equal(json_object_get_string(json_object_object_get(
				    json_object_array_get_idx(list, 1), "domain")),
			    "a \"b\"");
	json_object_put(list);
}

static void who_gets_the_table_cannot_change_it(void **state)
{
	CLEANUP(cleanup_close) int fd = -1;

	assert_int_equal(vfcache_open(cache, NULL, VFCACHE_LINES, &owners, &fd, NULL), 0);
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_ptr_equal(mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(sysfs_is_read_again_only_after_the_kernel_spoke),
		test(vfs_come_and_go_by_what_is_said_of_them),
		test(pfs_come_and_go),
		test(a_new_owner_is_shown_after_it_was_said),
		test(what_was_lost_is_made_up_for),
		test(messages_that_are_none_change_nothing),
		test(where_nobody_speaks_nothing_is_kept),
		test(one_pf_or_why_it_has_no_vfs),
		test(the_same_is_said_in_json),
		test(who_gets_the_table_cannot_change_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
