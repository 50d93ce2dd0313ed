// SPDX-License-Identifier: GPL-2.0-only
#include <pthread.h>

#include "pfkeep/crc32c.h"

static uint32_t table[256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fill_table(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t crc = i;

		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
		table[i] = crc;
	}
}

uint32_t crc32c(const void *data, size_t len)
{
	const uint8_t *byte = data;
	uint32_t crc = ~0u;

	pthread_once(&once, fill_table);
	while (len--)
		crc = crc >> 8 ^ table[(crc ^ *byte++) & 0xff];
	return ~crc;
}
