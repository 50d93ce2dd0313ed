// SPDX-License-Identifier: GPL-2.0-only
/*
 * The SR-IOV capability's state machine against the specification: a table of
 * what single writes do to single registers, then the requests one by one.
 * Sections are those of the PCI Express Base Specification 5.0.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "host-vfio-sriov/sriov_cap.h"

#define TOTAL 8

/* Offset and stride that move with NumVFs, so that a mix-up shows. */
static struct sriov_cap_geometry geometry[TOTAL + 1];

/* BAR0: 16 KB 64-bit prefetchable; BAR2: 4 KB 32-bit; BAR3: 64-bit 8 GB. */
static const struct sriov_cap_config config = {
	.caps = 0xffffffff,
	.ari = true,
	.total_vfs = TOTAL,
	.func_link = 3,
	.vf_device_id = 0x10ca,
	.supported_page_sizes = 0x553,
	.bars = {
		[0] = { 0x4000, true, true },
		[2] = { 0x1000, false, false },
		[3] = { 0x200000000, true, false },
	},
	.geometry = geometry,
};

static const struct sriov_cap_host no_vfs = { .limit = TOTAL };
static const struct sriov_cap_host four_free = { .limit = TOTAL, .num_vfs = 4 };
static const struct sriov_cap_host four_held = { .limit = TOTAL, .num_vfs = 4, .held = true };

static struct sriov_cap cap;
static struct sriov_cap_verdict verdict;

static int setup(void **state)
{
	for (unsigned int i = 0; i <= TOTAL; i++)
		geometry[i] = (struct sriov_cap_geometry){ 0x80 + i, i > 1 ? 2 : 0 };
	return sriov_cap_init(&cap, &config);
}

static u32 rd(unsigned int offset, unsigned int size)
{
	u32 value;

	assert_int_equal(sriov_cap_read(&cap, offset, size, &value), 0);
	return value;
}

static void wr(unsigned int offset, unsigned int size, u32 value, const struct sriov_cap_host *host)
{
	assert_int_equal(sriov_cap_write(&cap, offset, size, value, host, &verdict), 0);
}

static void expect(enum vfio_pci_sriov_action request, enum vfio_pci_sriov_action todo,
		   enum vfio_pci_sriov_why why)
{
	assert_int_equal(verdict.request, request);
	assert_int_equal(verdict.todo, todo);
	assert_int_equal(verdict.why, why);
}

#define EXPECT(request, todo, why) \
	expect(VFIO_PCI_SRIOV_ACT_##request, VFIO_PCI_SRIOV_ACT_##todo, VFIO_PCI_SRIOV_WHY_##why)

/* NumVFs = @num_vfs, VF_Enable and VF_MSE set, and the host has done its part. */
static void enable(u16 num_vfs)
{
	wr(SRIOV_CAP_NUM_VFS, 2, num_vfs, &no_vfs);
	wr(SRIOV_CAP_CTRL, 2, 0x9, &no_vfs);
	sriov_cap_enable_done(&cap, true);
	assert_true(sriov_cap_vf_enabled(&cap));
}

/* One write after reset, without VFs, and what the register reads then. */
struct rule {
	const char *section;
	const char *rule;
	u8 offset, size;
	u32 write, read;
};

static const struct rule rules[] = {
	{ "9.3.3.2", "capabilities are read-only; no migration, no 10-bit tags", 0x04, 4,
	  0xffffffff, 0x00000002 },
	{ "9.3.3.2.2", "ARI Capable Hierarchy Preserved is the hardware's", 0x04, 1, 0, 0x02 },
	{ "9.3.3.3", "of the control bits VF_MSE alone sticks without NumVFs", 0x08, 2, 0xfffe,
	  0x0018 },
	{ "9.3.3.3.1", "VF_Enable with NumVFs 0 makes no VFs and is set", 0x08, 2, 0x0001, 0x0011 },
	{ "9.3.3.3.2", "VF Migration Enable is hardwired to 0", 0x08, 1, 0x02, 0x10 },
	{ "9.3.3.3.3", "VF Migration Interrupt Enable is hardwired to 0", 0x08, 1, 0x04, 0x10 },
	{ "9.3.3.3.4", "VF_MSE is writable by itself", 0x08, 1, 0x08, 0x18 },
	{ "9.3.3.3.5", "ARI Capable Hierarchy is the host's", 0x08, 1, 0x00, 0x10 },
	{ "9.3.3.3.6", "10-Bit Tag Requester Enable is hardwired to 0", 0x08, 1, 0x20, 0x10 },
	{ "9.3.3.3", "the upper control byte is reserved", 0x09, 1, 0xff, 0x00 },
	{ "9.3.3.4", "status is 0 without migration", 0x0a, 2, 0xffff, 0x0000 },
	{ "9.3.3.5", "InitialVFs equals TotalVFs and is read-only", 0x0c, 2, 0xffff, TOTAL },
	{ "9.3.3.6", "TotalVFs is read-only", 0x0e, 2, 0x0000, TOTAL },
	{ "9.3.3.7", "NumVFs holds 1", 0x10, 2, 1, 1 },
	{ "9.3.3.7", "NumVFs holds TotalVFs", 0x10, 2, TOTAL, TOTAL },
	{ "9.3.3.7", "NumVFs above TotalVFs is refused", 0x10, 2, TOTAL + 1, 0 },
	{ "9.3.3.7", "NumVFs 0xffff is refused", 0x10, 2, 0xffff, 0 },
	{ "9.3.3.7", "the low byte of NumVFs can be written alone", 0x10, 1, 5, 5 },
	{ "9.3.3.7", "the high byte of NumVFs counts", 0x11, 1, 1, 0 },
	{ "9.3.3.8", "Function Dependency Link is read-only", 0x12, 1, 0xff, 3 },
	{ "9.3.3", "the byte after it is reserved", 0x13, 1, 0xff, 0 },
	{ "9.3.3.9", "First VF Offset is read-only", 0x14, 2, 0xffff, 0x80 },
	{ "9.3.3.10", "VF Stride is read-only", 0x16, 2, 0xffff, 0 },
	{ "9.3.3", "the word before VF Device ID is reserved", 0x18, 2, 0xffff, 0 },
	{ "9.3.3.11", "VF Device ID is read-only", 0x1a, 2, 0, 0x10ca },
	{ "9.3.3.12", "Supported Page Sizes is read-only", 0x1c, 4, 0xffffffff, 0x553 },
	{ "9.3.3.13", "System Page Size starts at 4 KB", 0x20, 4, 0x1, 0x1 },
	{ "9.3.3.13", "System Page Size takes a supported size", 0x20, 4, 0x10, 0x10 },
	{ "9.3.3.13", "System Page Size refuses an unsupported size", 0x20, 4, 0x4, 0x1 },
	{ "9.3.3.13", "System Page Size refuses two sizes", 0x20, 4, 0x11, 0x1 },
	{ "9.3.3.13", "System Page Size refuses none", 0x20, 4, 0x0, 0x1 },
	{ "9.3.3.13", "System Page Size refuses the bits above 32 GB", 0x20, 4, 0x80000000, 0x1 },
	{ "9.3.3.14", "a 64-bit BAR sizes by all ones: low half", 0x24, 4, 0xffffffff, 0xffffc00c },
	{ "9.3.3.14", "a 64-bit BAR sizes by all ones: high half", 0x28, 4, 0xffffffff,
	  0xffffffff },
	{ "9.3.3.14", "a 32-bit BAR sizes by all ones", 0x2c, 4, 0xffffffff, 0xfffff000 },
	{ "9.3.3.14", "a BAR above 4 GB has no low address bits", 0x30, 4, 0xffffffff, 0x00000004 },
	{ "9.3.3.14", "a BAR above 4 GB sizes in its high half", 0x34, 4, 0xffffffff, 0xfffffffe },
	{ "9.3.3.14", "an absent BAR reads 0", 0x38, 4, 0xffffffff, 0 },
	{ "9.3.3.14", "type and prefetch bits are fixed", 0x24, 4, 0x0, 0x0000000c },
	{ "9.3.3.14", "a BAR takes single bytes", 0x26, 1, 0xab, 0xab },
	{ "9.3.3.14", "a BAR takes words", 0x2e, 2, 0xfebd, 0xfebd },
	{ "9.3.3.15", "VF Migration State Array Offset is 0", 0x3c, 4, 0xffffffff, 0 },
};

static void every_register_follows_its_rule(void **state)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		const struct rule *r = &rules[i];
		u32 value;

		setup(NULL);
		wr(r->offset, r->size, r->write, &no_vfs);
		value = rd(r->offset, r->size);
		if (value != r->read)
			fail_msg("%s: %s: reads %#x, not %#x", r->section, r->rule, value, r->read);
	}
}

/* 9.3.3: all 64 bytes but the header, so that no register was forgotten. */
static void reset_state_is_complete(void **state)
{
	static const u32 expected[] = { 0x00000002, 0x00000010, 0x00080008, 0x00030000, 0x00000080,
					0x10ca0000, 0x00000553, 0x00000001, 0x0000000c, 0,
					0,	    0x00000004, 0,	    0,		0 };

	for (unsigned int i = 0; i < 15; i++)
		assert_int_equal(rd(4 + 4 * i, 4), expected[i]);
}

static void accesses_outside_change_nothing(void **state)
{
	static const struct {
		unsigned int offset, size;
	} bad[] = {
		{ 0, 4 },     { 3, 1 }, { 2, 4 }, { 0x3d, 4 }, { 0x3f, 2 },	  { 0x40, 1 },
		{ 0x100, 4 }, { 8, 0 }, { 8, 3 }, { 8, 8 },    { 0xffffffff, 2 },
	};
	struct sriov_cap before = cap;
	u32 value;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(sriov_cap_read(&cap, bad[i].offset, bad[i].size, &value), -EINVAL);
		assert_int_equal(sriov_cap_write(&cap, bad[i].offset, bad[i].size, 0xffffffff,
						 &no_vfs, &verdict),
				 -EINVAL);
	}
	assert_memory_equal(&before, &cap, sizeof(cap));
}

/* 9.3.3.9, 9.3.3.10 */
static void offset_and_stride_follow_num_vfs(void **state)
{
	for (u16 n = 0; n <= TOTAL; n++) {
		wr(SRIOV_CAP_NUM_VFS, 2, n, &no_vfs);
		assert_int_equal(rd(SRIOV_CAP_VF_OFFSET, 2), geometry[n].offset);
		assert_int_equal(rd(SRIOV_CAP_VF_STRIDE, 2), geometry[n].stride);
	}
}

static void num_vfs_above_the_hosts_limit_is_refused(void **state)
{
	struct sriov_cap_host host = { .limit = 3 };

	wr(SRIOV_CAP_NUM_VFS, 2, 3, &host);
	EXPECT(NUM_VFS, NONE, NONE);
	wr(SRIOV_CAP_NUM_VFS, 2, 4, &host);
	EXPECT(NUM_VFS, NONE, LIMIT);
	assert_int_equal(rd(SRIOV_CAP_NUM_VFS, 2), 3);
}

static void num_vfs_of_existing_vfs_is_taken_above_the_limit(void **state)
{
	struct sriov_cap_host host = { .limit = 3, .num_vfs = 4 };

	wr(SRIOV_CAP_NUM_VFS, 2, 4, &host);
	EXPECT(NUM_VFS, NONE, NONE);
	wr(SRIOV_CAP_CTRL, 2, 1, &host);
	EXPECT(ADOPT, ADOPT, NONE);
}

/* 9.3.3.7 */
static void num_vfs_is_frozen_while_vfs_are_enabled(void **state)
{
	enable(4);
	wr(SRIOV_CAP_NUM_VFS, 2, 5, &four_free);
	EXPECT(NUM_VFS, NONE, FROZEN);
	wr(SRIOV_CAP_NUM_VFS, 1, 0, &four_free);
	EXPECT(NUM_VFS, NONE, FROZEN);
	assert_int_equal(rd(SRIOV_CAP_NUM_VFS, 2), 4);
	wr(SRIOV_CAP_NUM_VFS, 2, 4, &four_free);
	EXPECT(NONE, NONE, NONE);
}

/* 9.3.3.13 */
static void page_size_is_frozen_while_vfs_are_enabled(void **state)
{
	enable(1);
	wr(SRIOV_CAP_SYS_PAGE_SIZE, 4, 0x10, &four_free);
	EXPECT(PAGE_SIZE, NONE, FROZEN);
	assert_int_equal(rd(SRIOV_CAP_SYS_PAGE_SIZE, 4), 1);
}

/* 9.3.3.13, 9.3.3.14 */
static void page_size_raises_small_bars(void **state)
{
	wr(SRIOV_CAP_BAR0 + 8, 4, 0xfebd1000, &no_vfs);
	wr(SRIOV_CAP_SYS_PAGE_SIZE, 4, 0x10, &no_vfs);
	EXPECT(PAGE_SIZE, NONE, NONE);
	assert_int_equal(rd(SRIOV_CAP_BAR0 + 8, 4), 0xfebd0000);
	wr(SRIOV_CAP_BAR0 + 8, 4, 0xffffffff, &no_vfs);
	assert_int_equal(rd(SRIOV_CAP_BAR0 + 8, 4), 0xffff0000);
	wr(SRIOV_CAP_BAR0, 4, 0xffffffff, &no_vfs);
	assert_int_equal(rd(SRIOV_CAP_BAR0, 4), 0xffff000c);
	assert_int_equal(rd(SRIOV_CAP_BAR0 + 16, 4), 0);
}

/* 9.3.3.3.1 */
static void enable_waits_for_the_host(void **state)
{
	wr(SRIOV_CAP_NUM_VFS, 2, 4, &no_vfs);
	wr(SRIOV_CAP_CTRL, 2, 0x9, &no_vfs);
	EXPECT(ENABLE, ENABLE, NONE);
	assert_int_equal(verdict.num_vfs, 4);
	assert_false(sriov_cap_vf_enabled(&cap));
	sriov_cap_enable_done(&cap, true);
	assert_int_equal(rd(SRIOV_CAP_CTRL, 2), 0x19);
	assert_true(sriov_cap_vf_memory(&cap));
}

static void failed_enable_leaves_vf_enable_clear(void **state)
{
	wr(SRIOV_CAP_NUM_VFS, 2, 4, &no_vfs);
	wr(SRIOV_CAP_CTRL, 2, 0x9, &no_vfs);
	sriov_cap_enable_done(&cap, false);
	assert_int_equal(rd(SRIOV_CAP_CTRL, 2), 0x18);
	assert_false(sriov_cap_vf_memory(&cap));
	assert_int_equal(rd(SRIOV_CAP_NUM_VFS, 2), 4);
}

static void enable_above_a_lowered_limit_is_refused(void **state)
{
	struct sriov_cap_host lowered = { .limit = 2 };

	wr(SRIOV_CAP_NUM_VFS, 2, 4, &no_vfs);
	wr(SRIOV_CAP_CTRL, 2, 0x9, &lowered);
	EXPECT(ENABLE, NONE, LIMIT);
	assert_int_equal(rd(SRIOV_CAP_CTRL, 2), 0x18);
}

static void enable_while_enabled_asks_for_nothing(void **state)
{
	enable(4);
	wr(SRIOV_CAP_CTRL, 2, 0x1, &four_held);
	EXPECT(NONE, NONE, NONE);
	assert_int_equal(rd(SRIOV_CAP_CTRL, 2), 0x11);
}

/* 9.3.3.3.4 */
static void vf_mse_needs_vf_enable(void **state)
{
	wr(SRIOV_CAP_CTRL, 2, 0x8, &no_vfs);
	assert_false(sriov_cap_vf_memory(&cap));
	enable(4);
	assert_true(sriov_cap_vf_memory(&cap));
	wr(SRIOV_CAP_CTRL, 2, 0x1, &four_free);
	assert_false(sriov_cap_vf_memory(&cap));
	assert_true(sriov_cap_vf_enabled(&cap));
}

static void disable_removes_free_vfs(void **state)
{
	enable(4);
	wr(SRIOV_CAP_CTRL, 2, 0, &four_free);
	EXPECT(DISABLE, DISABLE, NONE);
	assert_false(verdict.deferred);
	assert_int_equal(rd(SRIOV_CAP_CTRL, 2), 0x10);
}

static void disable_of_held_vfs_is_deferred(void **state)
{
	enable(4);
	wr(SRIOV_CAP_CTRL, 2, 0, &four_held);
	EXPECT(DISABLE, DISABLE, NONE);
	assert_true(verdict.deferred);
	assert_int_equal(rd(SRIOV_CAP_CTRL, 2), 0x10);
	assert_int_equal(rd(SRIOV_CAP_NUM_VFS, 2), 4);
}

static void disable_of_no_vfs_needs_nothing_of_the_host(void **state)
{
	wr(SRIOV_CAP_CTRL, 2, 1, &no_vfs);
	EXPECT(ENABLE, NONE, NONE);
	wr(SRIOV_CAP_CTRL, 2, 0, &no_vfs);
	EXPECT(DISABLE, NONE, NONE);
	assert_false(sriov_cap_vf_enabled(&cap));
}

static void as_many_existing_vfs_are_adopted(void **state)
{
	wr(SRIOV_CAP_NUM_VFS, 2, 4, &four_held);
	wr(SRIOV_CAP_CTRL, 2, 0x9, &four_held);
	EXPECT(ADOPT, ADOPT, NONE);
	assert_int_equal(rd(SRIOV_CAP_CTRL, 2), 0x19);
}

static void another_number_of_free_vfs_replaces_them(void **state)
{
	wr(SRIOV_CAP_NUM_VFS, 2, 5, &four_free);
	wr(SRIOV_CAP_CTRL, 2, 0x9, &four_free);
	EXPECT(ENABLE, ENABLE, NONE);
	assert_int_equal(verdict.num_vfs, 5);
	assert_false(sriov_cap_vf_enabled(&cap));
}

static void another_number_of_held_vfs_is_refused(void **state)
{
	for (u16 n = 0; n <= TOTAL; n++) {
		if (n == 4)
			continue;
		setup(NULL);
		wr(SRIOV_CAP_NUM_VFS, 2, n, &four_held);
		wr(SRIOV_CAP_CTRL, 2, 0x9, &four_held);
		EXPECT(ENABLE, NONE, HELD);
		assert_int_equal(rd(SRIOV_CAP_CTRL, 2), 0x18);
	}
}

static void a_new_user_finds_the_vfs(void **state)
{
	sriov_cap_attach(&cap, 4);
	assert_int_equal(rd(SRIOV_CAP_CTRL, 2), 0x19);
	assert_int_equal(rd(SRIOV_CAP_NUM_VFS, 2), 4);
	assert_int_equal(rd(SRIOV_CAP_VF_OFFSET, 2), geometry[4].offset);
	sriov_cap_detach(&cap);
	assert_int_equal(rd(SRIOV_CAP_CTRL, 2), 0x18);
}

static void attaching_too_many_vfs_changes_nothing(void **state)
{
	struct sriov_cap before = cap;

	sriov_cap_attach(&cap, TOTAL + 1);
	assert_memory_equal(&before, &cap, sizeof(cap));
}

static void a_byte_write_of_vf_enable_is_a_request(void **state)
{
	wr(SRIOV_CAP_NUM_VFS, 1, 2, &no_vfs);
	wr(SRIOV_CAP_CTRL, 1, 0x1, &no_vfs);
	EXPECT(ENABLE, ENABLE, NONE);
	wr(SRIOV_CAP_CTRL + 1, 1, 0xff, &no_vfs);
	EXPECT(NONE, NONE, NONE);
}

static void a_straddling_write_reaches_each_register(void **state)
{
	/* 0x0f..0x12: the last byte of TotalVFs, NumVFs, the link */
	wr(0x0f, 4, 0xff0005ff, &no_vfs);
	EXPECT(NUM_VFS, NONE, NONE);
	assert_int_equal(rd(SRIOV_CAP_NUM_VFS, 2), 5);
	assert_int_equal(rd(SRIOV_CAP_TOTAL_VFS, 2), TOTAL);
	assert_int_equal(rd(SRIOV_CAP_FUNC_LINK, 1), 3);
	/* 0x26..0x29: the upper half of BAR0, the lower of BAR1 */
	wr(0x26, 4, 0x11223344, &no_vfs);
	assert_int_equal(rd(0x24, 4), 0x3344000c);
	assert_int_equal(rd(0x28, 4), 0x00001122);
	/* 0x22..0x25: the upper half of the page size, BAR0's low byte */
	wr(0x22, 4, 0xff010000, &no_vfs);
	assert_int_equal(rd(0x20, 4), 1);
	assert_int_equal(rd(0x24, 4), 0x3344c00c);
}

static void impossible_hardware_is_refused(void **state)
{
	struct sriov_cap_config bad[] = { config, config, config, config, config, config, config };

	bad[0].supported_page_sizes = 0;
	bad[1].geometry = NULL;
	bad[2].bars[2].size = 0x1800;
	bad[3].bars[2].size = 8;
	bad[4].bars[1].size = 0x1000; /* the upper half of BAR0 */
	bad[5].bars[5] = (struct sriov_cap_bar){ 0x1000, true, false };
	bad[6].bars[2].size = 0x100000000;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(sriov_cap_init(&cap, &bad[i]), -EINVAL);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_register_follows_its_rule),
		TEST(reset_state_is_complete),
		TEST(accesses_outside_change_nothing),
		TEST(offset_and_stride_follow_num_vfs),
		TEST(num_vfs_above_the_hosts_limit_is_refused),
		TEST(num_vfs_of_existing_vfs_is_taken_above_the_limit),
		TEST(num_vfs_is_frozen_while_vfs_are_enabled),
		TEST(page_size_is_frozen_while_vfs_are_enabled),
		TEST(page_size_raises_small_bars),
		TEST(enable_waits_for_the_host),
		TEST(failed_enable_leaves_vf_enable_clear),
		TEST(enable_above_a_lowered_limit_is_refused),
		TEST(enable_while_enabled_asks_for_nothing),
		TEST(vf_mse_needs_vf_enable),
		TEST(disable_removes_free_vfs),
		TEST(disable_of_held_vfs_is_deferred),
		TEST(disable_of_no_vfs_needs_nothing_of_the_host),
		TEST(as_many_existing_vfs_are_adopted),
		TEST(another_number_of_free_vfs_replaces_them),
		TEST(another_number_of_held_vfs_is_refused),
		TEST(a_new_user_finds_the_vfs),
		TEST(attaching_too_many_vfs_changes_nothing),
		TEST(a_byte_write_of_vf_enable_is_a_request),
		TEST(a_straddling_write_reaches_each_register),
		TEST(impossible_hardware_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
