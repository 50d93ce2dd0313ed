// SPDX-License-Identifier: GPL-2.0-only
#include "orchestration/testing/cmocka.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "orchestration/testing/fakehost.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/number.h"

#define SRIOV_CAP 0x160 /* where igb has it */

const struct fakehost_pf fakehost_igb = {
	.bdf = "0000:01:00.0",
	.vendor = 0x8086,
	.device = 0x10c9,
	.class = 0x020000,
	.total_vfs = 7,
	.vf_offset = 0x80,
	.vf_stride = 2,
	.vf_device = 0x10ca,
	.driver = "igb",
};

static char *format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Allocated; the callers free it with CLEANUP. */
static char *format(const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	assert_true(vasprintf(&text, fmt, ap) >= 0);
	va_end(ap);
	return text;
}

#define PATH(var, ...) CLEANUP(cleanup_free) char *var = format(__VA_ARGS__)

static void make_dirs(struct fakehost *host, const char *path, bool last)
{
	PATH(copy, "%s/", path);

	for (char *p = strchr(copy, '/'); p; p = strchr(p + 1, '/')) {
		if (!p[1] && !last)
			break;
		*p = '\0';
		if (mkdirat(host->root.fd, copy, 0755))
			assert_int_equal(errno, EEXIST);
		*p = '/';
	}
}

void fakehost_dir(struct fakehost *host, const char *path)
{
	make_dirs(host, path, true);
}

void fakehost_file_bytes(struct fakehost *host, const char *path, const void *bytes, size_t len)
{
	CLEANUP(cleanup_close) int fd = -1;

	path += *path == '/';
	make_dirs(host, path, false);
	fd = openat(host->root.fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
}

void fakehost_file(struct fakehost *host, const char *path, const char *text)
{
	fakehost_file_bytes(host, path, text, strlen(text));
}

void fakehost_link(struct fakehost *host, const char *path, const char *target)
{
	make_dirs(host, path, false);
	unlinkat(host->root.fd, path, 0);
	assert_int_equal(symlinkat(target, host->root.fd, path), 0);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

void fakehost_remove(struct fakehost *host, const char *path)
{
	PATH(full, "%s/%s", host->dir, path);

	assert_int_equal(nftw(full, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* "0x8086\n" and the like below a function's directory. */
static void attr(struct fakehost *host, const char *dir, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void attr(struct fakehost *host, const char *dir, const char *name, const char *fmt, ...)
{
	PATH(path, "%s/%s", dir, name);
	char text[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fakehost_file(host, path, text);
}

/* The directory that holds the function, relative to the root. */
static char *device_dir(struct fakehost *host, const char *bdf)
{
	PATH(link, "%s/sys/bus/pci/devices/%s", host->dir, bdf);
	CLEANUP(cleanup_free) char *full = realpath(link, NULL);

	assert_non_null(full);
	return format("%s", full + strlen(host->dir) + 1);
}

/* The way from a directory up to sys/; allocated. */
static char *up(const char *dir)
{
	static const char ups[] = "../../../../../../../../";
	int n = 0;

	for (const char *p = strchr(dir, '/'); p; p = strchr(p + 1, '/'))
		n += 3;
	assert_true(n < (int)sizeof(ups));
	return format("%.*s", n, ups);
}

static void bind(struct fakehost *host, const char *bdf, const char *driver)
{
	CLEANUP(cleanup_free) char *dir = device_dir(host, bdf);
	CLEANUP(cleanup_free) char *sys = up(dir);
	PATH(link, "%s/driver", dir);
	PATH(target, "%sbus/pci/drivers/%s", sys, driver);
	PATH(back, "sys/bus/pci/drivers/%s/%s", driver, bdf);
	PATH(from, "../../../../%s", dir + strlen("sys/"));

	fakehost_link(host, link, target);
	fakehost_link(host, back, from);
	if (!strcmp(driver, "vfio-pci-sriov")) {
		attr(host, dir, "vfio_sriov/vf_token", "%s", "");
		attr(host, dir, "vfio_sriov/keep_alive", "0");
	}
}

static void put(uint8_t *config, int at, uint32_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		config[at + i] = (uint8_t)(value >> 8 * i);
}

/* A PCI Express function's first bytes: a capability list with PCIe in it. */
static void fill_header(uint8_t *config, uint16_t vendor, uint16_t device, uint32_t class,
			bool bridge)
{
	put(config, 0x00, vendor, 2);
	put(config, 0x02, device, 2);
	put(config, 0x06, 0x10, 2); /* capability list */
	put(config, 0x08, class << 8, 4);
	config[0x0e] = bridge;
	config[0x34] = 0x40;
	put(config, 0x40, 0x10 | (bridge ? 0x0042 : 0x0002) << 16, 4);
}

static void join_group(struct fakehost *host, const char *bdf, int group)
{
	CLEANUP(cleanup_free) char *dir = device_dir(host, bdf);
	CLEANUP(cleanup_free) char *sys = up(dir);
	PATH(link, "%s/iommu_group", dir);
	PATH(target, "%skernel/iommu_groups/%d", sys, group);
	PATH(member, "sys/kernel/iommu_groups/%d/devices/%s", group, bdf);
	PATH(from, "../../../../bus/pci/devices/%s", bdf);

	fakehost_link(host, link, target);
	fakehost_link(host, member, from);
}

static void add_function(struct fakehost *host, const char *parent, const char *bdf,
			 uint16_t vendor, uint16_t device, uint32_t class)
{
	PATH(dir, "sys/devices/pci0000:00/%s%s%s", parent ? parent : "", parent ? "/" : "", bdf);
	PATH(link, "sys/bus/pci/devices/%s", bdf);
	PATH(target, "../../../devices/pci0000:00/%s%s%s", parent ? parent : "", parent ? "/" : "",
	     bdf);

	fakehost_link(host, link, target);
	attr(host, dir, "vendor", "0x%04x\n", vendor);
	attr(host, dir, "device", "0x%04x\n", device);
	attr(host, dir, "class", "0x%06x\n", class);
	attr(host, dir, "irq", "0\n");
	attr(host, dir, "driver_override", "(null)\n");
}

void fakehost_driver(struct fakehost *host, const char *name)
{
	PATH(bind, "sys/bus/pci/drivers/%s/bind", name);
	PATH(unbind, "sys/bus/pci/drivers/%s/unbind", name);

	fakehost_file(host, bind, "");
	fakehost_file(host, unbind, "");
}

void fakehost_bridge(struct fakehost *host, const char *bdf, bool acs)
{
	PATH(path, "sys/devices/pci0000:00/%s/config", bdf);
	uint8_t config[4096] = { 0 };

	add_function(host, NULL, bdf, 0x1b36, 0x000c, 0x060400);
	fill_header(config, 0x1b36, 0x000c, 0x060400, true);
	if (acs) {
		put(config, 0x100, 0x1000d, 4);
		put(config, 0x104, 0x1f, 2);
		put(config, 0x106, 0x1d, 2);
	}
	fakehost_file_bytes(host, path, config, sizeof(config));
}

static void write_pf_config(struct fakehost *host, const char *dir, const struct fakehost_pf *pf)
{
	PATH(path, "%s/config", dir);
	uint8_t config[4096] = { 0 };

	fill_header(config, pf->vendor, pf->device, pf->class, false);
	put(config, 0x100, 0x1000e | SRIOV_CAP << 20, 4); /* ARI, then SR-IOV */
	put(config, SRIOV_CAP, 0x10010, 4);
	put(config, SRIOV_CAP + 0x0c, pf->total_vfs, 2);
	put(config, SRIOV_CAP + 0x0e, pf->total_vfs, 2);
	put(config, SRIOV_CAP + 0x14, pf->vf_offset, 2);
	put(config, SRIOV_CAP + 0x16, pf->vf_stride, 2);
	put(config, SRIOV_CAP + 0x1a, pf->vf_device, 2);
	fakehost_file_bytes(host, path, config, sizeof(config));
}

void fakehost_pf(struct fakehost *host, const char *bridge, const struct fakehost_pf *pf)
{
	add_function(host, bridge, pf->bdf, pf->vendor, pf->device, pf->class);
	CLEANUP(cleanup_free) char *dir = device_dir(host, pf->bdf);

	attr(host, dir, "sriov_totalvfs", "%u\n", pf->total_vfs);
	attr(host, dir, "sriov_numvfs", "0\n");
	attr(host, dir, "sriov_offset", "%u\n", pf->vf_offset);
	attr(host, dir, "sriov_stride", "%u\n", pf->vf_stride);
	attr(host, dir, "sriov_vf_device", "%x\n", pf->vf_device);
	/* Ours, for the behaviour below: the kernel has this in memory. */
	attr(host, dir, ".vf_driver", "%s\n", pf->vf_driver ? pf->vf_driver : "");
	write_pf_config(host, dir, pf);
	join_group(host, pf->bdf, host->next_group++);
	if (pf->driver)
		bind(host, pf->bdf, pf->driver);
}

void fakehost_neighbour(struct fakehost *host, const char *bdf, const char *other)
{
	CLEANUP(cleanup_free) char *dir = device_dir(host, other);
	PATH(link, "%s/iommu_group", dir);
	char group[16];

	add_function(host, NULL, bdf, 0x8086, 0x1234, 0x020000);
	assert_int_equal(root_link(&host->root, link, group, sizeof(group)), 0);
	join_group(host, bdf, (int)strtol(group, NULL, 10));
}

static unsigned int read_attr(struct fakehost *host, const char *dir, const char *name, int base)
{
	PATH(path, "%s/%s", dir, name);
	char text[32];

	assert_int_equal(root_read(&host->root, path, text, sizeof(text)), 0);
	return (unsigned int)strtoul(text, NULL, base);
}

/* Routing ID arithmetic of the SR-IOV capability. */
static char *vf_bdf(struct fakehost *host, const char *pf, const char *dir, unsigned int index)
{
	struct bdf bdf;
	char text[BDF_TEXT];
	unsigned int rid;

	assert_int_equal(bdf_parse(pf, &bdf), 0);
	rid = (unsigned int)bdf.bus << 8 | (unsigned int)bdf.device << 3 | bdf.function;
	rid += read_attr(host, dir, "sriov_offset", 10) +
	       index * read_attr(host, dir, "sriov_stride", 10);
	bdf.bus = (uint8_t)(rid >> 8);
	bdf.device = rid >> 3 & 0x1f;
	bdf.function = rid & 7;
	return format("%s", bdf_format(&bdf, text));
}

static void add_vf(struct fakehost *host, const char *pf, const char *dir, unsigned int index)
{
	CLEANUP(cleanup_free) char *bdf = vf_bdf(host, pf, dir, index);
	/* "sys/devices/pci0000:00/BRIDGE/PF": the VF is the PF's sibling. */
	const char *parent = dir + strlen("sys/devices/pci0000:00/");
	PATH(bridge, "%.*s", (int)(strchr(parent, '/') - parent), parent);
	PATH(vf_dir, "sys/devices/pci0000:00/%s/%s", bridge, bdf);
	PATH(physfn, "%s/physfn", vf_dir);
	PATH(to_pf, "../%s", pf);
	PATH(virtfn, "%s/virtfn%u", dir, index);
	PATH(to_vf, "../%s", bdf);
	PATH(driver_attr, "%s/.vf_driver", dir);
	char driver[64];

	add_function(host, bridge, bdf, (uint16_t)read_attr(host, dir, "vendor", 16),
		     (uint16_t)read_attr(host, dir, "sriov_vf_device", 16),
		     read_attr(host, dir, "class", 16));
	fakehost_link(host, physfn, to_pf);
	fakehost_link(host, virtfn, to_vf);
	join_group(host, bdf, host->next_group++);
	assert_int_equal(root_read(&host->root, driver_attr, driver, sizeof(driver)), 0);
	if (*driver)
		bind(host, bdf, driver);
}

static void unbind(struct fakehost *host, const char *dir, const char *bdf)
{
	PATH(link, "%s/driver", dir);
	char driver[64];

	if (root_link(&host->root, link, driver, sizeof(driver)))
		return;
	PATH(back, "sys/bus/pci/drivers/%s/%s", driver, bdf);
	fakehost_remove(host, link);
	fakehost_remove(host, back);
	PATH(attributes, "%s/vfio_sriov", dir);
	if (root_exists(&host->root, attributes))
		fakehost_remove(host, attributes);
}

static void remove_vf(struct fakehost *host, const char *pf, const char *dir, unsigned int index)
{
	CLEANUP(cleanup_free) char *bdf = vf_bdf(host, pf, dir, index);
	CLEANUP(cleanup_free) char *vf_dir = device_dir(host, bdf);
	PATH(virtfn, "%s/virtfn%u", dir, index);
	PATH(link, "sys/bus/pci/devices/%s", bdf);
	PATH(group_link, "%s/iommu_group", vf_dir);
	char group[16];

	unbind(host, vf_dir, bdf);
	assert_int_equal(root_link(&host->root, group_link, group, sizeof(group)), 0);
	PATH(group_dir, "sys/kernel/iommu_groups/%s", group);
	fakehost_remove(host, group_dir);
	fakehost_remove(host, virtfn);
	fakehost_remove(host, link);
	fakehost_remove(host, vf_dir);
}

/* sriov_numvfs_store() of the kernel. */
static int store_numvfs(struct fakehost *host, const char *pf, const char *dir, const char *text)
{
	unsigned int now = read_attr(host, dir, "sriov_numvfs", 10);
	PATH(driver, "%s/driver", dir);
	uint64_t num;

	if (number_parse(text, UINT16_MAX, &num))
		return -EINVAL;
	if (num > read_attr(host, dir, "sriov_totalvfs", 10))
		return -ERANGE;
	if (num == now)
		return 0;
	if (!root_exists(&host->root, driver))
		return -ENOENT;
	if (num && now)
		return -EBUSY;
	for (unsigned int i = 0; i < num; i++)
		add_vf(host, pf, dir, i);
	for (unsigned int i = 0; i < now; i++)
		remove_vf(host, pf, dir, i);
	attr(host, dir, "sriov_numvfs", "%u\n", (unsigned int)num);
	return 0;
}

/* drivers_probe: only an override binds here, there are no ID tables. */
static int probe(struct fakehost *host, const char *bdf)
{
	PATH(link, "sys/bus/pci/devices/%s", bdf);
	if (!root_exists(&host->root, link))
		return -EINVAL;
	CLEANUP(cleanup_free) char *dir = device_dir(host, bdf);
	PATH(override_path, "%s/driver_override", dir);
	PATH(bound, "%s/driver", dir);
	char name[64];

	assert_int_equal(root_read(&host->root, override_path, name, sizeof(name)), 0);
	PATH(driver, "sys/bus/pci/drivers/%s", name);
	if (strcmp(name, "(null)") && !root_exists(&host->root, bound) &&
	    root_exists(&host->root, driver))
		bind(host, bdf, name);
	return 0;
}

static int store_driver(struct fakehost *host, const char *driver, const char *what,
			const char *bdf)
{
	PATH(link, "sys/bus/pci/devices/%s", bdf);
	PATH(back, "sys/bus/pci/drivers/%s/%s", driver, bdf);

	if (!root_exists(&host->root, link))
		return -ENODEV;
	CLEANUP(cleanup_free) char *dir = device_dir(host, bdf);
	PATH(bound, "%s/driver", dir);

	if (!strcmp(what, "unbind")) {
		if (!root_exists(&host->root, back))
			return -ENODEV;
		unbind(host, dir, bdf);
		return 0;
	}
	if (root_exists(&host->root, bound))
		return -EBUSY;
	bind(host, bdf, driver);
	return 0;
}

/* What the kernel does when an attribute is written. */
static int kernel_write(const struct root *root, const char *path, const char *text)
{
	struct fakehost *host = root->data;
	char name[64], what[64];
	const char *value = strcmp(text, "\n") ? text : "(null)\n";
	int n = 0;

	if (!root_exists(root, path))
		return -ENOENT;
	if (sscanf(path, "sys/bus/pci/devices/%63[^/]/%63[^/]%n", name, what, &n) == 2 &&
	    !path[n]) {
		CLEANUP(cleanup_free) char *dir = device_dir(host, name);

		if (!strcmp(what, "sriov_numvfs"))
			return store_numvfs(host, name, dir, text);
		if (strcmp(what, "driver_override"))
			return -EACCES;
		attr(host, dir, "driver_override", "%s", value);
		return 0;
	}
	if (sscanf(path, "sys/bus/pci/drivers/%63[^/]/%63[^/]%n", name, what, &n) == 2 && !path[n])
		return store_driver(host, name, what, text);
	if (!strncmp(path, "sys/bus/pci/devices/", 20) && strstr(path, "/vfio_sriov/")) {
		fakehost_file(host, path, text);
		return 0;
	}
	if (!strcmp(path, "sys/bus/pci/drivers_probe"))
		return probe(host, text);
	return -EACCES;
}

void fakehost_setup(struct fakehost *host)
{
	*host = (struct fakehost){ .dir = "/dev/shm/pfkeep-host-XXXXXX" };
	if (!mkdtemp(host->dir)) {
		snprintf(host->dir, sizeof(host->dir), "/tmp/pfkeep-host-XXXXXX");
		assert_non_null(mkdtemp(host->dir));
	}
	assert_int_equal(root_open(host->dir, &host->root), 0);
	host->root.write = kernel_write;
	host->root.data = host;
	fakehost_dir(host, "sys/bus/pci/devices");
	fakehost_dir(host, "sys/kernel/iommu_groups");
	fakehost_file(host, "sys/bus/pci/drivers_probe", "");
}

void fakehost_teardown(struct fakehost *host)
{
	root_close(&host->root);
	assert_int_equal(nftw(host->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}
