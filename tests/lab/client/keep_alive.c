// SPDX-License-Identifier: GPL-2.0-only
/* Keep-alive: a register that any reset would clear says whether there was one. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "host-vfio-sriov/sriov_cap.h"
#include "tests/lab/client/client.h"

/* A register of the PF's that holds what is written and that a reset clears. */
static const struct marker {
	uint16_t vendor;
	uint16_t device;
	unsigned int bar;
	unsigned int offset;
	unsigned int size;
	uint32_t value;
} markers[] = {
	{ 0x8086, 0x10c9, 0, 0x5408, 4, 0x12345678 }, /* igb: RAL(1) */
	{ 0x1b36, 0x0010, 0, 0x0014, 4, 0x00460000 }, /* nvme: CC, entry sizes */
	{ 0x1af4, 0x1041, 4, 0x0014, 1, 0x00000001 }, /* virtio-net: device_status, ACKNOWLEDGE */
};

static const struct marker *marker_of(const struct device *dev)
{
	for (size_t i = 0; i < sizeof(markers) / sizeof(markers[0]); i++)
		if (device_config(dev, PCI_VENDOR_ID, 2) == markers[i].vendor &&
		    device_config(dev, PCI_DEVICE_ID, 2) == markers[i].device)
			return &markers[i];
	REQUIRE(false, "no marker register is known for this PF");
	return NULL;
}

static off_t marker_offset(const struct device *dev, const struct marker *m)
{
	struct vfio_region_info_cap_sriov_vf_bar none;
	struct vfio_region_info info;

	REQUIRE(!device_region(dev, m->bar, &info, &none), "BAR%u", m->bar);
	return (off_t)(info.offset + m->offset);
}

static void set_marker(const struct device *dev)
{
	const struct marker *m = marker_of(dev);
	uint32_t command = device_config(dev, PCI_COMMAND, 2);

	device_config_set(dev, PCI_COMMAND, 2, command | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	REQUIRE(pwrite(dev->fd, &m->value, m->size, marker_offset(dev, m)) == (ssize_t)m->size,
		"marker");
}

static bool has_marker(const struct device *dev)
{
	const struct marker *m = marker_of(dev);
	uint32_t value = 0;

	device_config_set(dev, PCI_COMMAND, 2,
			  device_config(dev, PCI_COMMAND, 2) | PCI_COMMAND_MEMORY);
	REQUIRE(pread(dev->fd, &value, m->size, marker_offset(dev, m)) == (ssize_t)m->size,
		"marker");
	return value == m->value;
}

static bool is_master(const struct context *c)
{
	uint16_t command = 0;

	CHECK(!sysfs_config_read(c->pf, PCI_COMMAND, &command, 2), "command");
	return command & PCI_COMMAND_MASTER;
}

static void set_keep_alive(const struct device *dev, bool on)
{
	struct vfio_pci_sriov_keep_alive ka = { .flags = on ? VFIO_PCI_SRIOV_KEEP_ALIVE_ON : 0 };

	REQUIRE(!device_feature(dev, VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_PCI_KEEP_ALIVE,
				&ka, sizeof(ka)),
		"keep-alive");
}

static void without_it_a_close_resets(const struct context *c)
{
	struct pf pf;

	client_fresh(c);
	client_open_pf(c, &pf);
	set_marker(&pf.dev);
	CHECK(has_marker(&pf.dev), "the marker doesn't hold");
	device_close(&pf.dev);
	CHECK(!is_master(c), "bus mastering outlives a close");
	client_open_pf(c, &pf);
	CHECK(!has_marker(&pf.dev), "the marker outlives a close");
	device_close(&pf.dev);
}

static void with_it_the_function_runs_on(const struct context *c)
{
	struct vfio_pci_sriov_keep_alive ka = { 0 };
	struct pf pf;

	client_fresh(c);
	client_open_pf(c, &pf);
	set_marker(&pf.dev);
	set_keep_alive(&pf.dev, true);
	for (int i = 0; i < 3; i++) {
		device_close(&pf.dev);
		CHECK(is_master(c), "close cleared bus mastering");
		client_open_pf(c, &pf);
		CHECK(is_master(c), "open cleared bus mastering");
		CHECK(has_marker(&pf.dev), "the function was reset");
	}
	CHECK(!device_feature(&pf.dev, VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_PCI_KEEP_ALIVE,
			      &ka, sizeof(ka)),
	      "GET");
	CHECK(ka.parks >= 3 && ka.resumes >= 3, "%u parks, %u resumes", ka.parks, ka.resumes);
	set_keep_alive(&pf.dev, false);
	device_close(&pf.dev);
	CHECK(!is_master(c), "off, and yet bus mastering outlives a close");
}

static void sysfs_turns_it_off_and_closes_for_good(const struct context *c)
{
	struct pf pf;

	client_fresh(c);
	client_open_pf(c, &pf);
	set_marker(&pf.dev);
	CHECK(!sysfs_write(c->pf, "vfio_sriov/keep_alive", "1"), "on");
	CHECK(sysfs_write(c->pf, "vfio_sriov/keep_alive", "perhaps") == -EINVAL, "perhaps");
	device_close(&pf.dev);
	CHECK(sysfs_number(c->pf, "vfio_sriov/parked") == 1, "not parked");
	CHECK(!sysfs_write(c->pf, "vfio_sriov/keep_alive", "0"), "off");
	CHECK(sysfs_number(c->pf, "vfio_sriov/parked") == 0, "still parked");
	CHECK(!is_master(c), "still bus master");
	client_open_pf(c, &pf);
	CHECK(!has_marker(&pf.dev), "never reset");
	device_close(&pf.dev);
}

static void before_the_first_open_it_spares_the_reset(const struct context *c)
{
	struct pf pf;

	client_fresh(c);
	client_open_pf(c, &pf);
	set_marker(&pf.dev);
	set_keep_alive(&pf.dev, true);
	device_close(&pf.dev);
	/* an unbind can't park, and clears bus mastering; it needn't reset */
	CHECK(!sysfs_bind(c->pf, DRIVER), "rebind");
	CHECK(!sysfs_write(c->pf, "vfio_sriov/keep_alive", "1"), "keep_alive");
	client_open_pf(c, &pf);
	CHECK(has_marker(&pf.dev), "unbind or the first open reset the function");
	set_keep_alive(&pf.dev, false);
	device_close(&pf.dev);
}

/* Keep-alive, set in time, shows the function as the last user's end has left it. */
static void the_reset_that_held_vfs_put_off_comes(const struct context *c)
{
	struct device vf;
	struct pf pf;

	client_open_with_vfs(c, &pf, 2);
	client_hold(c, 0, &vf);
	set_marker(&pf.dev);
	device_close(&pf.dev);
	CHECK(sysfs_number(c->pf, "vfio_sriov/parked") == 1, "the close has reset the PF");
	CHECK(!is_master(c), "bus mastering outlives a close");
	device_close(&vf);
	CHECK(sysfs_await(c->pf, "vfio_sriov/parked", "0", 10), "the reset doesn't come");
	CHECK(!sysfs_write(c->pf, "vfio_sriov/keep_alive", "1"), "keep_alive");
	client_open_pf(c, &pf);
	CHECK(!has_marker(&pf.dev), "not reset, and yet no longer parked");
	set_keep_alive(&pf.dev, false);
	device_close(&pf.dev);
}

static void unbind_pf(const struct context *c, struct child *self)
{
	client_child_say(self);
	CHECK(!sysfs_unbind(c->pf), "unbind");
}

/* The last holder's end and the unbind meet: the reset is the unbind's. */
static void the_reset_that_held_vfs_put_off_comes_at_unbind(const struct context *c)
{
	struct child unbinder;
	struct device vf;
	struct pf pf;

	client_open_with_vfs(c, &pf, 2);
	client_hold(c, 0, &vf);
	set_marker(&pf.dev);
	device_close(&pf.dev);
	client_child_start(&unbinder, unbind_pf, c);
	REQUIRE(client_child_await(&unbinder, 10), "unbinder");
	CHECK(sysfs_await(c->pf, "vfio_sriov/state", "unbinding=1", 10), "unbind doesn't begin");
	device_close(&vf);
	CHECK(client_child_join(&unbinder, 30) == 0, "unbind doesn't end");
	CHECK(!sysfs_bind(c->pf, DRIVER), "bind");
	CHECK(!sysfs_write(c->pf, "vfio_sriov/keep_alive", "1"), "keep_alive");
	client_open_pf(c, &pf);
	CHECK(!has_marker(&pf.dev), "the next owner finds what the last one has left");
	set_keep_alive(&pf.dev, false);
	device_close(&pf.dev);
}

static void a_parked_vf_stays_held(const struct context *c)
{
	char bdf[BDF_LEN];
	struct device vf;
	struct pf pf;

	client_open_with_vfs(c, &pf, 2);
	client_vf_bdf(c, 0, bdf);
	client_hold(c, 0, &vf);
	set_keep_alive(&vf, true);
	device_close(&vf);
	CHECK(client_vf_alive(bdf), "the VF isn't left running");
	CHECK(client_info(&pf).num_held == 1, "a parked VF isn't held");
	CHECK(device_reset(&pf.dev) == -EBUSY, "the PF can be reset under a parked VF");
	CHECK(!sysfs_write(bdf, "vfio_sriov/keep_alive", "0"), "off");
	CHECK(client_info(&pf).num_held == 0, "still held");
	device_close(&pf.dev);
}

const struct client_case keep_alive_cases[] = {
	{ "without keep-alive a close resets", without_it_a_close_resets, OF_PF | OF_MODE },
	{ "with keep-alive the function runs on", with_it_the_function_runs_on, OF_PF | OF_MODE },
	{ "sysfs turns keep-alive off and closes for good", sysfs_turns_it_off_and_closes_for_good,
	  OF_MODE },
	{ "keep-alive before the first open spares the reset",
	  before_the_first_open_it_spares_the_reset, OF_PF | OF_MODE },
	{ "a VF parked by keep-alive stays held", a_parked_vf_stays_held, OF_MODE },
	{ "the reset that held VFs put off comes", the_reset_that_held_vfs_put_off_comes,
	  OF_PF | OF_MODE },
	{ "the reset that held VFs put off comes at unbind",
	  the_reset_that_held_vfs_put_off_comes_at_unbind, OF_MODE },
	{ 0 },
};
