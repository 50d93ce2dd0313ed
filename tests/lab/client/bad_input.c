// SPDX-License-Identifier: GPL-2.0-only
/* What must be refused, with a defined error, the reason said, and nothing changed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "host-vfio-sriov/sriov_cap.h"
#include "tests/lab/client/client.h"

/* The kernel's log from here on. */
static int follow_log(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	REQUIRE(fd >= 0 && lseek(fd, 0, SEEK_END) >= 0, "/dev/kmsg: %s", strerror(errno));
	return fd;
}

static bool log_says(int fd, const char *bdf, const char *reason)
{
	char record[2048];
	bool said = false;
	ssize_t n;

	/* a record a time; EPIPE when some were lost */
	while ((n = read(fd, record, sizeof(record) - 1)) > 0 || (n < 0 && errno == EPIPE)) {
		if (n < 0)
			continue;
		record[n] = '\0';
		said |= strstr(record, bdf) && strstr(record, reason);
	}
	return said;
}

static void refuses_to_bind(const char *bdf, const char *reason)
{
	int log = follow_log(), ret = sysfs_bind(bdf, DRIVER);

	CHECK(ret == -ENODEV, "%s, %s: %s", bdf, reason, ret ? strerror(-ret) : "binds");
	CHECK(log_says(log, bdf, reason), "%s: the log doesn't say \"%s\"", bdf, reason);
	close(log);
}

static void functions_without_sriov_do_not_bind(const struct context *c)
{
	/* the host bridge of a q35 machine: to PCI it is a function like any other */
	refuses_to_bind("0000:00:00.0", "a function without a usable SR-IOV capability");
	CHECK(!sysfs_bind_default("0000:00:00.0"), "its own driver doesn't come back");
}

static void bridges_do_not_bind(const struct context *c)
{
	char bridge[BDF_LEN], before[64] = "", after[64] = "";

	REQUIRE(!sysfs_bridge(c->pf, bridge), "no bridge above %s", c->pf);
	sysfs_driver(bridge, before, sizeof(before));
	refuses_to_bind(bridge, "a bridge");
	CHECK(!sysfs_bind_default(bridge), "its own driver doesn't come back");
	sysfs_driver(bridge, after, sizeof(after));
	CHECK(!strcmp(before, after), "%s has driver %s, not %s", bridge, after, before);
}

static void allow_stock_vfs(void)
{
	int fd = open("/sys/module/vfio_pci/parameters/enable_sriov", O_WRONLY | O_CLOEXEC);

	REQUIRE(fd >= 0 && write(fd, "1", 1) == 1, "vfio-pci's enable_sriov: %s", strerror(errno));
	close(fd);
}

static void vfs_of_another_drivers_pf_do_not_bind(const struct context *c)
{
	char vf[BDF_LEN];

	client_fresh(c);
	allow_stock_vfs();
	REQUIRE(!sysfs_bind(c->pf, "vfio-pci"), "the PF doesn't bind to vfio-pci");
	REQUIRE(!sysfs_write(c->pf, "sriov_numvfs", "1"), "no VF by vfio-pci");
	client_vf_bdf(c, 0, vf);
	refuses_to_bind(vf, "a VF whose PF isn't bound to this driver");
	CHECK(!sysfs_write(c->pf, "sriov_numvfs", "0"), "VFs stay");
	client_fresh(c);
}

/* Only a driver that leaves its VFs behind makes such a PF: of those here, nvme's. */
static void pfs_with_vfs_do_not_bind(const struct context *c)
{
	client_fresh(c);
	if (sysfs_bind(c->pf, "nvme")) {
		client_fresh(c);
		SKIP("no driver of this PF leaves its VFs behind");
	}
	CHECK(!sysfs_write(c->pf, "sriov_drivers_autoprobe", "0"), "autoprobe off");
	CHECK(!sysfs_write(c->pf, "sriov_numvfs", "1"), "no VF by nvme");
	refuses_to_bind(c->pf, "a PF whose VFs exist already");
	CHECK(!sysfs_bind(c->pf, "nvme"), "nvme doesn't come back");
	CHECK(!sysfs_write(c->pf, "sriov_numvfs", "0"), "VFs stay");
	CHECK(!sysfs_write(c->pf, "sriov_drivers_autoprobe", "1"), "autoprobe on");
	client_fresh(c);
}

/* All that a bad request could have changed, but for the accounts of requests. */
static void check_unchanged(const struct pf *pf)
{
	struct vfio_pci_sriov_info now = client_info(pf);

	CHECK(now.flags == pf->info.flags && now.total_vfs == pf->info.total_vfs &&
		      now.limit == pf->info.limit && now.num_vfs == pf->info.num_vfs &&
		      now.num_held == pf->info.num_held,
	      "flags %#x, %u/%u VFs, %u of them, %u held", now.flags, now.total_vfs, now.limit,
	      now.num_vfs, now.num_held);
}

static void expect(const struct device *dev, uint32_t flags, void *data, size_t size, int expected,
		   const char *what)
{
	int ret = device_feature(dev, flags, data, size);

	CHECK(ret == expected, "%s: %s", what, strerror(-ret));
}

static void features_reject_bad_arguments(const struct context *c)
{
	const uint32_t get = VFIO_DEVICE_FEATURE_GET, set = VFIO_DEVICE_FEATURE_SET;
	struct vfio_pci_sriov_keep_alive flag = { .flags = 0x80 }, reserved = { .reserved = 1 };
	struct vfio_pci_sriov_event number = { .fd = -2 }, no_fd = { .fd = 9999 },
				    no_event = { .fd = 0 }, kept = { .fd = -1, .reserved = 1 };
	struct vfio_pci_sriov_held held = { .reserved = 1 };
	struct vfio_pci_sriov_info info;
	struct pf pf;

	client_fresh(c);
	client_open_pf(c, &pf);
	expect(&pf.dev, get | VFIO_DEVICE_FEATURE_SRIOV_INFO, &info, sizeof(info) - 1, -EINVAL,
	       "short info");
	expect(&pf.dev, set | VFIO_DEVICE_FEATURE_SRIOV_INFO, &info, sizeof(info), -EINVAL,
	       "SET of info");
	expect(&pf.dev, set | VFIO_DEVICE_FEATURE_PCI_KEEP_ALIVE, &flag, sizeof(flag), -EINVAL,
	       "unknown keep-alive flag");
	expect(&pf.dev, set | VFIO_DEVICE_FEATURE_PCI_KEEP_ALIVE, &reserved, sizeof(reserved),
	       -EINVAL, "keep-alive, reserved");
	expect(&pf.dev, set | VFIO_DEVICE_FEATURE_SRIOV_EVENT, &number, sizeof(number), -EINVAL,
	       "event fd -2");
	expect(&pf.dev, set | VFIO_DEVICE_FEATURE_SRIOV_EVENT, &no_fd, sizeof(no_fd), -EBADF,
	       "event fd that isn't open");
	no_event.fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	expect(&pf.dev, set | VFIO_DEVICE_FEATURE_SRIOV_EVENT, &no_event, sizeof(no_event), -EINVAL,
	       "event fd that is no eventfd");
	close(no_event.fd);
	expect(&pf.dev, set | VFIO_DEVICE_FEATURE_SRIOV_EVENT, &kept, sizeof(kept), -EINVAL,
	       "event, reserved");
	expect(&pf.dev, get | VFIO_DEVICE_FEATURE_SRIOV_EVENT, &kept, sizeof(kept), -EINVAL,
	       "GET of the event");
	expect(&pf.dev, get | VFIO_DEVICE_FEATURE_SRIOV_HELD, &held, sizeof(held), -EINVAL,
	       "held, reserved");
	expect(&pf.dev, get | 0xf5ff, &held, sizeof(held), -ENOTTY, "a feature that isn't there");
	check_unchanged(&pf);
	device_close(&pf.dev);
}

static void a_vf_has_no_features_of_a_pf(const struct context *c)
{
	const uint32_t probe = VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_GET;
	struct device vf;
	struct pf pf;

	client_open_with_vfs(c, &pf, 2);
	client_hold(c, 0, &vf);
	expect(&vf, probe | VFIO_DEVICE_FEATURE_SRIOV_INFO, NULL, 0, -ENOTTY, "info of a VF");
	expect(&vf, probe | VFIO_DEVICE_FEATURE_SRIOV_HELD, NULL, 0, -ENOTTY, "held of a VF");
	expect(&vf, probe | VFIO_DEVICE_FEATURE_PCI_KEEP_ALIVE, NULL, 0, 0, "keep-alive of a VF");
	device_close(&vf);
	device_close(&pf.dev);
}

static void bad_accesses_are_refused(const struct context *c)
{
	struct vfio_region_info region = { .argsz = sizeof(region), .index = 0xffff };
	void *volatile nowhere = (void *)8; /* volatile: the compiler would warn of it */
	struct pf pf;
	off_t cap;

	client_fresh(c);
	client_open_pf(c, &pf);
	cap = (off_t)(pf.dev.config + pf.cap);
	CHECK(pread(pf.dev.fd, nowhere, 16, cap + 8) == -1 && errno == EFAULT, "read to nowhere");
	CHECK(pwrite(pf.dev.fd, nowhere, 16, cap + 8) == -1 && errno == EFAULT,
	      "write from nowhere");
	CHECK(pread(pf.dev.fd, &region, 4, (off_t)(pf.dev.config + 0x1000)) == -1,
	      "a read behind config space");
	CHECK(pwrite(pf.dev.fd, &region, 4, (off_t)(pf.dev.config + 0x1000)) == -1,
	      "a write behind config space");
	CHECK(ioctl(pf.dev.fd, VFIO_DEVICE_GET_REGION_INFO, &region) == -1 && errno == EINVAL,
	      "region 65535");
	CHECK(ioctl(pf.dev.fd, VFIO_DEVICE_FEATURE, nowhere) == -1 && errno == EFAULT,
	      "feature from nowhere");
	CHECK(ioctl(pf.dev.fd, VFIO_DEVICE_RESET + 40) == -1 && errno == ENOTTY,
	      "an ioctl that isn't there");
	check_unchanged(&pf);
	device_close(&pf.dev);
}

static void sysfs_rejects_bad_values(const struct context *c)
{
	static const struct {
		const char *attr, *value;
		int expected;
	} bad[] = {
		{ "vfio_sriov/max_vfs", "65535", -ERANGE },
		{ "vfio_sriov/max_vfs", "70000", -ERANGE },
		{ "vfio_sriov/max_vfs", "-1", -EINVAL },
		{ "vfio_sriov/max_vfs", "many", -EINVAL },
		{ "vfio_sriov/max_vfs", "\n", -EINVAL },
		{ "vfio_sriov/force", "perhaps", -EINVAL },
		{ "vfio_sriov/force", "\n", -EINVAL },
		{ "vfio_sriov/keep_alive", "perhaps", -EINVAL },
		{ "vfio_sriov/keep_alive", "2", -EINVAL },
		{ "sriov_numvfs", "60000", -ERANGE },
		{ "sriov_numvfs", "-1", -EINVAL },
	};
	struct pf pf;

	client_fresh(c);
	client_open_pf(c, &pf);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int ret = sysfs_write(c->pf, bad[i].attr, bad[i].value);

		CHECK(ret == bad[i].expected, "\"%s\" to %s: %s", bad[i].value, bad[i].attr,
		      strerror(-ret));
	}
	CHECK(!sysfs_exists(c->pf, "vfio_sriov/vf_token"), "a PF has a VF's token");
	CHECK(sysfs_number(c->pf, "vfio_sriov/force") == 0, "force");
	check_unchanged(&pf);
	device_close(&pf.dev);
}

const struct client_case bad_input_cases[] = {
	{ "functions without SR-IOV do not bind", functions_without_sriov_do_not_bind, OF_RULES },
	{ "bridges do not bind", bridges_do_not_bind, OF_RULES },
	{ "VFs of another driver's PF do not bind", vfs_of_another_drivers_pf_do_not_bind,
	  OF_RULES },
	{ "PFs with VFs do not bind", pfs_with_vfs_do_not_bind, OF_PF },
	{ "features reject bad arguments", features_reject_bad_arguments, OF_RULES },
	{ "bad accesses are refused", bad_accesses_are_refused, OF_RULES },
	{ "sysfs rejects bad values", sysfs_rejects_bad_values, OF_RULES },
	/* last: its VFs serve those who come next */
	{ "a VF has no features of a PF", a_vf_has_no_features_of_a_pf, OF_RULES },
	{ 0 },
};
