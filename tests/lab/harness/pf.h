/* SPDX-License-Identifier: GPL-2.0-only */
/* PFs that the lab host's own drivers run, as an operator without pfkeep does. */
#ifndef TESTS_LAB_HARNESS_PF_H
#define TESTS_LAB_HARNESS_PF_H

#include "tests/lab/harness/lab.h"

enum pf_kind {
	PF_IGB,
	PF_NVME,
	PF_VIRTIO_NET,
};

/* The address of the first PF of this kind; the caller frees. */
char *pf_find(struct lab *lab, enum pf_kind kind);
/* The address of its n-th VF; the caller frees. */
char *pf_vf_bdf(struct lab *lab, const char *pf, unsigned int vf);

/* By the host's sysfs, with no host driver for the VFs. */
void pf_host_set_vfs(struct lab *lab, const char *pf, unsigned int vfs);
void pf_host_set_mac(struct lab *lab, const char *pf, unsigned int vf, const char *mac);
/* 0: none. */
void pf_host_set_vlan(struct lab *lab, const char *pf, unsigned int vf, unsigned int vlan);
/* Switches on one NVMe VF with queues, interrupts and a namespace of its own. */
void pf_host_nvme_vf(struct lab *lab, const char *pf, unsigned int vf);
/* The same where the PF is: a script for sh whose arguments are PF and n; no "'" in it. */
extern const char pf_nvme_vf_script[];

#endif
