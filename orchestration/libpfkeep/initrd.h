/* SPDX-License-Identifier: GPL-2.0-only */
/* What is in an initramfs: archives of cpio one behind the other, each packed or not. */
#ifndef LIBPFKEEP_INITRD_H
#define LIBPFKEEP_INITRD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pfkeep/problem.h"

struct initrd {
	size_t files;
	bool restore; /* pfkeep-restore is among them */
	bool opaque;  /* a part of it is packed in a way that we can't unpack */
};

/* Hostile, like the kernel's file. */
int initrd_parse(const uint8_t *data, size_t len, struct initrd *ret_initrd,
		 struct problem *problem);
int initrd_check(const char *path, struct initrd *ret_initrd, struct problem *problem);

#endif
