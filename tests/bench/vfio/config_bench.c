// SPDX-License-Identifier: GPL-2.0-only
/*
 * vfio_config_bench: config space and the making of VFs, vfio-pci-sriov against
 * stock vfio-pci in one run.
 *
 * The machine's other work must not count: what is compared is measured in turns
 * of well under a millisecond (accesses) or one after the other (making VFs), each
 * two neighbours give a ratio, and the median of the ratios is the figure. For
 * accesses each driver has a PF of its own, of the same kind; halfway they swap.
 *
 * Prints a line for each figure: name, value, unit, with tabs between, and leaves
 * with status 1 if a ratio that is limited is above the limit.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <linux/pci_regs.h>

#include "host-vfio-sriov/sriov_cap.h"
#include "tests/lab/client/device.h"
#include "tests/lab/client/sysfs.h"

#define LIMIT	   1.05
#define PAIRS	   400 /* of turns, for each half of a figure */
#define TURN	   20  /* accesses */
#define ROUNDS_MAX 400
/* Of making VFs: so many VFs in all, in not too few and not too many rounds. */
#define VFS_IN_ALL  400
#define ROUNDS_MIN  5
#define ROUNDS_MOST 61
/* After VF_Enable is set, PCIe 9.3.3.3.1: both wait it out, neither can help it. */
#define ENABLE_WAIT_NS 100e6

enum { STOCK, OURS, DRIVERS };
static const char *const drivers[] = { "vfio-pci", "vfio-pci-sriov" };

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

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sorts them. */
static double median(double *values, unsigned int n)
{
	qsort(values, n, sizeof(*values), ascending);
	return values[n / 2];
}

struct sample {
	double ns[DRIVERS][ROUNDS_MAX];
	unsigned int n;
};

static double median_ratio(const struct sample *s)
{
	double ratios[ROUNDS_MAX];

	for (unsigned int i = 0; i < s->n; i++)
		ratios[i] = s->ns[OURS][i] / s->ns[STOCK][i];
	return median(ratios, s->n);
}

static void print_row(const char *figure, const char *of, double value, const char *unit)
{
	printf("%s%s\t%.4g\t%s\n", figure, of, value, unit);
	fflush(stdout);
}

static bool print_ratio(const char *figure, double ratio, bool limited)
{
	print_row(figure, ", ours / vfio-pci", ratio, limited ? "(at most 1.05)" : "");
	return !limited || ratio <= LIMIT;
}

/* Accesses */

struct target {
	struct device dev;
	unsigned int cap; /* offset of the SR-IOV capability */
};

static unsigned int at_vendor(const struct target *t)
{
	return PCI_VENDOR_ID;
}

static unsigned int at_interrupt_line(const struct target *t)
{
	return PCI_INTERRUPT_LINE;
}

static unsigned int at_command(const struct target *t)
{
	return PCI_COMMAND;
}

static unsigned int at_cap_header(const struct target *t)
{
	return t->cap;
}

static unsigned int at_num_vfs(const struct target *t)
{
	return t->cap + SRIOV_CAP_NUM_VFS;
}

static unsigned int at_page_size(const struct target *t)
{
	return t->cap + SRIOV_CAP_SYS_PAGE_SIZE;
}

static const struct access {
	const char *name;
	unsigned int (*at)(const struct target *t);
	unsigned int size;
	bool write;
	bool limited; /* outside the capability */
} accesses[] = {
	{ "read vendor ID", at_vendor, 2, false, true },
	{ "read command", at_command, 2, false, true },
	{ "read the header before the capability", at_cap_header, 4, false, true },
	{ "write command", at_command, 2, true, true },
	{ "write interrupt line", at_interrupt_line, 1, true, true },
	{ "read NumVFs (in the capability)", at_num_vfs, 2, false, false },
	{ "write System Page Size (in the capability)", at_page_size, 4, true, false },
};

#define ACCESSES (sizeof(accesses) / sizeof(accesses[0]))

static unsigned int sriov_cap_at(const struct device *dev)
{
	unsigned int at = 0x100;

	while (at && (device_config(dev, at, 4) & 0xffff) != PCI_EXT_CAP_ID_SRIOV)
		at = device_config(dev, at, 4) >> 20;
	return at;
}

static void open_target(const char *pf, int driver, struct target *t)
{
	int ret = sysfs_bind(pf, drivers[driver]);

	if (ret)
		die(drivers[driver], ret);
	ret = device_open(&t->dev, pf, DEVICE_GROUP, NULL);
	if (ret)
		die("open", ret);
	t->cap = sriov_cap_at(&t->dev);
}

static double time_turn(const struct target *t, const struct access *a, uint32_t value)
{
	unsigned int at = a->at(t);
	double start = now_ns();

	for (int i = 0; i < TURN; i++) {
		if (a->write)
			device_config_set(&t->dev, at, a->size, value);
		else
			device_config(&t->dev, at, a->size);
	}
	return (now_ns() - start) / TURN;
}

static void measure(const struct target targets[DRIVERS], const struct access *a, struct sample *s)
{
	uint32_t value[DRIVERS];

	for (int d = STOCK; d < DRIVERS; d++)
		value[d] = device_config(&targets[d].dev, a->at(&targets[d]), a->size);
	for (s->n = 0; s->n < PAIRS; s->n++) {
		/* whoever comes second finds warmer caches: in turns, too */
		int first = s->n & 1;

		s->ns[first][s->n] = time_turn(&targets[first], a, value[first]);
		s->ns[!first][s->n] = time_turn(&targets[!first], a, value[!first]);
	}
}

static int bench_accesses(char **pfs)
{
	double ratio[ACCESSES], ns[ACCESSES][DRIVERS];
	static struct sample s;
	bool good = true;

	for (int half = 0; half < 2; half++) {
		struct target targets[DRIVERS];

		open_target(pfs[half], STOCK, &targets[STOCK]);
		open_target(pfs[!half], OURS, &targets[OURS]);
		for (size_t i = 0; i < ACCESSES; i++) {
			double now;

			measure(targets, &accesses[i], &s);
			now = median_ratio(&s);
			/* what is in the devices and not in the drivers cancels out */
			ratio[i] = half ? sqrt(ratio[i] * now) : now;
			for (int d = STOCK; d < DRIVERS; d++)
				ns[i][d] = median(s.ns[d], s.n);
		}
		device_close(&targets[STOCK].dev);
		device_close(&targets[OURS].dev);
	}
	for (size_t i = 0; i < ACCESSES; i++) {
		print_row(accesses[i].name, ", vfio-pci", ns[i][STOCK], "ns");
		print_row(accesses[i].name, ", ours", ns[i][OURS], "ns");
		good &= print_ratio(accesses[i].name, ratio[i], accesses[i].limited);
	}
	return good ? 0 : 1;
}

/* Making VFs */

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
	ret = sysfs_write(pf, "sriov_numvfs", "0");
	if (ret)
		die("sriov_numvfs 0", ret);
	return end - start;
}

static double enable_ours(const char *pf, unsigned int num_vfs)
{
	struct target t;
	double start, end;

	open_target(pf, OURS, &t);
	device_config_set(&t.dev, t.cap + SRIOV_CAP_NUM_VFS, 2, num_vfs);
	start = now_ns();
	device_config_set(&t.dev, t.cap + SRIOV_CAP_CTRL, 2, 0x9);
	end = now_ns();
	if (sysfs_number(pf, "sriov_numvfs") != (long)num_vfs)
		die("the VFs didn't appear", -EIO);
	device_config_set(&t.dev, t.cap + SRIOV_CAP_CTRL, 2, 0);
	device_close(&t.dev);
	return end - start;
}

static unsigned int rounds_for(unsigned int num_vfs)
{
	unsigned int rounds = num_vfs ? VFS_IN_ALL / num_vfs : ROUNDS_MOST;

	return rounds < ROUNDS_MIN ? ROUNDS_MIN : rounds > ROUNDS_MOST ? ROUNDS_MOST : rounds;
}

static bool bench_making(const char *pf, unsigned int num_vfs)
{
	unsigned int rounds = rounds_for(num_vfs);
	static struct sample s;
	char name[64];
	double ratio;

	for (s.n = 0; s.n < rounds; s.n++) {
		if (s.n & 1)
			s.ns[OURS][s.n] = enable_ours(pf, num_vfs) - ENABLE_WAIT_NS;
		s.ns[STOCK][s.n] = enable_stock(pf, num_vfs) - ENABLE_WAIT_NS;
		if (!(s.n & 1))
			s.ns[OURS][s.n] = enable_ours(pf, num_vfs) - ENABLE_WAIT_NS;
	}
	ratio = median_ratio(&s);
	snprintf(name, sizeof(name), "make %u VFs, without the 100 ms that PCIe demands", num_vfs);
	print_row(name, ", vfio-pci", median(s.ns[STOCK], s.n) / 1e6, "ms");
	print_row(name, ", ours", median(s.ns[OURS], s.n) / 1e6, "ms");
	return print_ratio(name, ratio, true);
}

static int usage(void)
{
	fprintf(stderr, "usage: vfio_config_bench access PF PF | make PF NUM_VFS...\n");
	return 2;
}

int main(int argc, char **argv)
{
	int failed = 0;

	if (argc == 4 && !strcmp(argv[1], "access"))
		return bench_accesses(argv + 2);
	if (argc < 4 || strcmp(argv[1], "make"))
		return usage();
	for (int arg = 3; arg < argc; arg++)
		failed |= !bench_making(argv[2], (unsigned int)strtoul(argv[arg], NULL, 0));
	return failed;
}
