// SPDX-License-Identifier: GPL-2.0-only
/* Any bytes as a frame and as a flow's datagram; what was understood must hold together. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/wire_mend.h"
#include "tests/lab/wire/flow.h"
#include "tests/lab/wire/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HOLDS(condition)          \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

static void payload_lies_within(const struct frame *frame, const uint8_t *data, size_t size)
{
	if (!frame->payload_len)
		return;
	HOLDS(frame->payload >= data);
	HOLDS(frame->payload_len <= size);
	HOLDS(frame->payload + frame->payload_len <= data + size);
}

/* A UDP frame built from what was understood is understood as the same. */
static void udp_goes_round(const struct frame *frame)
{
	uint8_t data[FRAME_MAX];
	struct frame again;
	int len = frame_build_udp(data, sizeof(data), &frame->path, frame->payload,
				  frame->payload_len);

	if (len < 0)
		return;
	HOLDS(frame_parse(data, (size_t)len, &again) == 0);
	HOLDS(again.kind == FRAME_UDP && !again.checksum_bad);
	HOLDS(again.payload_len == frame->payload_len);
	HOLDS(again.path.vlan == frame->path.vlan && again.path.src_ip == frame->path.src_ip);
	HOLDS(!again.payload_len || memcmp(again.payload, frame->payload, again.payload_len) == 0);
}

static void echo_goes_round(const struct frame *frame)
{
	uint8_t data[FRAME_MAX];
	struct frame reply;
	int len = frame_build_icmp_echo_reply(data, sizeof(data), frame);

	if (len < 0)
		return;
	HOLDS(frame_parse(data, (size_t)len, &reply) == 0);
	HOLDS(reply.kind == FRAME_ICMP_ECHO_REPLY && !reply.checksum_bad);
	HOLDS(reply.path.dst_ip == frame->path.src_ip);
	HOLDS(reply.payload_len == frame->payload_len);
}

static void try_frame(const uint8_t *data, size_t size)
{
	struct frame frame;

	if (frame_parse(data, size, &frame) < 0)
		return;
	payload_lies_within(&frame, data, size);
	if (frame.kind == FRAME_UDP)
		udp_goes_round(&frame);
	if (frame.kind == FRAME_ICMP_ECHO)
		echo_goes_round(&frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct flow_payload payload;
	uint8_t *mended = malloc(size ? size : 1);

	HOLDS(mended);
	(void)flow_payload_parse(data, size, &payload);
	try_frame(data, size);
	memcpy(mended, data, size);
	wire_mend(mended, size);
	try_frame(mended, size);
	free(mended);
	return 0;
}
