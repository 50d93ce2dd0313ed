/* SPDX-License-Identifier: GPL-2.0-only */
/* What sysfs says about PFs and their VFs now: PF -> VFs -> driver, group. */
#ifndef PFKEEP_PCI_H
#define PFKEEP_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pfkeep/bdf.h"
#include "pfkeep/problem.h"
#include "pfkeep/root.h"
#include "pfkeep/vfname.h"

#define PCI_NAME      64
#define PCI_NO_GROUP  (-1)
#define PCI_DEVICES   "sys/bus/pci/devices"
#define PCI_ATTR_PATH 128

struct pci_function {
	struct bdf bdf;
	uint16_t vendor;
	uint16_t device;
	uint32_t class;	       /* base, sub, programming interface */
	int group;	       /* IOMMU group or PCI_NO_GROUP */
	char driver[PCI_NAME]; /* empty: none bound */
};

struct pci_vf {
	struct pci_function fn;
	uint16_t index;
};

struct pci_pf {
	struct pci_function fn;
	uint16_t total_vfs;
	uint16_t num_vfs;   /* as sysfs says; vfs holds those that were found */
	struct pci_vf *vfs; /* by index */
	size_t n_vfs;
};

struct pci_inventory {
	struct pci_pf *pfs; /* by BDF */
	size_t n_pfs;
};

/* "sys/bus/pci/devices/BDF/attr"; returns dst. */
const char *pci_path(const struct bdf *bdf, const char *attr, char dst[static PCI_ATTR_PATH]);

/* -ENODEV if there is no such function. */
int pci_read_function(const struct root *root, const struct bdf *bdf,
		      struct pci_function *ret_function);

/* One PF with its VFs; -ENODEV if absent, -ENOTSUP if it isn't SR-IOV capable. */
int pci_read_pf(const struct root *root, const struct bdf *bdf, struct pci_pf *ret_pf,
		struct problem *problem);
void pci_pf_release(struct pci_pf *pf);

/* All of them. A PF that goes while it is read is left out. */
int pci_read_all(const struct root *root, struct pci_inventory *ret_inventory,
		 struct problem *problem);
void pci_inventory_release(struct pci_inventory *inventory);

/* PF and index of a VF by whatever name; -ENODEV, or -ENOTSUP if it isn't a VF. */
int pci_resolve_vf(const struct root *root, const struct vfname *name, struct bdf *ret_pf,
		   uint16_t *ret_index, struct bdf *ret_vf, struct problem *problem);

#endif
