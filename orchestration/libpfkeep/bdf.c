// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>

#include "pfkeep/bdf.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Between min and max hex digits, then the character end. */
static int take_hex(const char **text, int min, int max, char end, uint32_t *ret_value)
{
	uint32_t value = 0;
	int n = 0, digit;

	while (n < max && (digit = hex_digit(**text)) >= 0) {
		value = value << 4 | (uint32_t)digit;
		(*text)++;
		n++;
	}
	if (n < min || **text != end)
		return -EINVAL;
	if (end)
		(*text)++;
	*ret_value = value;
	return 0;
}

int bdf_parse(const char *text, struct bdf *ret_bdf)
{
	uint32_t domain, bus, device, function;

	if (take_hex(&text, 4, 8, ':', &domain) || take_hex(&text, 2, 2, ':', &bus) ||
	    take_hex(&text, 2, 2, '.', &device) || take_hex(&text, 1, 1, '\0', &function))
		return -EINVAL;
	if (device > 0x1f || function > 7)
		return -EINVAL;
	*ret_bdf = (struct bdf){ domain, (uint8_t)bus, (uint8_t)device, (uint8_t)function };
	return 0;
}

const char *bdf_format(const struct bdf *bdf, char dst[static BDF_TEXT])
{
	snprintf(dst, BDF_TEXT, "%04x:%02x:%02x.%x", bdf->domain, bdf->bus, bdf->device & 0x1fu,
		 bdf->function & 7u);
	return dst;
}

static uint64_t bdf_order(const struct bdf *bdf)
{
	return (uint64_t)bdf->domain << 32 | (uint32_t)bdf->bus << 16 | (uint32_t)bdf->device << 8 |
	       bdf->function;
}

int bdf_compare(const struct bdf *a, const struct bdf *b)
{
	uint64_t x = bdf_order(a), y = bdf_order(b);

	return (x > y) - (x < y);
}

bool bdf_equal(const struct bdf *a, const struct bdf *b)
{
	return bdf_compare(a, b) == 0;
}
