// SPDX-License-Identifier: GPL-2.0-only
/*
 * vfio_config_bench: config space and the making of VFs, vfio-pci-sriov against
 * stock vfio-pci, on one PF in one run, drivers taking turns. Prints a table and
 * leaves with status 1 if ours costs more than 1.05 times stock's where it may not.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <linux/pci_regs.h>

#include "host-vfio-sriov/sriov_cap.h"
#include "tests/lab/client/device.h"
#include "tests/lab/client/sysfs.h"

#define ACCESSES 1000
#define ROUNDS	 15
#define LIMIT	 1.05

enum { STOCK, OURS, DRIVERS };
static const char *const drivers[] = { "vfio-pci", "vfio-pci-sriov" };

struct figure {
	const char *name;
	double ns[DRIVERS][ROUNDS];
	bool limited; /* ours must keep within LIMIT */
};

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void die(const char *what, int error)
{
	fprintf(stderr, "vfio_config_bench: %s: %s\n", what, strerror(-error));
	exit(2);
}

static double time_reads(const struct device *dev, unsigned int offset, unsigned int size)
{
	double start = now_ns();

	for (int i = 0; i < ACCESSES; i++)
		device_config(dev, offset, size);
	return (now_ns() - start) / ACCESSES;
}

static double time_writes(const struct device *dev, unsigned int offset, unsigned int size)
{
	uint32_t value = device_config(dev, offset, size);
	double start = now_ns();

	for (int i = 0; i < ACCESSES; i++)
		device_config_set(dev, offset, size, value);
	return (now_ns() - start) / ACCESSES;
}

static unsigned int sriov_cap_at(const struct device *dev)
{
	unsigned int at = 0x100;

	while (at && (device_config(dev, at, 4) & 0xffff) != PCI_EXT_CAP_ID_SRIOV)
		at = device_config(dev, at, 4) >> 20;
	return at;
}

static struct figure accesses[] = {
	{ .name = "read vendor ID", .limited = true },
	{ .name = "write interrupt line", .limited = true },
	{ .name = "read after the capability's range", .limited = true },
	{ .name = "read NumVFs (in the capability)" },
	{ .name = "write System Page Size (in the capability)" },
};

static void measure_accesses(const char *pf, int driver, int round)
{
	struct device dev;
	unsigned int cap;
	int ret = sysfs_bind(pf, drivers[driver]);

	if (ret)
		die(drivers[driver], ret);
	ret = device_open(&dev, pf, DEVICE_GROUP, NULL);
	if (ret)
		die("open", ret);
	cap = sriov_cap_at(&dev);
	accesses[0].ns[driver][round] = time_reads(&dev, PCI_VENDOR_ID, 2);
	accesses[1].ns[driver][round] = time_writes(&dev, PCI_INTERRUPT_LINE, 1);
	accesses[2].ns[driver][round] = time_reads(&dev, cap + SRIOV_CAP_END, 4);
	accesses[3].ns[driver][round] = time_reads(&dev, cap + SRIOV_CAP_NUM_VFS, 2);
	accesses[4].ns[driver][round] = time_writes(&dev, cap + SRIOV_CAP_SYS_PAGE_SIZE, 4);
	device_close(&dev);
}

static double enable_stock(const char *pf, unsigned int num_vfs)
{
	double start, end;
	char text[16];
	int ret = sysfs_bind(pf, drivers[STOCK]);

	if (ret)
		die(drivers[STOCK], ret);
	snprintf(text, sizeof(text), "%u", num_vfs);
	start = now_ns();
	ret = sysfs_write(pf, "sriov_numvfs", text);
	end = now_ns();
	if (ret)
		die("sriov_numvfs (vfio-pci wants enable_sriov=1)", ret);
	sysfs_write(pf, "sriov_numvfs", "0");
	return end - start;
}

static double enable_ours(const char *pf, unsigned int num_vfs)
{
	struct vfio_pci_sriov_info info;
	struct device dev;
	double start, end;
	int ret = sysfs_bind(pf, drivers[OURS]);

	if (ret)
		die(drivers[OURS], ret);
	ret = device_open(&dev, pf, DEVICE_GROUP, NULL);
	if (ret || device_info(&dev, &info))
		die("open", ret);
	device_config_set(&dev, info.cap_offset + SRIOV_CAP_NUM_VFS, 2, num_vfs);
	start = now_ns();
	device_config_set(&dev, info.cap_offset + SRIOV_CAP_CTRL, 2, 0x9);
	end = now_ns();
	if (sysfs_number(pf, "sriov_numvfs") != (long)num_vfs)
		die("the VFs didn't appear", -EIO);
	device_config_set(&dev, info.cap_offset + SRIOV_CAP_CTRL, 2, 0);
	device_close(&dev);
	return end - start;
}

/* What a round takes beyond the fastest is the machine's other work, not ours. */
static double fastest(const double *values)
{
	double best = values[0];

	for (int i = 1; i < ROUNDS; i++)
		best = values[i] < best ? values[i] : best;
	return best;
}

static bool print_figure(struct figure *f)
{
	double stock = fastest(f->ns[STOCK]), ours = fastest(f->ns[OURS]), ratio = ours / stock;
	bool good = !f->limited || ratio <= LIMIT;

	printf("%-46s %12.0f %12.0f %7.3f%s\n", f->name, stock, ours, ratio,
	       !f->limited ? ""
	       : good	   ? "  ok"
			   : "  ABOVE 1.05");
	return good;
}

int main(int argc, char **argv)
{
	struct figure enabling = { .limited = true };
	bool good = true;
	char name[64];

	if (argc < 2) {
		fprintf(stderr, "usage: vfio_config_bench BDF [NUM_VFS...]\n");
		return 2;
	}
	for (int round = 0; round < ROUNDS; round++)
		for (int driver = STOCK; driver < DRIVERS; driver++)
			measure_accesses(argv[1], driver, round);
	printf("%-46s %12s %12s %7s\n", "ns, fastest of 15 rounds", "vfio-pci", "ours", "ratio");
	for (size_t i = 0; i < sizeof(accesses) / sizeof(accesses[0]); i++)
		good &= print_figure(&accesses[i]);
	for (int arg = 2; arg < argc; arg++) {
		unsigned int num_vfs = (unsigned int)strtoul(argv[arg], NULL, 0);

		snprintf(name, sizeof(name), "make %u VFs", num_vfs);
		enabling.name = name;
		for (int round = 0; round < ROUNDS; round++) {
			enabling.ns[STOCK][round] = enable_stock(argv[1], num_vfs);
			enabling.ns[OURS][round] = enable_ours(argv[1], num_vfs);
		}
		good &= print_figure(&enabling);
	}
	return good ? 0 : 1;
}
