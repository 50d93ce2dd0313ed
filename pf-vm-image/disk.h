/* SPDX-License-Identifier: GPL-2.0-only */
/* The image's disk as a qcow2 file. */
#ifndef PF_VM_IMAGE_DISK_H
#define PF_VM_IMAGE_DISK_H

#include "tests/lab/products/problem.h"

/* One cluster after the other, so that the same raw disk gives the same file. */
int disk_pack(const char *raw, const char *qcow2, const char *log, struct problem *p);

/*
 * Refuses what is no qcow2 of the kind that disk_pack() makes. A backing or
 * data file named in it would be opened by whoever reads the image.
 */
int disk_check(const char *qcow2, struct problem *p);

#endif
