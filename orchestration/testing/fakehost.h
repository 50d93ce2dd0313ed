/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A host made of files in a temporary directory, for unit tests: sysfs as the
 * kernel lays it out, and (through root.write) as it behaves when it is
 * written to. What real hardware and a real kernel do is tested in the lab.
 */
#ifndef ORCHESTRATION_TESTING_FAKEHOST_H
#define ORCHESTRATION_TESTING_FAKEHOST_H

#include <stdint.h>

#include "pfkeep/bdf.h"
#include "pfkeep/root.h"

struct fakehost {
	struct root root;
	char dir[64];
	int next_group;
};

struct fakehost_pf {
	const char *bdf;
	uint16_t vendor, device;
	uint32_t class;
	uint16_t total_vfs;
	uint16_t vf_offset, vf_stride, vf_device;
	const char *driver;    /* may be NULL */
	const char *vf_driver; /* what new VFs are probed by; may be NULL */
};

/* 82576: 7 VFs 128 after it, its driver igb, VFs without a driver. */
extern const struct fakehost_pf fakehost_igb;

/* All of these end the test on an error of their own. */
void fakehost_setup(struct fakehost *host);
void fakehost_teardown(struct fakehost *host);

void fakehost_file(struct fakehost *host, const char *path, const char *text);
void fakehost_file_bytes(struct fakehost *host, const char *path, const void *bytes, size_t len);
/* In place of a link or a file that is there. */
void fakehost_link(struct fakehost *host, const char *path, const char *target);
void fakehost_remove(struct fakehost *host, const char *path);
void fakehost_dir(struct fakehost *host, const char *path);

/* A driver that can be bound to. */
void fakehost_driver(struct fakehost *host, const char *name);
/* A root port; acs: with ACS, its isolating bits on. */
void fakehost_bridge(struct fakehost *host, const char *bdf, bool acs);
/* A PF below the root port of that BDF. Its drivers must be there. */
void fakehost_pf(struct fakehost *host, const char *bridge, const struct fakehost_pf *pf);
/* A function without SR-IOV in the IOMMU group of another. */
void fakehost_neighbour(struct fakehost *host, const char *bdf, const char *other);

#endif
