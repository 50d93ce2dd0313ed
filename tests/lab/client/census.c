// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/client/census.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/lab/client/tap.h"

#define PAGE_KIB 4

/* The last two have an entry for each minor number in use. */
static const char *const places[CENSUS_PLACES] = {
	"/sys/bus/pci/devices", "/sys/kernel/iommu_groups", "/proc/irq",
	"/sys/class/vfio",	"/sys/class/vfio-dev",	    "/dev/vfio/devices",
};

/* A folder that this kernel doesn't have is empty. */
static unsigned int count_entries(const char *path)
{
	DIR *dir = opendir(path);
	unsigned int n = 0;

	if (!dir)
		return 0;
	for (struct dirent *entry; (entry = readdir(dir));)
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n;
}

/* What is only waiting to be freed isn't leaked. */
static void let_the_kernel_tidy_up(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);

	/* two grace periods: what is freed after one may free more after another */
	for (int i = 0; i < 2; i++)
		syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
	if (fd < 0)
		return;
	CHECK(write(fd, "3", 1) == 1, "drop_caches");
	close(fd);
}

static void read_slabs(struct census *census)
{
	FILE *f = fopen("/proc/slabinfo", "re");
	char line[512];

	REQUIRE(f, "/proc/slabinfo");
	while (census->n_slabs < CENSUS_SLABS && fgets(line, sizeof(line), f)) {
		struct census_slab *slab = &census->slabs[census->n_slabs];

		census->n_slabs += sscanf(line, "%31s %lu", slab->name, &slab->objects) == 2;
	}
	fclose(f);
}

/* Free pages that the CPUs keep in lists of their own: MemFree doesn't count them. */
static unsigned long read_pages_on_cpu_lists(void)
{
	FILE *f = fopen("/proc/zoneinfo", "re");
	unsigned long total = 0, pages;
	char line[256];

	REQUIRE(f, "/proc/zoneinfo");
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, " count: %lu", &pages) == 1)
			total += pages;
	fclose(f);
	return total * PAGE_KIB;
}

/*
 * All that is neither free nor a file's, a process's (udev's workers come and go
 * with the VFs) or a cache that can shrink.
 */
static unsigned long read_kernel_memory(void)
{
	static const char *const others[] = { "MemFree:",     "Buffers:",   "Cached:",
					      "SwapCached:",  "AnonPages:", "SReclaimable:",
					      "KernelStack:", "PageTables:" };
	FILE *f = fopen("/proc/meminfo", "re");
	unsigned long total = 0, kib;
	char line[128], key[32];

	REQUIRE(f, "/proc/meminfo");
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%31s %lu", key, &kib) != 2)
			continue;
		if (!strcmp(key, "MemTotal:"))
			total += kib;
		for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
			if (!strcmp(key, others[i]))
				total -= kib;
	}
	fclose(f);
	return total - read_pages_on_cpu_lists();
}

void census_take(struct census *ret_census)
{
	memset(ret_census, 0, sizeof(*ret_census));
	let_the_kernel_tidy_up();
	for (unsigned int i = 0; i < CENSUS_PLACES; i++)
		ret_census->entries[i] = count_entries(places[i]);
	read_slabs(ret_census);
	ret_census->kernel_kib = read_kernel_memory();
}

bool census_same_entries(const struct census *before, const struct census *after)
{
	bool same = true;

	for (unsigned int i = 0; i < CENSUS_PLACES; i++) {
		if (before->entries[i] == after->entries[i])
			continue;
		tap_note("%s: %u entries, now %u", places[i], before->entries[i],
			 after->entries[i]);
		same = false;
	}
	return same;
}

/* A slab that isn't there has no objects. */
static unsigned long objects_of(const struct census *census, const char *name)
{
	for (unsigned int i = 0; i < census->n_slabs; i++)
		if (!strcmp(census->slabs[i].name, name))
			return census->slabs[i].objects;
	return 0;
}

static bool slab_grows(const struct census *takes, unsigned int n, const char *name,
		       unsigned int least)
{
	for (unsigned int i = 1; i < n; i++)
		if (objects_of(&takes[i], name) < objects_of(&takes[i - 1], name) + least)
			return false;
	return true;
}

static bool memory_grows(const struct census *takes, unsigned int n, unsigned int least)
{
	for (unsigned int i = 1; i < n; i++)
		if (takes[i].kernel_kib < takes[i - 1].kernel_kib + least)
			return false;
	return true;
}

bool census_no_growth(const struct census *takes, unsigned int n, unsigned int rounds)
{
	bool good = true;

	for (unsigned int i = 0; i < takes[n - 1].n_slabs; i++) {
		const char *name = takes[n - 1].slabs[i].name;

		if (!slab_grows(takes, n, name, rounds))
			continue;
		tap_note("slab %s grows: %lu objects, then %lu", name, objects_of(&takes[0], name),
			 objects_of(&takes[n - 1], name));
		good = false;
	}
	if (memory_grows(takes, n, rounds * PAGE_KIB)) {
		tap_note("kernel memory grows: %lu KiB, then %lu", takes[0].kernel_kib,
			 takes[n - 1].kernel_kib);
		good = false;
	}
	return good;
}
