/* SPDX-License-Identifier: GPL-2.0-only */
/* Chance hardly ever makes a right checksum, and what lies behind would go unfuzzed. */
#ifndef TESTS_FUZZ_WIRE_MEND_H
#define TESTS_FUZZ_WIRE_MEND_H

#include <stddef.h>
#include <stdint.h>

#include "tests/lab/wire/frame.h"

/* Makes the IPv4 header's checksum right, if the frame has room for a header. */
static inline void wire_mend(uint8_t *frame, size_t len)
{
	size_t at = len > 13 && frame[12] == 0x81 && frame[13] == 0 ? 18 : 14, header;
	uint16_t sum;

	if (len < at + 20)
		return;
	header = (size_t)(frame[at] & 0x0f) * 4;
	if (header < 20 || at + header > len)
		return;
	frame[at + 10] = frame[at + 11] = 0;
	sum = frame_checksum(frame + at, header, 0);
	frame[at + 10] = (uint8_t)(sum >> 8);
	frame[at + 11] = (uint8_t)sum;
}

#endif
