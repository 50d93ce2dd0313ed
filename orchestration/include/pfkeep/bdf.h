/* SPDX-License-Identifier: GPL-2.0-only */
/* The address of a PCI function, as in sysfs: 0000:01:00.0 */
#ifndef PFKEEP_BDF_H
#define PFKEEP_BDF_H

#include <stdbool.h>
#include <stdint.h>

struct bdf {
	uint32_t domain;
	uint8_t bus;
	uint8_t device;	  /* 0 to 31 */
	uint8_t function; /* 0 to 7 */
};

#define BDF_TEXT 20 /* room for the text form, its terminator included */

/*
 * Domain of 4 to 8 hex digits, bus and device of 2, function of 1, nothing
 * before or behind. -EINVAL otherwise.
 */
int bdf_parse(const char *text, struct bdf *ret_bdf);

/* Returns dst: the name that sysfs has, lower case. */
const char *bdf_format(const struct bdf *bdf, char dst[static BDF_TEXT]);

/* Order of sysfs' names; 0 if equal. */
int bdf_compare(const struct bdf *a, const struct bdf *b);
bool bdf_equal(const struct bdf *a, const struct bdf *b);

#endif
