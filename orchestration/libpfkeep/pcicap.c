// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <pci/pci.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pfkeep/cleanup.h"
#include "pfkeep/pci.h"
#include "pfkeep/pcicap.h"

struct pcicap {
	const struct root *root;
	struct pci_access *access;
};

/*
 * libpci ends the process when it meets an error. Its callback may not return,
 * so it jumps to the function of ours that called in; one per thread.
 */
static _Thread_local jmp_buf escape;

__attribute__((noreturn)) static void on_error(char *fmt, ...)
{
	longjmp(escape, 1);
}

static void on_remark(char *fmt, ...)
{
}

/* Bits that keep requests of peers from turning round below the IOMMU. */
#define ACS_ISOLATION \
	(PCI_ACS_CTRL_VALID | PCI_ACS_CTRL_REQ_RED | PCI_ACS_CTRL_CMPLT_RED | PCI_ACS_CTRL_FORWARD)

static int set_path(struct pci_access *access, const struct root *root)
{
	char path[PATH_MAX + sizeof("/sys/bus/pci")];
	CLEANUP(cleanup_free) char *param = strdup("sysfs.path");
	const char *base = strcmp(root->path, "/") ? root->path : "";

	if (!param)
		return -ENOMEM;
	snprintf(path, sizeof(path), "%s/sys/bus/pci", base);
	return pci_set_param(access, param, path) ? -EINVAL : 0;
}

int pcicap_open(const struct root *root, struct pcicap **ret_cap, struct problem *problem)
{
	struct pcicap *const cap = calloc(1, sizeof(*cap));

	if (!cap)
		return -ENOMEM;
	if (setjmp(escape)) {
		pcicap_close(cap);
		return problem_set(problem, -EIO, "/sys/bus/pci: libpci can't read it");
	}
	cap->root = root;
	cap->access = pci_alloc();
	cap->access->error = on_error;
	cap->access->warning = on_remark;
	cap->access->debug = on_remark;
	cap->access->method = PCI_ACCESS_SYS_BUS_PCI;
	if (set_path(cap->access, root)) {
		pcicap_close(cap);
		return problem_set(problem, -EINVAL, "libpci doesn't take a path of sysfs");
	}
	pci_init(cap->access);
	*ret_cap = cap;
	return 0;
}

void pcicap_close(struct pcicap *cap)
{
	if (!cap)
		return;
	if (cap->access)
		pci_cleanup(cap->access);
	free(cap);
}

void cleanup_pcicap(struct pcicap **cap)
{
	pcicap_close(*cap);
}

/* Call work on the function with the way out for libpci's errors laid. */
static int guard(struct pcicap *cap, const struct bdf *bdf,
		 int (*work)(struct pci_dev *dev, void *ret_result), void *ret_result)
{
	char path[PCI_ATTR_PATH];
	struct pci_dev *volatile dev = NULL;
	volatile int ret = -EIO;

	if (!root_exists(cap->root, pci_path(bdf, "config", path)))
		return -ENODEV;
	if (!setjmp(escape)) {
		dev = pci_get_dev(cap->access, (int)bdf->domain, bdf->bus, bdf->device,
				  bdf->function);
		ret = work(dev, ret_result);
	}
	if (dev)
		pci_free_dev(dev);
	return ret;
}

static int read_sriov(struct pci_dev *dev, void *ret_result)
{
	struct pci_cap *sriov = pci_find_cap(dev, PCI_EXT_CAP_ID_SRIOV, PCI_CAP_EXTENDED);
	struct pcicap_sriov *ret_sriov = ret_result;
	int at;

	if (!sriov)
		return -ENOTSUP;
	at = (int)sriov->addr;
	*ret_sriov = (struct pcicap_sriov){
		.cap_offset = (uint16_t)at,
		.total_vfs = pci_read_word(dev, at + PCI_IOV_TOTALVF),
		.num_vfs = pci_read_word(dev, at + PCI_IOV_NUMVF),
		.vf_enable = pci_read_word(dev, at + PCI_IOV_CTRL) & PCI_IOV_CTRL_VFE,
		.vf_offset = pci_read_word(dev, at + PCI_IOV_OFFSET),
		.vf_stride = pci_read_word(dev, at + PCI_IOV_STRIDE),
		.vf_device = pci_read_word(dev, at + PCI_IOV_DID),
	};
	return 0;
}

int pcicap_read_sriov(struct pcicap *cap, const struct bdf *bdf, struct pcicap_sriov *ret_sriov)
{
	return guard(cap, bdf, read_sriov, ret_sriov);
}

static int check_bridge(struct pci_dev *bridge, void *ret_result)
{
	struct pci_cap *acs = pci_find_cap(bridge, PCI_EXT_CAP_ID_ACS, PCI_CAP_EXTENDED);
	bool *ret_isolates = ret_result;

	*ret_isolates = acs && (pci_read_word(bridge, (int)acs->addr + PCI_ACS_CTRL) &
				ACS_ISOLATION) == ACS_ISOLATION;
	return 0;
}

int pcicap_open_bridge(struct pcicap *cap, const struct bdf *bdf, struct bdf *ret_bridge)
{
	char name[BDF_TEXT], path[PCI_ATTR_PATH], target[PATH_MAX];
	char *rest = target, *part;
	struct bdf bridge;
	bool isolates;
	int ret;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s", bdf_format(bdf, name));
	ret = root_target(cap->root, path, target, sizeof(target));
	if (ret)
		return ret == -ENOENT ? -ENODEV : ret;
	/* ../../../devices/pci0000:00/0000:00:01.0/0000:01:00.0 */
	while ((part = strsep(&rest, "/")) && rest) {
		if (bdf_parse(part, &bridge))
			continue;
		ret = guard(cap, &bridge, check_bridge, &isolates);
		if (ret)
			return ret;
		if (isolates)
			continue;
		*ret_bridge = bridge;
		return 0;
	}
	return -ENOENT;
}

void pcicap_describe(struct pcicap *cap, uint16_t vendor, uint16_t device, char *ret_text,
		     size_t size)
{
	char text[256];

	snprintf(ret_text, size, "%04x:%04x", vendor, device);
	if (setjmp(escape))
		return;
	if (pci_lookup_name(cap->access, text, sizeof(text), PCI_LOOKUP_VENDOR | PCI_LOOKUP_DEVICE,
			    vendor, device))
		snprintf(ret_text, size, "%s", text);
}
