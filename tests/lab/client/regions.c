// SPDX-License-Identifier: GPL-2.0-only
/* VF BARs as regions of the PF: what they show, and when they stop showing it. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "host-vfio-sriov/sriov_cap.h"
#include "tests/lab/client/client.h"

static sigjmp_buf bus_error;

static void on_sigbus(int sig)
{
	siglongjmp(bus_error, 1);
}

/* Read a word; false if that raises SIGBUS. */
static bool peek(const volatile uint32_t *at, uint32_t *ret_value)
{
	struct sigaction old, catch = { .sa_handler = on_sigbus };
	bool ok = false;

	sigaction(SIGBUS, &catch, &old);
	if (!sigsetjmp(bus_error, 1)) {
		*ret_value = *at;
		ok = true;
	}
	sigaction(SIGBUS, &old, NULL);
	return ok;
}

struct view {
	struct pf pf;
	struct vfio_region_info region;
	struct vfio_region_info_cap_sriov_vf_bar cap;
};

/* VFIO hides the MSI-X table from a VF's user: a BAR that begins with it is no good here. */
static unsigned int table_bar(const char *vf)
{
	uint32_t table = 0;
	uint8_t at = 0, id = 0;

	REQUIRE(!sysfs_config_read(vf, PCI_CAPABILITY_LIST, &at, 1), "config of %s", vf);
	while (at && !sysfs_config_read(vf, at, &id, 1) && id != PCI_CAP_ID_MSIX)
		REQUIRE(!sysfs_config_read(vf, at + 1U, &at, 1), "config of %s", vf);
	if (!at || sysfs_config_read(vf, at + PCI_MSIX_TABLE, &table, 4) ||
	    table & PCI_MSIX_TABLE_OFFSET)
		return VFIO_PCI_SRIOV_NUM_BARS;
	return table & PCI_MSIX_TABLE_BIR;
}

/* Two VFs, and the region of the first VF BAR that begins with registers. */
static void open_view(const struct context *c, struct view *v)
{
	unsigned int bar = 0, tables;
	char bdf[BDF_LEN];

	client_open_with_vfs(c, &v->pf, 2);
	client_vf_bdf(c, 1, bdf);
	tables = table_bar(bdf);
	while (bar < 5 && (!v->pf.info.bars[bar].size || bar == tables))
		bar++;
	REQUIRE(v->pf.info.bars[bar].region != VFIO_PCI_SRIOV_NO_REGION, "VF BAR%u: no region",
		bar);
	REQUIRE(!device_region(&v->pf.dev, v->pf.info.bars[bar].region, &v->region, &v->cap),
		"region info");
	REQUIRE(v->cap.stride == v->pf.info.bars[bar].size, "stride %#llx",
		(unsigned long long)v->cap.stride);
	CHECK(v->cap.bar == bar && v->cap.slices == v->pf.info.hw_total_vfs, "bar %u, %u slices",
	      v->cap.bar, v->cap.slices);
	CHECK(v->region.size == v->cap.stride * v->cap.slices, "size");
}

static ssize_t slice_read(const struct view *v, unsigned int slice, uint64_t at, uint32_t *value)
{
	ssize_t len = pread(v->pf.dev.fd, value, 4,
			    (off_t)(v->region.offset + slice * v->cap.stride + at));

	return len < 0 ? -errno : len;
}

static void a_slice_shows_its_vf(const struct context *c)
{
	uint32_t by_slice[4], by_vf[4];
	struct vfio_region_info_cap_sriov_vf_bar no_cap;
	struct vfio_region_info bar;
	struct device vf;
	struct view v;

	open_view(c, &v);
	for (unsigned int i = 0; i < 4; i++)
		CHECK(slice_read(&v, 1, 4 * i, &by_slice[i]) == 4, "pread of slice 1 + %u", 4 * i);
	client_hold(c, 1, &vf);
	REQUIRE(!device_region(&vf, v.cap.bar, &bar, &no_cap), "the VF's BAR");
	for (unsigned int i = 0; i < 4; i++)
		CHECK(pread(vf.fd, &by_vf[i], 4, (off_t)(bar.offset + 4 * i)) == 4, "the VF's BAR");
	CHECK(!memcmp(by_slice, by_vf, sizeof(by_vf)), "slice %#x %#x %#x %#x, VF %#x %#x %#x %#x",
	      by_slice[0], by_slice[1], by_slice[2], by_slice[3], by_vf[0], by_vf[1], by_vf[2],
	      by_vf[3]);
	device_close(&vf);
	device_close(&v.pf.dev);
}

static void holding_revokes_a_mapping(const struct context *c)
{
	uint32_t value = 0, before = 0, *map;
	struct device vf;
	struct view v;

	open_view(c, &v);
	map = mmap(NULL, v.cap.stride * 2, PROT_READ | PROT_WRITE, MAP_SHARED, v.pf.dev.fd,
		   (off_t)v.region.offset);
	REQUIRE(map != MAP_FAILED, "mmap: %s", strerror(errno));
	CHECK(peek(map, &value), "slice 0 raises SIGBUS");
	CHECK(peek(map + v.cap.stride / 4, &before), "slice 1 raises SIGBUS");
	client_hold(c, 1, &vf);
	CHECK(!peek(map + v.cap.stride / 4, &value), "a held VF's slice is readable: %#x", value);
	CHECK(slice_read(&v, 1, 0, &value) == -EBUSY, "a held VF's slice is readable by pread");
	CHECK(peek(map, &value), "a free VF's slice went, too");
	device_close(&vf);
	CHECK(peek(map + v.cap.stride / 4, &value) && value == before, "it doesn't come back");
	munmap(map, v.cap.stride * 2);
	device_close(&v.pf.dev);
}

static void vf_mse_and_vf_enable_gate_the_slices(const struct context *c)
{
	uint32_t value, *map;
	struct view v;

	open_view(c, &v);
	map = mmap(NULL, v.cap.stride, PROT_READ, MAP_SHARED, v.pf.dev.fd, (off_t)v.region.offset);
	REQUIRE(map != MAP_FAILED, "mmap");
	CHECK(peek(map, &value), "live slice raises SIGBUS");
	client_set_ctrl(&v.pf, CTRL_VF_ENABLE);
	CHECK(!peek(map, &value), "readable without VF_MSE");
	CHECK(slice_read(&v, 0, 0, &value) == -EBUSY, "readable by pread without VF_MSE");
	client_set_ctrl(&v.pf, CTRL_VF_ENABLE | CTRL_VF_MSE);
	CHECK(peek(map, &value), "VF_MSE doesn't bring it back");
	client_set_ctrl(&v.pf, CTRL_VF_MSE);
	CHECK(!peek(map, &value), "readable without VFs");
	munmap(map, v.cap.stride);
	device_close(&v.pf.dev);
}

static void accesses_outside_are_refused(const struct context *c)
{
	uint64_t value = 0;
	struct view v;
	off_t at;

	open_view(c, &v);
	at = (off_t)v.region.offset;
	CHECK(pread(v.pf.dev.fd, &value, 3, at) == -1 && errno == EINVAL, "3 bytes");
	CHECK(pread(v.pf.dev.fd, &value, 4, at + 2) == -1 && errno == EINVAL, "unaligned");
	CHECK(pread(v.pf.dev.fd, &value, 4, at + (off_t)v.region.size) == -1 && errno == EINVAL,
	      "behind the end");
	CHECK(slice_read(&v, 2, 0, (uint32_t *)&value) == -EBUSY, "a slice without VF");
	CHECK(mmap(NULL, v.region.size + 0x1000, PROT_READ, MAP_SHARED, v.pf.dev.fd, at) ==
		      MAP_FAILED,
	      "mmap behind the end");
	CHECK(mmap(NULL, v.cap.stride, PROT_READ, MAP_PRIVATE, v.pf.dev.fd, at) == MAP_FAILED,
	      "private mapping");
	device_close(&v.pf.dev);
}

const struct client_case region_cases[] = {
	{ "a slice shows its VF", a_slice_shows_its_vf, OF_PF | OF_MODE },
	{ "holding revokes a mapping", holding_revokes_a_mapping, OF_PF | OF_MODE },
	{ "accesses outside are refused", accesses_outside_are_refused, OF_RULES },
	/* last: it leaves no VFs, and the next want none */
	{ "VF_MSE and VF_Enable gate the slices", vf_mse_and_vf_enable_gate_the_slices,
	  OF_PF | OF_MODE },
	{ 0 },
};
