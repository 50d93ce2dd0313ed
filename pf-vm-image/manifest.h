/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an image is made of and how it boots: manifest.json in the image's
 * folder. Written by build and customize, read by everyone else, as hostile.
 */
#ifndef PF_VM_IMAGE_MANIFEST_H
#define PF_VM_IMAGE_MANIFEST_H

#include "pf-vm-image/tree.h"

#define MANIFEST_NAME	"manifest.json"
#define MANIFEST_FORMAT "pfkeep-pf-image-1"

/* The image's files besides the manifest, in the order of the manifest. */
enum manifest_part { PART_DISK, PART_KERNEL, PART_INITRD, PART_SBOM, PARTS };

extern const char *const manifest_part_names[PARTS];

struct manifest {
	char *architecture; /* Debian's word: amd64 */
	char *suite;
	char *kernel; /* release, as uname -r says it */
	char *cmdline;
	int64_t epoch; /* no file of the image is younger */
	struct {
		uint64_t size;
		char sha256[HASH_HEX + 1];
	} parts[PARTS];
	struct tree files;
};

int manifest_write(const struct manifest *m, const char *path, struct problem *p);
int manifest_read(const char *path, struct manifest *ret_manifest, struct problem *p);
void manifest_free(struct manifest *m);

/* Hashes the parts in dir into m. */
int manifest_hash_parts(struct manifest *m, const char *dir, struct problem *p);

struct manifest_difference {
	const char *path;
	const char *what; /* "missing", "added", "content", "mode", "owner", ... */
};

typedef void manifest_differs(void *data, const struct manifest_difference *d);

/* Calls for each difference, in the order of the paths; returns how many. */
size_t manifest_compare(const struct tree *expected, const struct tree *found,
			manifest_differs *differs, void *data);

#endif
