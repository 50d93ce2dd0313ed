// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "pfkeep/uuid.h"

int uuid_parse(const char *text, char ret_uuid[static UUID_TEXT])
{
	char uuid[UUID_TEXT];
	int i;

	for (i = 0; i < UUID_TEXT - 1; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		char c = text[i];

		if (dash ? c != '-' : !c || !strchr("0123456789abcdefABCDEF", c))
			return -EINVAL;
		uuid[i] = (char)tolower((unsigned char)c);
	}
	if (text[i])
		return -EINVAL;
	uuid[i] = '\0';
	memcpy(ret_uuid, uuid, UUID_TEXT);
	return 0;
}

int uuid_random(char ret_uuid[static UUID_TEXT])
{
	uint8_t b[16];

	if (getrandom(b, sizeof(b), 0) != sizeof(b))
		return -errno;
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	snprintf(ret_uuid, UUID_TEXT,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
		 b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
		 b[15]);
	explicit_bzero(b, sizeof(b));
	return 0;
}
