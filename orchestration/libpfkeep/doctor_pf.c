// SPDX-License-Identifier: GPL-2.0-only
/* Checks of the PFs: SR-IOV, isolation, who uses them. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestration/libpfkeep/doctor_priv.h"
#include "pfkeep/cleanup.h"

#define PROC_FILE_MAX (4u << 20)
#define RTF_UP	      0x0001

struct patient {
	struct doctor *d;
	const struct pci_pf *pf;
	char name[BDF_TEXT];
	enum doctor_level bad; /* how bad it is if this PF can't be adopted */
	bool fine;
};

#define COMPLAIN(p, level, mend, ...)                               \
	do {                                                        \
		(p)->fine = false;                                  \
		doctor_found((p)->d, (level), (mend), __VA_ARGS__); \
	} while (0)

/* Call fn for each entry of a directory; one that isn't there has none. */
static void each_entry(const struct root *root, const char *path, struct patient *p,
		       void (*fn)(struct patient *p, const char *name))
{
	CLEANUP(cleanup_dir) DIR *dir = NULL;
	struct dirent *entry;

	if (root_opendir(root, path, &dir))
		return;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			fn(p, entry->d_name);
}

static void check_routes4(struct patient *p, const char *netdev)
{
	CLEANUP(cleanup_free) char *text = NULL;
	char *rest, *line, name[32];
	unsigned int target, gateway, flags, routes = 0;
	bool is_default = false;

	if (root_slurp(p->d->root, "proc/net/route", PROC_FILE_MAX, &text))
		return;
	for (rest = text; (line = strsep(&rest, "\n"));) {
		if (sscanf(line, "%31s %x %x %x", name, &target, &gateway, &flags) != 4 ||
		    strcmp(name, netdev) || !(flags & RTF_UP))
			continue;
		routes++;
		is_default |= !target && gateway;
	}
	if (is_default)
		COMPLAIN(p, p->bad, "route the host through another interface first",
			 "%s: the default route goes through its %s", p->name, netdev);
	else if (routes)
		COMPLAIN(p, DOCTOR_WARNING, "move its addresses to another interface first",
			 "%s: %u routes go through its %s", p->name, routes, netdev);
}

static void check_default6(struct patient *p, const char *netdev)
{
	CLEANUP(cleanup_free) char *text = NULL;
	char *rest, *line, target[40], name[32];
	unsigned int prefix;

	if (root_slurp(p->d->root, "proc/net/ipv6_route", PROC_FILE_MAX, &text))
		return;
	for (rest = text; (line = strsep(&rest, "\n"));) {
		if (sscanf(line, "%39s %x %*s %*s %*s %*s %*s %*s %*s %31s", target, &prefix,
			   name) != 3)
			continue;
		if (!prefix && !strcmp(name, netdev) && strspn(target, "0") == 32)
			COMPLAIN(p, p->bad, "route the host through another interface first",
				 "%s: the default IPv6 route goes through its %s", p->name, netdev);
	}
}

static void check_netdev(struct patient *p, const char *netdev)
{
	char path[PATH_MAX], master[64];

	snprintf(path, sizeof(path), "sys/class/net/%s/master", netdev);
	if (!root_link(p->d->root, path, master, sizeof(master)))
		COMPLAIN(p, p->bad,
			 "take it out of that bridge or bond first: ip link set IFACE nomaster",
			 "%s: its %s is a port of %s", p->name, netdev, master);
	check_routes4(p, netdev);
	check_default6(p, netdev);
}

/* Is the block device (major:minor) or a partition of it mounted or used for swap? */
static bool mounted(const struct root *root, const char *dev)
{
	CLEANUP(cleanup_free) char *text = NULL;
	char *rest, *line, number[32];

	if (root_slurp(root, "proc/self/mountinfo", PROC_FILE_MAX, &text))
		return false;
	for (rest = text; (line = strsep(&rest, "\n"));)
		if (sscanf(line, "%*s %*s %31s", number) == 1 && !strcmp(number, dev))
			return true;
	return false;
}

static bool swapped(const struct root *root, const char *name)
{
	CLEANUP(cleanup_free) char *text = NULL;
	char *rest, *line, path[300], want[300];

	if (root_slurp(root, "proc/swaps", PROC_FILE_MAX, &text))
		return false;
	snprintf(want, sizeof(want), "/dev/%s", name);
	for (rest = text; (line = strsep(&rest, "\n"));)
		if (sscanf(line, "%299s", path) == 1 && !strcmp(path, want))
			return true;
	return false;
}

/* A disk or a partition. */
static void check_block(struct patient *p, const char *name)
{
	const struct root *root = p->d->root;
	CLEANUP(cleanup_dir) DIR *holders = NULL;
	char path[PATH_MAX], dev[32];
	struct dirent *entry;

	snprintf(path, sizeof(path), "sys/class/block/%s/dev", name);
	if (root_read(root, path, dev, sizeof(dev)))
		return;
	if (mounted(root, dev))
		COMPLAIN(p, p->bad, "umount it first", "%s: its disk %s is mounted", p->name, name);
	if (swapped(root, name))
		COMPLAIN(p, p->bad, "swapoff it first", "%s: its disk %s is swap", p->name, name);
	snprintf(path, sizeof(path), "sys/class/block/%s/holders", name);
	if (root_opendir(root, path, &holders))
		return;
	while ((entry = readdir(holders)))
		if (entry->d_name[0] != '.')
			COMPLAIN(p, p->bad, "take it out of the volume group or array first",
				 "%s: its disk %s is part of %s", p->name, name, entry->d_name);
}

static void check_namespace(struct patient *p, const char *name)
{
	CLEANUP(cleanup_dir) DIR *dir = NULL;
	struct dirent *entry;
	char path[PATH_MAX], disk[64];
	unsigned int instance, number, path_id;

	/* With multipath, nvme0c1n1 is one path to the disk nvme0n1. */
	if (sscanf(name, "nvme%uc%un%u", &instance, &path_id, &number) == 3)
		snprintf(disk, sizeof(disk), "nvme%un%u", instance, number);
	else if (sscanf(name, "nvme%un%u", &instance, &number) == 2)
		snprintf(disk, sizeof(disk), "%.60s", name);
	else
		return;
	check_block(p, disk);
	snprintf(path, sizeof(path), "sys/class/block/%s", disk);
	if (root_opendir(p->d->root, path, &dir))
		return;
	while ((entry = readdir(dir)))
		if (!strncmp(entry->d_name, disk, strlen(disk)))
			check_block(p, entry->d_name);
}

static void check_nvme(struct patient *p, const char *controller)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/nvme/%s", p->name, controller);
	each_entry(p->d->root, path, p, check_namespace);
}

static void check_use(struct patient *p)
{
	char path[PCI_ATTR_PATH];

	each_entry(p->d->root, pci_path(&p->pf->fn.bdf, "net", path), p, check_netdev);
	each_entry(p->d->root, pci_path(&p->pf->fn.bdf, "nvme", path), p, check_nvme);
}

static bool is_own_vf(const struct pci_pf *pf, const struct bdf *bdf)
{
	for (size_t i = 0; i < pf->n_vfs; i++)
		if (bdf_equal(&pf->vfs[i].fn.bdf, bdf))
			return true;
	return false;
}

static void check_member(struct patient *p, const char *name)
{
	struct pci_function fn;
	struct bdf bdf;

	if (bdf_parse(name, &bdf) || bdf_equal(&bdf, &p->pf->fn.bdf) || is_own_vf(p->pf, &bdf) ||
	    pci_read_function(p->d->root, &bdf, &fn) || fn.class >> 8 == 0x0604)
		return;
	COMPLAIN(p, p->bad,
		 "use a slot whose bridges have ACS, or give both functions to the PF VM",
		 "%s: shares IOMMU group %d with %s", p->name, p->pf->fn.group, name);
}

static void check_isolation(struct patient *p)
{
	char path[64], text[BDF_TEXT];
	struct bdf bridge;

	if (p->pf->fn.group == PCI_NO_GROUP) {
		COMPLAIN(p, p->bad, "switch the IOMMU on first", "%s: is in no IOMMU group",
			 p->name);
		return;
	}
	snprintf(path, sizeof(path), "sys/kernel/iommu_groups/%d/devices", p->pf->fn.group);
	each_entry(p->d->root, path, p, check_member);
	if (p->d->cap && !pcicap_open_bridge(p->d->cap, &p->pf->fn.bdf, &bridge))
		COMPLAIN(p, DOCTOR_WARNING, "use a slot whose bridges have ACS",
			 "%s: the bridge %s above it has no ACS switched on: its VFs can reach "
			 "each other",
			 p->name, bdf_format(&bridge, text));
}

static void check_capability(struct patient *p)
{
	struct pcicap_sriov sriov;

	if (!p->pf->total_vfs)
		COMPLAIN(p, p->bad, "switch SR-IOV on in the device's firmware (its vendor's tool)",
			 "%s: offers no VFs", p->name);
	if (!p->d->cap || pcicap_read_sriov(p->d->cap, &p->pf->fn.bdf, &sriov))
		COMPLAIN(p, DOCTOR_WARNING, "run pfkeep doctor as root",
			 "%s: its SR-IOV capability can't be read", p->name);
	else if (!sriov.vf_stride && p->pf->total_vfs > 1 && !sriov.vf_offset)
		COMPLAIN(p, DOCTOR_WARNING, "load its driver once, or set its number of VFs",
			 "%s: doesn't say yet where its VFs will be", p->name);
}

static void check_pf(struct doctor *d, const struct pci_pf *pf, enum doctor_level bad)
{
	struct patient p = { .d = d, .pf = pf, .bad = bad, .fine = true };

	bdf_format(&pf->fn.bdf, p.name);
	check_capability(&p);
	check_isolation(&p);
	check_use(&p);
	if (p.fine)
		doctor_found(d, DOCTOR_OK, NULL, "%s: a PF with up to %u VFs, driver %s, unused",
			     p.name, pf->total_vfs, *pf->fn.driver ? pf->fn.driver : "none");
}

static void check_named(struct doctor *d, const struct bdf *bdf)
{
	struct problem problem;
	struct pci_pf pf;

	if (pci_read_pf(d->root, bdf, &pf, &problem)) {
		doctor_found(d, DOCTOR_BLOCKER, "pfkeep pf list shows the PFs of this host", "%s",
			     problem.text);
		return;
	}
	check_pf(d, &pf, DOCTOR_BLOCKER);
	pci_pf_release(&pf);
}

void doctor_pfs(struct doctor *d)
{
	if (d->options->n_pfs) {
		for (size_t i = 0; i < d->options->n_pfs; i++)
			check_named(d, &d->options->pfs[i]);
		return;
	}
	if (!d->pfs.n_pfs)
		doctor_found(d, DOCTOR_BLOCKER,
			     "switch SR-IOV on in the machine's and the device's firmware",
			     "no PCI function of this host has an SR-IOV capability");
	/* Nobody said that it shall be this one. */
	for (size_t i = 0; i < d->pfs.n_pfs; i++)
		check_pf(d, &d->pfs.pfs[i], DOCTOR_WARNING);
}

int doctor_refuse_pf(const struct root *root, const struct bdf *bdf, struct problem *problem)
{
	const struct doctor_options options = { .root = root, .pfs = bdf, .n_pfs = 1 };
	struct doctor d = { .options = &options, .root = root, .check = "pf" };
	int ret;

	/* Without it the checks that want it say so. */
	if (pcicap_open(root, &d.cap, NULL))
		d.cap = NULL;
	doctor_pfs(&d);
	pcicap_close(d.cap);
	ret = d.error;
	for (size_t i = 0; i < d.report.n && !ret; i++)
		if (d.report.findings[i].level == DOCTOR_BLOCKER)
			ret = problem_set(problem, -EBUSY, "%.200s: %.100s",
					  d.report.findings[i].text, d.report.findings[i].mend);
	doctor_release(&d.report);
	return ret;
}
