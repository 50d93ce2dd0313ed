/* SPDX-License-Identifier: GPL-2.0-only */
/* What a file says of the kernel in it, before that is booted. It is hostile. */
#ifndef LIBPFKEEP_KERNELIMAGE_H
#define LIBPFKEEP_KERNELIMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "pfkeep/problem.h"
#include "pfkeep/root.h"

#define KERNELIMAGE_RELEASE 64

struct kernelimage {
	char release[KERNELIMAGE_RELEASE]; /* what uname will say; "" if it isn't there */
	size_t cmdline_max;		   /* without the end */
	const uint8_t *payload;		   /* within the file */
	size_t payload_len;
};

/* A bzImage that kexec can start on x86-64. */
int kernelimage_parse(const uint8_t *data, size_t len, struct kernelimage *ret_image,
		      struct problem *problem);

/*
 * Does it have live update, and our series? Told by the names in the kernel
 * unpacked; if it is packed in a way that we can't unpack, by a configuration beside
 * the file (config-RELEASE, config), or in /boot or /lib/modules/RELEASE.
 */
int kernelimage_check_series(const struct root *root, const char *path,
			     const struct kernelimage *image, struct problem *problem);

/* Both, of a file of this host's. */
int kernelimage_check(const struct root *root, const char *path, struct kernelimage *ret_image,
		      struct problem *problem);

/* A whole file, with room for one byte behind it. */
int kernelimage_slurp(const char *path, uint8_t **ret_data, size_t *ret_len);

#endif
