// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/wire/flow.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC 0x70666b77 /* "pfkw" */

/* A receiver believes a jump of this much; more is damage that the checksum missed. */
#define JUMP_MAX (1ull << 32)

struct wire_header {
	uint32_t magic;
	uint32_t crc; /* over all the datagram, with this field 0 */
	uint16_t kind;
	uint16_t id;
	uint64_t number;
	uint64_t sent_ns;
} __attribute__((packed));

_Static_assert(sizeof(struct wire_header) == FLOW_PAYLOAD_MIN, "the header is the least datagram");

/* CRC-32C, bit by bit over a nibble: short, and fast enough for the lab's rates. */
static uint32_t crc32c(uint32_t crc, const uint8_t *data, size_t len)
{
	static const uint32_t table[16] = {
		0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
		0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
		0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
	};

	for (; len; len--, data++) {
		crc ^= *data;
		crc = crc >> 4 ^ table[crc & 0xf];
		crc = crc >> 4 ^ table[crc & 0xf];
	}
	return crc;
}

static uint32_t datagram_crc(struct wire_header header, const uint8_t *data, size_t len)
{
	uint32_t crc;

	header.crc = 0;
	crc = crc32c(~0u, (const uint8_t *)&header, sizeof(header));
	return ~crc32c(crc, data + sizeof(header), len - sizeof(header));
}

void flow_payload_build(uint8_t *data, size_t len, const struct flow_payload *payload)
{
	struct wire_header header = {
		.magic = htobe32(MAGIC),
		.kind = htobe16((uint16_t)payload->kind),
		.id = htobe16(payload->id),
		.number = htobe64(payload->number),
		.sent_ns = htobe64(payload->sent_ns),
	};

	for (size_t i = sizeof(header); i < len; i++)
		data[i] = (uint8_t)(i + payload->number);
	header.crc = htobe32(datagram_crc(header, data, len));
	memcpy(data, &header, sizeof(header));
}

int flow_payload_parse(const uint8_t *data, size_t len, struct flow_payload *ret_payload)
{
	struct wire_header header;
	uint16_t kind;

	if (len < sizeof(header) || len > FLOW_PAYLOAD_MAX)
		return -EPROTO;
	memcpy(&header, data, sizeof(header));
	if (be32toh(header.magic) != MAGIC)
		return -EPROTO;
	kind = be16toh(header.kind);
	if (be32toh(header.crc) != datagram_crc(header, data, len) ||
	    (kind != FLOW_ECHO && kind != FLOW_ONE_WAY))
		return -EBADMSG;
	*ret_payload = (struct flow_payload){
		.kind = (enum flow_kind)kind,
		.id = be16toh(header.id),
		.number = be64toh(header.number),
		.sent_ns = be64toh(header.sent_ns),
	};
	return 0;
}

struct flow *flow_new(bool sender)
{
	struct flow *flow = calloc(1, sizeof(*flow));

	if (flow)
		flow->sender = sender;
	return flow;
}

void flow_reset(struct flow *flow)
{
	uint64_t next = flow->next;
	bool sender = flow->sender;

	memset(flow, 0, sizeof(*flow));
	flow->sender = sender;
	flow->base = next;
	flow->next = next;
	flow->newest = next;
}

uint64_t flow_send(struct flow *flow, uint64_t now_ns)
{
	if (flow->next == flow->base)
		flow->first_ns = now_ns;
	flow->last_sent_ns = now_ns;
	return flow->next++;
}

static bool test_bit(const struct flow *flow, uint64_t number)
{
	uint64_t bit = number % FLOW_WINDOW;

	return flow->seen[bit / 64] >> bit % 64 & 1;
}

static void set_bit(struct flow *flow, uint64_t number)
{
	uint64_t bit = number % FLOW_WINDOW;

	flow->seen[bit / 64] |= 1ull << bit % 64;
}

static void clear_bit(struct flow *flow, uint64_t number)
{
	uint64_t bit = number % FLOW_WINDOW;

	flow->seen[bit / 64] &= ~(1ull << bit % 64);
}

/* Moves the window on, so that it ends with number; the bits it enters are stale. */
static void advance(struct flow *flow, uint64_t number)
{
	if (number - flow->newest >= FLOW_WINDOW) {
		memset(flow->seen, 0, sizeof(flow->seen));
	} else {
		for (uint64_t n = flow->newest; n <= number; n++)
			clear_bit(flow, n);
	}
	flow->newest = number + 1;
	if (!flow->sender)
		flow->next = number + 1;
}

static void close_gap(struct flow *flow, uint64_t now_ns)
{
	uint64_t start = flow->last_received_ns ? flow->last_received_ns : flow->first_ns;
	const struct flow_gap *longest = &flow->longest;

	if (now_ns - start > longest->end_ns - longest->start_ns)
		flow->longest = (struct flow_gap){ .start_ns = start, .end_ns = now_ns };
	flow->last_received_ns = now_ns;
}

/* The first time that this number is seen. */
static void receive_new(struct flow *flow, const struct flow_payload *payload, uint64_t now_ns)
{
	set_bit(flow, payload->number);
	flow->received++;
	close_gap(flow, now_ns);
	if (flow->sender)
		histogram_add(&flow->rtt, now_ns - payload->sent_ns);
}

static bool is_impossible(const struct flow *flow, const struct flow_payload *payload,
			  uint64_t now_ns)
{
	if (flow->sender)
		return payload->number >= flow->next || payload->sent_ns > now_ns;
	return payload->number >= flow->newest && payload->number - flow->newest > JUMP_MAX;
}

void flow_receive(struct flow *flow, const struct flow_payload *payload, uint64_t now_ns)
{
	uint64_t number = payload->number;

	if (is_impossible(flow, payload, now_ns)) {
		flow->corrupted++;
	} else if (number < flow->base) {
		flow->early++;
	} else if (number >= flow->newest) {
		if (!flow->sender && flow->received == 0)
			flow->first_ns = now_ns;
		advance(flow, number);
		receive_new(flow, payload, now_ns);
	} else if (flow->newest - number > FLOW_WINDOW) {
		flow->late++;
	} else if (test_bit(flow, number)) {
		flow->duplicated++;
	} else {
		flow->reordered++;
		receive_new(flow, payload, now_ns);
	}
}

void flow_receive_corrupted(struct flow *flow)
{
	flow->corrupted++;
}

uint64_t flow_sent(const struct flow *flow)
{
	return flow->next - flow->base;
}

uint64_t flow_lost(const struct flow *flow)
{
	return flow->newest - flow->base - flow->received;
}

uint64_t flow_pending(const struct flow *flow)
{
	return flow->next - flow->newest;
}

struct flow_gap flow_longest_gap(const struct flow *flow)
{
	struct flow_gap open = {
		.start_ns = flow->last_received_ns ? flow->last_received_ns : flow->first_ns,
		.end_ns = flow->last_sent_ns,
		.open = true,
	};

	if (open.end_ns > open.start_ns && flow_pending(flow) &&
	    open.end_ns - open.start_ns > flow->longest.end_ns - flow->longest.start_ns)
		return open;
	return flow->longest;
}
