// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pfkeep/number.h"

int number_parse(const char *text, uint64_t max, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (!*text || (text[0] == '0' && text[1]))
		return -EINVAL;
	if (strspn(text, "0123456789") != strlen(text))
		return -EINVAL;
	for (; *text; text++) {
		uint64_t digit = (uint64_t)(*text - '0');

		if (value > (max - digit) / 10 || digit > max)
			return -ERANGE;
		value = value * 10 + digit;
	}
	*ret_value = value;
	return 0;
}

int number_parse_hex(const char *text, uint64_t max, uint64_t *ret_value)
{
	size_t n;
	uint64_t value;

	if (strncmp(text, "0x", 2))
		return -EINVAL;
	text += 2;
	n = strspn(text, "0123456789abcdefABCDEF");
	if (!n || n > 16 || text[n])
		return -EINVAL;
	value = strtoull(text, NULL, 16);
	if (value > max)
		return -ERANGE;
	*ret_value = value;
	return 0;
}
