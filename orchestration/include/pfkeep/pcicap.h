/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a function's config space says (through libpci): its SR-IOV capability,
 * and whether the bridges above it part its VFs from each other (ACS).
 */
#ifndef PFKEEP_PCICAP_H
#define PFKEEP_PCICAP_H

#include <stdbool.h>
#include <stdint.h>

#include "pfkeep/bdf.h"
#include "pfkeep/problem.h"
#include "pfkeep/root.h"

struct pcicap;

struct pcicap_sriov {
	uint16_t cap_offset;
	uint16_t total_vfs;
	uint16_t num_vfs;
	bool vf_enable;
	uint16_t vf_offset;
	uint16_t vf_stride;
	uint16_t vf_device;
};

int pcicap_open(const struct root *root, struct pcicap **ret_cap, struct problem *problem);
void pcicap_close(struct pcicap *cap);
void cleanup_pcicap(struct pcicap **cap);

/* -ENOTSUP without the capability (or without the right to read config space past 64 bytes). */
int pcicap_read_sriov(struct pcicap *cap, const struct bdf *bdf, struct pcicap_sriov *ret_sriov);

/*
 * The first bridge above the function that lets peers reach each other behind
 * the IOMMU's back. -ENOENT if there is none.
 */
int pcicap_open_bridge(struct pcicap *cap, const struct bdf *bdf, struct bdf *ret_bridge);

/* "Intel Corporation 82576 Gigabit Network Connection", or the numbers. */
void pcicap_describe(struct pcicap *cap, uint16_t vendor, uint16_t device, char *ret_text,
		     size_t size);

#endif
