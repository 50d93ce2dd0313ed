/* SPDX-License-Identifier: GPL-2.0-only */
/* The packages that dpkg's status file says are installed. */
#ifndef PF_VM_IMAGE_PACKAGES_H
#define PF_VM_IMAGE_PACKAGES_H

#include <stddef.h>

struct package {
	char *name, *version, *architecture;
	char *source, *source_version; /* of the source package; never NULL */
};

struct packages {
	struct package *list;
	size_t n;
};

/* Sorted by name; stanzas of packages that aren't installed are left out. */
int packages_parse(const char *status, struct packages *ret_packages);
void packages_free(struct packages *pk);

#endif
