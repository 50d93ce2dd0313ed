/* SPDX-License-Identifier: GPL-2.0-only */
/* Functions that belong to vfio-pci-sriov in the lab host, which has loaded it (sriov.h). */
#ifndef TESTS_LAB_HARNESS_VFIO_H
#define TESTS_LAB_HARNESS_VFIO_H

#include "tests/lab/harness/lab.h"

/* Takes the PF from its host driver. */
void vfio_bind(struct lab *lab, const char *pf);
/* Makes a VF token; a file that QEMU can read holds it from then on. */
void vfio_make_token(struct lab *lab, const char *path);
/* How many VFs the PF has on the host. */
unsigned int vfio_num_vfs(struct lab *lab, const char *pf);
/* Opens the PF's n-th VF and keeps it, as a tenant would, under this name; lets it go. */
void vfio_hold(struct lab *lab, const char *pf, unsigned int vf, const char *name);
void vfio_let_go(struct lab *lab, const char *name);

#endif
