/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers from people and files: decimal digits only, with a limit. */
#ifndef PFKEEP_NUMBER_H
#define PFKEEP_NUMBER_H

#include <stdint.h>

/* No sign, no space, no leading zero but "0" itself. -EINVAL, or -ERANGE above max. */
int number_parse(const char *text, uint64_t max, uint64_t *ret_value);

/* As sysfs writes hexadecimal: 0x and 1 to 16 digits. */
int number_parse_hex(const char *text, uint64_t max, uint64_t *ret_value);

#endif
