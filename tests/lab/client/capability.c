// SPDX-License-Identifier: GPL-2.0-only
/* The SR-IOV capability of a real PF, driven through config space. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "host-vfio-sriov/sriov_cap.h"
#include "tests/lab/client/client.h"

static void info_agrees_with_hardware(const struct context *c)
{
	struct pf pf;

	client_fresh(c);
	client_open_pf(c, &pf);
	CHECK(pf.info.hw_total_vfs == sysfs_number(c->pf, "sriov_totalvfs"), "total_vfs %u",
	      pf.info.hw_total_vfs);
	CHECK(device_config(&pf.dev, pf.cap, 2) == 0x10, "no SR-IOV capability at %#x", pf.cap);
	CHECK(device_config(&pf.dev, pf.cap + SRIOV_CAP_TOTAL_VFS, 2) == pf.info.total_vfs,
	      "TotalVFs differs");
	CHECK(pf.info.num_vfs == 0 && !(pf.info.flags & VFIO_PCI_SRIOV_VF_ENABLE), "VFs at open");
	device_close(&pf.dev);
}

static void vfs_appear_bound_with_groups_and_cdevs(const struct context *c)
{
	char bdf[BDF_LEN], name[64];
	struct pf pf;

	client_fresh(c);
	client_open_pf(c, &pf);
	client_enable(c, &pf, pf.info.total_vfs);
	for (unsigned int i = 0; i < pf.info.total_vfs; i++) {
		client_vf_bdf(c, i, bdf);
		CHECK(!sysfs_driver(bdf, name, sizeof(name)) && !strcmp(name, DRIVER),
		      "%s is bound to %s", bdf, name);
		CHECK(!sysfs_link_name(bdf, "iommu_group", name, sizeof(name)), "%s: no group",
		      bdf);
		CHECK(sysfs_exists(bdf, "vfio-dev"), "%s: no cdev", bdf);
	}
	client_set_ctrl(&pf, 0);
	CHECK(client_num_vfs(c) == 0, "VFs stay");
	CHECK(client_info(&pf).refused == pf.info.refused, "a request was refused");
	device_close(&pf.dev);
}

static void some_vfs_then_another_number(const struct context *c)
{
	struct pf pf;

	client_fresh(c);
	client_open_pf(c, &pf);
	client_enable(c, &pf, 1);
	client_set_ctrl(&pf, 0);
	client_enable(c, &pf, 2);
	CHECK(device_config(&pf.dev, pf.cap + SRIOV_CAP_VF_OFFSET, 2) == client_info(&pf).vf_offset,
	      "First VF Offset");
	client_set_ctrl(&pf, 0);
	device_close(&pf.dev);
}

static void bad_requests_are_refused_with_their_reason(const struct context *c)
{
	struct vfio_pci_sriov_info info;
	struct pf pf;

	client_fresh(c);
	client_open_pf(c, &pf);
	device_config_set(&pf.dev, pf.cap + SRIOV_CAP_NUM_VFS, 2, pf.info.total_vfs + 1U);
	info = client_info(&pf);
	CHECK(info.last_why == VFIO_PCI_SRIOV_WHY_TOTAL, "why %u", info.last_why);
	CHECK(info.refused == pf.info.refused + 1, "not counted");
	device_config_set(&pf.dev, pf.cap + SRIOV_CAP_SYS_PAGE_SIZE, 4, 0x80000000);
	CHECK(client_info(&pf).last_why == VFIO_PCI_SRIOV_WHY_PAGE_SIZE, "page size");
	CHECK(!sysfs_write(c->pf, "vfio_sriov/max_vfs", "1"), "max_vfs");
	device_config_set(&pf.dev, pf.cap + SRIOV_CAP_NUM_VFS, 2, 2);
	CHECK(client_info(&pf).last_why == VFIO_PCI_SRIOV_WHY_LIMIT, "limit");
	CHECK(sysfs_write(c->pf, "vfio_sriov/max_vfs", "65535") == -ERANGE, "max_vfs above total");
	CHECK(sysfs_write(c->pf, "vfio_sriov/max_vfs", "many") == -EINVAL, "max_vfs many");
	device_close(&pf.dev);
	client_open_pf(c, &pf);
	CHECK(pf.info.total_vfs == 1, "TotalVFs doesn't follow the limit: %u", pf.info.total_vfs);
	device_close(&pf.dev);
	CHECK(!sysfs_bind(c->pf, DRIVER), "rebind");
}

static void vf_bars_size_but_hardware_keeps_its_own(const struct context *c)
{
	uint32_t before[6], after[6], sized;
	struct pf pf;

	client_fresh(c);
	client_open_pf(c, &pf);
	CHECK(!sysfs_config_read(c->pf, pf.cap + SRIOV_CAP_BAR0, before, sizeof(before)), "config");
	for (unsigned int i = 0; i < 6; i++) {
		device_config_set(&pf.dev, pf.cap + SRIOV_CAP_BAR0 + 4 * i, 4, 0xffffffff);
		sized = device_config(&pf.dev, pf.cap + SRIOV_CAP_BAR0 + 4 * i, 4);
		if (pf.info.bars[i].size)
			CHECK((sized & ~0xfU) == (uint32_t)-pf.info.bars[i].size,
			      "VF BAR%u sizes to %#x", i, sized);
		device_config_set(&pf.dev, pf.cap + SRIOV_CAP_BAR0 + 4 * i, 4, 0xdeadb000);
	}
	CHECK(!sysfs_config_read(c->pf, pf.cap + SRIOV_CAP_BAR0, after, sizeof(after)), "config");
	CHECK(!memcmp(before, after, sizeof(before)), "a write reached the hardware's VF BARs");
	device_close(&pf.dev);
}

static void long_and_straddling_accesses(const struct context *c)
{
	uint8_t whole[0x50], piece;
	struct pf pf;

	client_fresh(c);
	client_open_pf(c, &pf);
	REQUIRE(pread(pf.dev.fd, whole, sizeof(whole), (off_t)(pf.dev.config + pf.cap - 8)) ==
			sizeof(whole),
		"read over both ends of the capability");
	for (unsigned int i = 0; i < sizeof(whole); i++) {
		piece = (uint8_t)device_config(&pf.dev, pf.cap - 8 + i, 1);
		CHECK(piece == whole[i], "byte %#x: %#x alone, %#x in a long read", pf.cap - 8 + i,
		      piece, whole[i]);
	}
	CHECK(pwrite(pf.dev.fd, whole, sizeof(whole), (off_t)(pf.dev.config + pf.cap - 8)) ==
		      sizeof(whole),
	      "write over both ends");
	CHECK(client_info(&pf).refused == pf.info.refused, "a write of what was read is refused");
	device_close(&pf.dev);
}

const struct client_case capability_cases[] = {
	{ "info agrees with the hardware", info_agrees_with_hardware, OF_PF },
	{ "VFs appear bound, with groups and cdevs", vfs_appear_bound_with_groups_and_cdevs,
	  OF_PF },
	{ "some VFs, then another number", some_vfs_then_another_number, OF_PF },
	{ "bad requests are refused with their reason", bad_requests_are_refused_with_their_reason,
	  OF_RULES },
	{ "VF BARs size, the hardware keeps its own", vf_bars_size_but_hardware_keeps_its_own,
	  OF_PF },
	{ "long and straddling accesses", long_and_straddling_accesses, OF_PF },
	{ 0 },
};
