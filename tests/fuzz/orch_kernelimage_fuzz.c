// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files that are to be a kernel, an initramfs or packed data, of any content. What
 * is said of them lies within them, and no more comes out than is asked for. The
 * first byte mends what would refuse most of the rest at once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestration/libpfkeep/initrd.h"
#include "orchestration/libpfkeep/kernelimage.h"
#include "orchestration/libpfkeep/unpack.h"

#define UNPACKED_MAX 65536
#define HOLDS(x)                                                   \
	do {                                                       \
		if (!(x)) {                                        \
			fprintf(stderr, "doesn't hold: %s\n", #x); \
			abort();                                   \
		}                                                  \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_kernel(uint8_t *data, size_t size, bool mend)
{
	struct kernelimage image;

	if (mend && size >= 0x250) {
		memcpy(data + 0x1fe, "\x55\xaa", 2);
		memcpy(data + 0x202, "HdrS\x0f\x02", 6);
		data[0x236] |= 3;
	}
	if (kernelimage_parse(data, size, &image, NULL))
		return;
	HOLDS(image.payload > data && image.payload_len);
	HOLDS(image.payload + image.payload_len <= data + size);
	HOLDS(strnlen(image.release, sizeof(image.release)) < sizeof(image.release));
	HOLDS(!strpbrk(image.release, "/ \n"));
}

static void try_unpack(uint8_t *data, size_t size, unsigned int format)
{
	static const struct {
		const char *magic;
		size_t n;
	} magics[] = {
		{ "\x1f\x8b\x08\0", 4 },
		{ "\xfd"
		  "7zXZ\0",
		  6 },
		{ "\x28\xb5\x2f\xfd", 4 },
		{ "\x02\x21\x4c\x18", 4 },
	};
	size_t len, used;
	uint8_t *out;

	if (size < 6)
		return;
	memcpy(data, magics[format & 3].magic, magics[format & 3].n);
	if (unpack(data, size, UNPACKED_MAX, &out, &len, &used))
		return;
	HOLDS(len <= UNPACKED_MAX && used <= size);
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct initrd initrd;
	uint8_t *copy;

	if (!size)
		return 0;
	copy = malloc(size);
	HOLDS(copy);
	memcpy(copy, data + 1, size - 1);
	initrd_parse(copy, size - 1, &initrd, NULL);
	try_kernel(copy, size - 1, *data & 1);
	try_unpack(copy, size - 1, *data >> 1);
	free(copy);
	return 0;
}
