// SPDX-License-Identifier: GPL-2.0-only
#include "orchestration/testing/cmocka.h"

#include <errno.h>
#include <string.h>

#include "orchestration/testing/fakehost.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/pci.h"
#include "pfkeep/pcicap.h"

static struct fakehost host;

static const struct fakehost_pf igb = {
	.bdf = "0000:01:00.0",
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

static const struct fakehost_pf nvme = {
	.bdf = "0000:02:00.0",
	.vendor = 0x1b36,
	.device = 0x0010,
	.class = 0x010802,
	.total_vfs = 4,
	.vf_offset = 1,
	.vf_stride = 1,
	.vf_device = 0x0010,
};

static int setup(void **state)
{
	fakehost_setup(&host);
	fakehost_driver(&host, "igb");
	fakehost_driver(&host, "igbvf");
	fakehost_driver(&host, "vfio-pci-sriov");
	/* The later one first: order must not come from the directory. */
	fakehost_bridge(&host, "0000:00:02.0", true);
	fakehost_pf(&host, "0000:00:02.0", &nvme);
	fakehost_bridge(&host, "0000:00:01.0", true);
	fakehost_pf(&host, "0000:00:01.0", &igb);
	return 0;
}

static int teardown(void **state)
{
	fakehost_teardown(&host);
	return 0;
}

static struct bdf bdf(const char *text)
{
	struct bdf bdf;

	assert_int_equal(bdf_parse(text, &bdf), 0);
	return bdf;
}

static void create_vfs(const char *num)
{
	assert_int_equal(
		root_write(&host.root, "sys/bus/pci/devices/0000:01:00.0/sriov_numvfs", num), 0);
}

static void pfs_are_found_in_the_order_of_their_addresses(void **state)
{
	struct pci_inventory inventory;

	assert_int_equal(pci_read_all(&host.root, &inventory, NULL), 0);
	assert_int_equal(inventory.n_pfs, 2);
	assert_int_equal(inventory.pfs[0].fn.vendor, 0x8086);
	assert_int_equal(inventory.pfs[0].fn.device, 0x10c9);
	assert_int_equal(inventory.pfs[0].fn.class, 0x020000);
	assert_string_equal(inventory.pfs[0].fn.driver, "igb");
	assert_int_equal(inventory.pfs[0].total_vfs, 7);
	assert_int_equal(inventory.pfs[0].n_vfs, 0);
	assert_int_equal(inventory.pfs[1].fn.vendor, 0x1b36);
	assert_string_equal(inventory.pfs[1].fn.driver, "");
	assert_true(inventory.pfs[0].fn.group != inventory.pfs[1].fn.group);
	pci_inventory_release(&inventory);
}

static void vfs_belong_to_their_pf_with_driver_and_group(void **state)
{
	struct bdf address = bdf("0000:01:00.0"), first = bdf("0000:02:10.0"),
		   last = bdf("0000:02:10.4");
	struct pci_pf pf;

	create_vfs("3");
	assert_int_equal(pci_read_pf(&host.root, &address, &pf, NULL), 0);
	assert_int_equal(pf.num_vfs, 3);
	assert_int_equal(pf.n_vfs, 3);
	assert_true(bdf_equal(&pf.vfs[0].fn.bdf, &first));
	assert_true(bdf_equal(&pf.vfs[2].fn.bdf, &last));
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(pf.vfs[i].index, i);
		assert_string_equal(pf.vfs[i].fn.driver, "igbvf");
		assert_int_equal(pf.vfs[i].fn.device, 0x10ca);
		assert_true(pf.vfs[i].fn.group != PCI_NO_GROUP);
		assert_true(pf.vfs[i].fn.group != pf.fn.group);
	}
	pci_pf_release(&pf);
}

static void a_vf_that_is_just_going_is_left_out(void **state)
{
	struct bdf address = bdf("0000:01:00.0");
	struct pci_pf pf;

	create_vfs("3");
	fakehost_remove(&host, "sys/bus/pci/devices/0000:02:10.2");
	assert_int_equal(pci_read_pf(&host.root, &address, &pf, NULL), 0);
	assert_int_equal(pf.num_vfs, 3);
	assert_int_equal(pf.n_vfs, 2);
	assert_int_equal(pf.vfs[0].index, 0);
	assert_int_equal(pf.vfs[1].index, 2);
	pci_pf_release(&pf);
}

static void a_function_without_a_group_says_so(void **state)
{
	struct bdf address = bdf("0000:01:00.0");
	struct pci_function fn;

	fakehost_remove(&host, "sys/bus/pci/devices/0000:01:00.0/iommu_group");
	assert_int_equal(pci_read_function(&host.root, &address, &fn), 0);
	assert_int_equal(fn.group, PCI_NO_GROUP);
}

static void what_is_no_pf_is_named(void **state)
{
	struct bdf absent = bdf("0000:09:00.0"), bridge = bdf("0000:00:01.0");
	struct problem problem;
	struct pci_pf pf;

	assert_int_equal(pci_read_pf(&host.root, &absent, &pf, &problem), -ENODEV);
	assert_string_equal(problem.text, "0000:09:00.0: no such PCI function");
	assert_int_equal(pci_read_pf(&host.root, &bridge, &pf, &problem), -ENOTSUP);
	assert_non_null(strstr(problem.text, "0000:00:01.0"));
}

static void check_resolves(const char *text)
{
	struct bdf pf, vf, want_pf = bdf("0000:01:00.0"), want_vf = bdf("0000:02:10.2");
	struct vfname name;
	uint16_t index;

	assert_int_equal(vfname_parse(text, &name, NULL), 0);
	assert_int_equal(pci_resolve_vf(&host.root, &name, &pf, &index, &vf, NULL), 0);
	assert_true(bdf_equal(&pf, &want_pf));
	assert_true(bdf_equal(&vf, &want_vf));
	assert_int_equal(index, 1);
}

static void both_names_of_a_vf_lead_to_it(void **state)
{
	create_vfs("2");
	check_resolves("0000:01:00.0/1");
	check_resolves("0000:02:10.2");
}

static void a_name_without_a_vf_is_refused(void **state)
{
	static const struct {
		const char *name;
		int want;
	} bad[] = {
		{ "0000:01:00.0/2", -ENODEV }, { "0000:00:01.0/0", -ENODEV },
		{ "0000:09:00.0/0", -ENODEV }, { "0000:02:10.6", -ENODEV },
		{ "0000:01:00.0", -ENOTSUP },
	};
	struct problem problem;
	struct bdf pf, vf;
	uint16_t index;

	create_vfs("2");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct vfname name;

		assert_int_equal(vfname_parse(bad[i].name, &name, NULL), 0);
		assert_int_equal(pci_resolve_vf(&host.root, &name, &pf, &index, &vf, &problem),
				 bad[i].want);
		assert_memory_equal(problem.text, bad[i].name, strlen(bad[i].name));
	}
}

static void hostile_attributes_are_errors(void **state)
{
	static const char *const bad[] = { "", "-1\n", "65536\n", "0x7 \n", "seven\n" };
	struct bdf address = bdf("0000:01:00.0");
	struct pci_pf pf;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		fakehost_file(&host,
			      "sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0/sriov_totalvfs",
			      bad[i]);
		assert_true(pci_read_pf(&host.root, &address, &pf, NULL) < 0);
	}
}

static void no_link_leads_out_of_the_root(void **state)
{
	char text[64];

	fakehost_link(&host, "etc/passwd", "/../../../../../../etc/hostname");
	assert_int_equal(root_read(&host.root, "etc/passwd", text, sizeof(text)), -ENOENT);
	assert_int_equal(
		root_read(&host.root, "../../../../../../etc/hostname", text, sizeof(text)),
		-ENOENT);
}

static void the_capability_says_what_sysfs_says(void **state)
{
	struct bdf address = bdf("0000:01:00.0"), bridge = bdf("0000:00:01.0");
	CLEANUP(cleanup_pcicap) struct pcicap *cap = NULL;
	struct pcicap_sriov sriov;

	assert_int_equal(pcicap_open(&host.root, &cap, NULL), 0);
	assert_int_equal(pcicap_read_sriov(cap, &address, &sriov), 0);
	assert_int_equal(sriov.cap_offset, 0x160);
	assert_int_equal(sriov.total_vfs, 7);
	assert_int_equal(sriov.vf_offset, 0x180);
	assert_int_equal(sriov.vf_stride, 2);
	assert_int_equal(sriov.vf_device, 0x10ca);
	assert_false(sriov.vf_enable);
	assert_int_equal(pcicap_read_sriov(cap, &bridge, &sriov), -ENOTSUP);
}

static void a_bridge_without_acs_is_found(void **state)
{
	struct fakehost_pf other = igb;
	struct bdf isolated = bdf("0000:01:00.0"), exposed = bdf("0000:03:00.0"), bridge;
	CLEANUP(cleanup_pcicap) struct pcicap *cap = NULL;
	char text[BDF_TEXT];

	other.bdf = "0000:03:00.0";
	fakehost_bridge(&host, "0000:00:03.0", false);
	fakehost_pf(&host, "0000:00:03.0", &other);
	assert_int_equal(pcicap_open(&host.root, &cap, NULL), 0);
	assert_int_equal(pcicap_open_bridge(cap, &isolated, &bridge), -ENOENT);
	assert_int_equal(pcicap_open_bridge(cap, &exposed, &bridge), 0);
	assert_string_equal(bdf_format(&bridge, text), "0000:00:03.0");
}

static void a_function_without_config_space_is_an_error_not_an_exit(void **state)
{
	struct bdf address = bdf("0000:01:00.0"), absent = bdf("0000:09:00.0"), bridge;
	CLEANUP(cleanup_pcicap) struct pcicap *cap = NULL;
	struct pcicap_sriov sriov;

	fakehost_remove(&host, "sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0/config");
	assert_int_equal(pcicap_open(&host.root, &cap, NULL), 0);
	assert_int_equal(pcicap_read_sriov(cap, &address, &sriov), -ENODEV);
	assert_int_equal(pcicap_read_sriov(cap, &absent, &sriov), -ENODEV);
	assert_int_equal(pcicap_open_bridge(cap, &absent, &bridge), -ENODEV);
}

static void a_short_config_space_has_no_capability(void **state)
{
	struct bdf address = bdf("0000:01:00.0");
	CLEANUP(cleanup_pcicap) struct pcicap *cap = NULL;
	struct pcicap_sriov sriov;
	uint8_t header[64] = { 0x86, 0x80 };

	fakehost_file_bytes(&host, "sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0/config",
			    header, sizeof(header));
	assert_int_equal(pcicap_open(&host.root, &cap, NULL), 0);
	assert_int_equal(pcicap_read_sriov(cap, &address, &sriov), -ENOTSUP);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(pfs_are_found_in_the_order_of_their_addresses),
		T(vfs_belong_to_their_pf_with_driver_and_group),
		T(a_vf_that_is_just_going_is_left_out),
		T(a_function_without_a_group_says_so),
		T(what_is_no_pf_is_named),
		T(both_names_of_a_vf_lead_to_it),
		T(a_name_without_a_vf_is_refused),
		T(hostile_attributes_are_errors),
		T(no_link_leads_out_of_the_root),
		T(the_capability_says_what_sysfs_says),
		T(a_bridge_without_acs_is_found),
		T(a_function_without_config_space_is_an_error_not_an_exit),
		T(a_short_config_space_has_no_capability),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
