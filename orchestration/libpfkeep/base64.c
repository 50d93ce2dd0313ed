// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pfkeep/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int sextet(char c)
{
	const char *at = c ? strchr(alphabet, c) : NULL;

	return at ? (int)(at - alphabet) : -1;
}

/* Four characters, of which pad are '=', into 3 - pad bytes. */
static int decode_quad(const char *text, int pad, char *dst)
{
	uint32_t bits = 0;

	for (int i = 0; i < 4; i++) {
		int value = i < 4 - pad ? sextet(text[i]) : 0;

		if (value < 0)
			return -EINVAL;
		bits = bits << 6 | (uint32_t)value;
	}
	/* Bits that the padding hides must be zero: one text for one value. */
	if (bits & ((1u << 8 * pad) - 1))
		return -EINVAL;
	for (int i = 0; i < 3 - pad; i++)
		dst[i] = (char)(bits >> (16 - 8 * i));
	return 0;
}

int base64_decode(const char *text, size_t max, char **ret_data, size_t *ret_len)
{
	size_t n = strlen(text), len = 0;
	char *data;

	if (n % 4)
		return -EINVAL;
	if (n / 4 * 3 > max)
		return -EFBIG;
	data = malloc(n / 4 * 3 + 1);
	if (!data)
		return -ENOMEM;
	for (size_t i = 0; i < n; i += 4) {
		bool last = i + 4 == n;
		int pad = !last || text[i + 3] != '=' ? 0 : text[i + 2] != '=' ? 1 : 2;

		if (decode_quad(text + i, pad, data + len)) {
			free(data);
			return -EINVAL;
		}
		len += (size_t)(3 - pad);
	}
	data[len] = '\0';
	*ret_data = data;
	*ret_len = len;
	return 0;
}

int base64_encode(const void *data, size_t len, char **ret_text)
{
	const uint8_t *byte = data;
	char *text = malloc((len + 2) / 3 * 4 + 1), *at = text;

	if (!text)
		return -ENOMEM;
	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		uint32_t bits = (uint32_t)byte[i] << 16 |
				(left > 1 ? (uint32_t)byte[i + 1] << 8 : 0) |
				(left > 2 ? byte[i + 2] : 0);

		*at++ = alphabet[bits >> 18];
		*at++ = alphabet[bits >> 12 & 63];
		*at++ = left > 1 ? alphabet[bits >> 6 & 63] : '=';
		*at++ = left > 2 ? alphabet[bits & 63] : '=';
	}
	*at = '\0';
	*ret_text = text;
	return 0;
}
