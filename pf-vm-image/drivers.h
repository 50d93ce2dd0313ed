/* SPDX-License-Identifier: GPL-2.0-only */
/* Which PCI functions each driver of an image binds, out of depmod's modules.alias. */
#ifndef PF_VM_IMAGE_DRIVERS_H
#define PF_VM_IMAGE_DRIVERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DRIVER_ANY UINT32_MAX

struct driver_id {
	uint32_t vendor, device, subvendor, subdevice; /* DRIVER_ANY: any */
	char class[16];				       /* "010802", "" for any; may hold '*' */
};

struct driver {
	char *name;
	struct driver_id *ids;
	size_t n_ids;
};

struct drivers {
	struct driver *list;
	size_t n;
};

/* Sorted by name, ids by number; other buses' aliases are passed over. */
int drivers_parse(const char *modules_alias, struct drivers *ret_drivers);
void drivers_free(struct drivers *d);

/* "8086:10c9", "8086:1563/15d9:0942", "class 010802" */
void driver_id_format(const struct driver_id *id, char *text, size_t size);

#endif
