// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lab/wire/frame.h"

static const struct frame_path path = {
	.src_mac = { { 0x52, 0x54, 0, 0, 0, 1 } },
	.dst_mac = { { 0x52, 0x54, 0, 0, 0, 2 } },
	.src_ip = 0x0a000001,
	.dst_ip = 0x0a000002,
	.src_port = 20001,
	.dst_port = 7777,
};

/* "ping" from 10.0.0.1 to 10.0.0.2, written out by hand; tshark finds both sums right. */
static const uint8_t ping[] = {
	0x52, 0x54, 0x00, 0x00, 0x00, 0x02, 0x52, 0x54, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x45,
	0x00, 0x00, 0x20, 0x00, 0x01, 0x00, 0x00, 0x40, 0x01, 0x66, 0xda, 0x0a, 0x00, 0x00, 0x01,
	0x0a, 0x00, 0x00, 0x02, 0x08, 0x00, 0x06, 0xf4, 0x12, 0x34, 0x00, 0x07, 0x70, 0x69, 0x6e,
	0x67, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
};

/* On the heap and no longer than len, so that the sanitizer sees any read beyond. */
static int parse(const uint8_t *data, size_t len, struct frame *ret_frame)
{
	uint8_t *copy = malloc(len ? len : 1);
	int r;

	assert_non_null(copy);
	memcpy(copy, data, len);
	r = frame_parse(copy, len, ret_frame);
	if (r == 0)
		ret_frame->payload = NULL;
	free(copy);
	return r;
}

static void assert_path(const struct frame_path *a, const struct frame_path *b)
{
	assert_true(frame_mac_equal(&a->src_mac, &b->src_mac));
	assert_true(frame_mac_equal(&a->dst_mac, &b->dst_mac));
	assert_int_equal(a->vlan, b->vlan);
	assert_int_equal(a->src_ip, b->src_ip);
	assert_int_equal(a->dst_ip, b->dst_ip);
	assert_int_equal(a->src_port, b->src_port);
	assert_int_equal(a->dst_port, b->dst_port);
}

static void checksum_follows_rfc_1071(void **state)
{
	const uint8_t data[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };

	assert_int_equal(frame_checksum(data, sizeof(data), 0), (uint16_t)~0xddf2);
	assert_int_equal(frame_checksum(data, 1, 0), 0xffff);
	assert_int_equal(frame_checksum((const uint8_t[]){ 0x12 }, 1, 0), (uint16_t)~0x1200);
}

static void udp_comes_back_as_built(void **state)
{
	uint8_t data[FRAME_MAX];
	struct frame frame;
	int len = frame_build_udp(data, sizeof(data), &path, (const uint8_t *)"hello", 5);

	assert_int_equal(len, FRAME_MIN);
	assert_int_equal(frame_parse(data, (size_t)len, &frame), 0);
	assert_int_equal(frame.kind, FRAME_UDP);
	assert_false(frame.checksum_bad);
	assert_path(&frame.path, &path);
	assert_int_equal(frame.payload_len, 5);
	assert_memory_equal(frame.payload, "hello", 5);
}

static void vlan_tag_comes_back_as_built(void **state)
{
	struct frame_path tagged = path;
	uint8_t data[FRAME_MAX], payload[100] = { 1, 2, 3 };
	struct frame frame;
	int len;

	tagged.vlan = 100;
	len = frame_build_udp(data, sizeof(data), &tagged, payload, sizeof(payload));
	assert_int_equal(len, 14 + 4 + 20 + 8 + 100);
	assert_memory_equal(data + 12, "\x81\x00\x00\x64\x08\x00", 6);
	assert_int_equal(frame_parse(data, (size_t)len, &frame), 0);
	assert_path(&frame.path, &tagged);
}

static void priority_bits_are_no_vlan(void **state)
{
	struct frame_path tagged = path;
	uint8_t data[FRAME_MAX];
	struct frame frame;
	int len;

	tagged.vlan = 5;
	len = frame_build_udp(data, sizeof(data), &tagged, (const uint8_t *)"x", 1);
	data[14] = 0xe0;
	assert_int_equal(frame_parse(data, (size_t)len, &frame), 0);
	assert_int_equal(frame.path.vlan, 5);
}

static void arp_request_and_reply_come_back_as_built(void **state)
{
	uint8_t data[FRAME_MAX];
	struct frame frame;

	assert_int_equal(frame_build_arp(data, sizeof(data), &path, false), FRAME_MIN);
	assert_int_equal(frame_parse(data, FRAME_MIN, &frame), 0);
	assert_int_equal(frame.kind, FRAME_ARP_REQUEST);
	assert_int_equal(frame.path.src_ip, path.src_ip);
	assert_int_equal(frame.path.dst_ip, path.dst_ip);
	assert_memory_equal(data + 32, "\0\0\0\0\0\0", 6); /* the MAC that is asked for */

	assert_int_equal(frame_build_arp(data, sizeof(data), &path, true), FRAME_MIN);
	assert_int_equal(frame_parse(data, FRAME_MIN, &frame), 0);
	assert_int_equal(frame.kind, FRAME_ARP_REPLY);
	assert_true(frame_mac_equal(&frame.path.src_mac, &path.src_mac));
	assert_memory_equal(data + 32, path.dst_mac.bytes, 6);
}

static void echo_reply_answers_a_real_ping(void **state)
{
	uint8_t data[FRAME_MAX];
	struct frame request, reply;
	int len;

	assert_int_equal(frame_parse(ping, sizeof(ping), &request), 0);
	assert_int_equal(request.kind, FRAME_ICMP_ECHO);
	assert_false(request.checksum_bad);
	assert_int_equal(request.payload_len, 4);
	len = frame_build_icmp_echo_reply(data, sizeof(data), &request);
	assert_int_equal(frame_parse(data, (size_t)len, &reply), 0);
	assert_int_equal(reply.kind, FRAME_ICMP_ECHO_REPLY);
	assert_false(reply.checksum_bad);
	assert_int_equal(reply.icmp_id_seq, 0x12340007);
	assert_int_equal(reply.path.dst_ip, request.path.src_ip);
	assert_memory_equal(reply.payload, "ping", 4);
}

static void damaged_payload_is_a_bad_checksum(void **state)
{
	uint8_t data[FRAME_MAX];
	struct frame frame;
	int len = frame_build_udp(data, sizeof(data), &path, (const uint8_t *)"hello", 5);

	data[42] ^= 1;
	assert_int_equal(frame_parse(data, (size_t)len, &frame), 0);
	assert_true(frame.checksum_bad);
	memcpy(data, ping, sizeof(ping));
	data[44] ^= 0x80;
	assert_int_equal(frame_parse(data, sizeof(ping), &frame), 0);
	assert_true(frame.checksum_bad);
}

static void udp_without_checksum_is_taken(void **state)
{
	uint8_t data[FRAME_MAX];
	struct frame frame;
	int len = frame_build_udp(data, sizeof(data), &path, (const uint8_t *)"hello", 5);

	data[40] = data[41] = 0;
	data[42] ^= 1;
	assert_int_equal(frame_parse(data, (size_t)len, &frame), 0);
	assert_false(frame.checksum_bad);
}

/* 0 on the wire means "none": a sum that comes out as 0 is sent as 0xffff. */
static void udp_checksum_is_never_sent_as_none(void **state)
{
	uint8_t data[FRAME_MAX], payload[2];
	unsigned int all_ones = 0;
	struct frame frame;

	for (unsigned int i = 0; i < 0x10000; i++) {
		int len;

		payload[0] = (uint8_t)(i >> 8);
		payload[1] = (uint8_t)i;
		len = frame_build_udp(data, sizeof(data), &path, payload, sizeof(payload));
		assert_true(data[40] || data[41]);
		all_ones += data[40] == 0xff && data[41] == 0xff;
		assert_int_equal(frame_parse(data, (size_t)len, &frame), 0);
		assert_false(frame.checksum_bad);
	}
	assert_true(all_ones > 0);
}

static void every_cut_of_a_frame_is_refused_or_understood(void **state)
{
	struct frame_path tagged = path;
	uint8_t data[FRAME_MAX], payload[64] = { 0 };
	struct frame frame;
	int len;

	tagged.vlan = 100;
	len = frame_build_udp(data, sizeof(data), &tagged, payload, sizeof(payload));
	for (size_t cut = 0; cut < (size_t)len; cut++)
		assert_int_equal(parse(data, cut, &frame), -EBADMSG);
	assert_int_equal(parse(data, (size_t)len, &frame), 0);
	for (size_t cut = 0; cut < 46; cut++)
		assert_int_equal(parse(ping, cut, &frame), -EBADMSG);
	assert_int_equal(parse(ping, 46, &frame), 0);
}

/* Changes one byte of a frame (with the IPv4 checksum made right again) and parses it. */
static int parse_changed(const uint8_t *data, size_t len, size_t at, uint8_t value)
{
	uint8_t copy[FRAME_MAX];
	struct frame frame;
	uint16_t sum;

	memcpy(copy, data, len);
	copy[at] = value;
	copy[24] = copy[25] = 0;
	sum = frame_checksum(copy + 14, 20, 0);
	copy[24] = (uint8_t)(sum >> 8);
	copy[25] = (uint8_t)sum;
	return parse(copy, len, &frame);
}

static void lengths_that_lie_are_refused(void **state)
{
	uint8_t data[FRAME_MAX];
	int len = frame_build_udp(data, sizeof(data), &path, (const uint8_t *)"hello", 5);
	size_t size = (size_t)len;

	assert_int_equal(parse_changed(data, size, 26, data[26]), 0);
	assert_int_equal(parse_changed(data, size, 14, 0x65), -EBADMSG); /* version 6 */
	assert_int_equal(parse_changed(data, size, 14, 0x44), -EBADMSG); /* header of 16 bytes */
	assert_int_equal(parse_changed(data, size, 16, 0xff), -EBADMSG); /* longer than the frame */
	assert_int_equal(parse_changed(data, size, 17, 19), -EBADMSG); /* shorter than its header */
	assert_int_equal(parse_changed(data, size, 17, 27), -EBADMSG); /* no room for UDP's */
	assert_int_equal(parse_changed(data, size, 38, 0xff), -EBADMSG); /* UDP beyond IPv4 */
	assert_int_equal(parse_changed(data, size, 39, 7), -EBADMSG);  /* less than UDP's header */
	assert_int_equal(parse_changed(data, size, 39, 14), -EBADMSG); /* one byte of padding */
}

static void bad_ipv4_header_checksum_is_refused(void **state)
{
	uint8_t data[sizeof(ping)];
	struct frame frame;

	memcpy(data, ping, sizeof(ping));
	data[22]--;
	assert_int_equal(parse(data, sizeof(data), &frame), -EBADMSG);
}

static void arp_of_other_sizes_is_refused(void **state)
{
	uint8_t data[FRAME_MAX];
	struct frame frame;

	for (size_t at = 14; at < 20; at++) {
		frame_build_arp(data, sizeof(data), &path, false);
		data[at] ^= 0x40;
		assert_int_equal(parse(data, FRAME_MIN, &frame), -EBADMSG);
	}
	frame_build_arp(data, sizeof(data), &path, false);
	data[21] = 9;
	assert_int_equal(parse(data, FRAME_MIN, &frame), 0);
	assert_int_equal(frame.kind, FRAME_OTHER);
}

static void fragments_and_other_protocols_are_left_alone(void **state)
{
	uint8_t data[FRAME_MAX];
	struct frame frame;
	int len = frame_build_udp(data, sizeof(data), &path, (const uint8_t *)"hello", 5);

	for (int i = 0; i < 2; i++) {
		uint8_t copy[FRAME_MAX];
		uint16_t sum;

		memcpy(copy, data, (size_t)len);
		if (i)
			copy[20] = 0x20; /* more fragments */
		else
			copy[23] = 6; /* TCP */
		copy[24] = copy[25] = 0;
		sum = frame_checksum(copy + 14, 20, 0);
		copy[24] = (uint8_t)(sum >> 8);
		copy[25] = (uint8_t)sum;
		assert_int_equal(frame_parse(copy, (size_t)len, &frame), 0);
		assert_int_equal(frame.kind, FRAME_IPV4_OTHER);
	}
	data[12] = 0x86;
	data[13] = 0xdd; /* IPv6 */
	assert_int_equal(frame_parse(data, (size_t)len, &frame), 0);
	assert_int_equal(frame.kind, FRAME_OTHER);
}

static void builders_refuse_what_does_not_fit(void **state)
{
	static uint8_t payload[FRAME_MAX];
	uint8_t data[FRAME_MAX];
	struct frame request;

	assert_int_equal(frame_build_arp(data, FRAME_MIN - 1, &path, false), -EMSGSIZE);
	assert_int_equal(frame_build_udp(data, 100, &path, payload, 59), -EMSGSIZE);
	assert_int_equal(frame_build_udp(data, 100, &path, payload, 58), 100);
	assert_int_equal(frame_build_udp(data, sizeof(data), &path, payload, FRAME_MAX - 41),
			 -EMSGSIZE);
	assert_int_equal(frame_build_udp(data, sizeof(data), &path, payload, SIZE_MAX - 60),
			 -EMSGSIZE);
	assert_int_equal(frame_parse(ping, sizeof(ping), &request), 0);
	assert_int_equal(frame_build_icmp_echo_reply(data, 59, &request), -EMSGSIZE);
}

static void addresses_are_read_strictly(void **state)
{
	struct frame_mac mac;
	char text[FRAME_MAC_TEXT], ip_text[FRAME_IP_TEXT];
	uint32_t ip;

	assert_int_equal(frame_mac_parse("52:54:00:aB:cd:0f", &mac), 0);
	assert_string_equal(frame_mac_text(&mac, text), "52:54:00:ab:cd:0f");
	assert_int_equal(frame_mac_parse("52:54:00:ab:cd", &mac), -EINVAL);
	assert_int_equal(frame_mac_parse("52:54:00:ab:cd:0f:", &mac), -EINVAL);
	assert_int_equal(frame_mac_parse("52:54:00:ab:cd:0", &mac), -EINVAL);
	assert_int_equal(frame_mac_parse("5:54:00:ab:cd:0f0", &mac), -EINVAL);
	assert_int_equal(frame_mac_parse("", &mac), -EINVAL);
	assert_int_equal(frame_ip_parse("10.0.0.254", &ip), 0);
	assert_string_equal(frame_ip_text(ip, ip_text), "10.0.0.254");
	assert_int_equal(frame_ip_parse("10.0.0", &ip), -EINVAL);
	assert_int_equal(frame_ip_parse("10.0.0.256", &ip), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checksum_follows_rfc_1071),
		cmocka_unit_test(udp_comes_back_as_built),
		cmocka_unit_test(vlan_tag_comes_back_as_built),
		cmocka_unit_test(priority_bits_are_no_vlan),
		cmocka_unit_test(arp_request_and_reply_come_back_as_built),
		cmocka_unit_test(echo_reply_answers_a_real_ping),
		cmocka_unit_test(damaged_payload_is_a_bad_checksum),
		cmocka_unit_test(udp_without_checksum_is_taken),
		cmocka_unit_test(udp_checksum_is_never_sent_as_none),
		cmocka_unit_test(every_cut_of_a_frame_is_refused_or_understood),
		cmocka_unit_test(lengths_that_lie_are_refused),
		cmocka_unit_test(bad_ipv4_header_checksum_is_refused),
		cmocka_unit_test(arp_of_other_sizes_is_refused),
		cmocka_unit_test(fragments_and_other_protocols_are_left_alone),
		cmocka_unit_test(builders_refuse_what_does_not_fit),
		cmocka_unit_test(addresses_are_read_strictly),
	};

	return cmocka_run_group_tests_name("wire_frame", tests, NULL, NULL);
}
