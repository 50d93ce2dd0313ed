// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/wire/frame.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_ARP  0x0806
#define ETHERTYPE_VLAN 0x8100

#define ETH_HEADER  14
#define VLAN_HEADER 4
#define VLAN_ID	    0x0fff
#define ARP_SIZE    28
#define IPV4_HEADER 20
#define ICMP_HEADER 8
#define UDP_HEADER  8

#define IPV4_ICMP 1
#define IPV4_UDP  17
#define IPV4_MORE 0x2000 /* more fragments */
#define IPV4_OFF  0x1fff

#define ICMP_ECHO_REPLY 0
#define ICMP_ECHO	8

#define ARP_REQUEST 1
#define ARP_REPLY   2

const struct frame_mac frame_broadcast = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };

/* What is left of a frame; every read is checked against it. */
struct bytes {
	const uint8_t *data;
	size_t len;
};

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put16(uint8_t *p, uint16_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static void put32(uint8_t *p, uint32_t value)
{
	put16(p, (uint16_t)(value >> 16));
	put16(p + 2, (uint16_t)value);
}

/* Takes n bytes off the front, or returns NULL. */
static const uint8_t *take(struct bytes *bytes, size_t n)
{
	const uint8_t *p = bytes->data;

	if (bytes->len < n)
		return NULL;
	bytes->data += n;
	bytes->len -= n;
	return p;
}

/* The ones' complement sum of RFC 1071; sum is carried in from other parts. */
static uint32_t add_up(const uint8_t *data, size_t len, uint32_t sum)
{
	for (; len > 1; data += 2, len -= 2)
		sum += get16(data);
	if (len)
		sum += (uint32_t)data[0] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

uint16_t frame_checksum(const uint8_t *data, size_t len, uint32_t sum)
{
	return (uint16_t)~add_up(data, len, sum);
}

static uint32_t pseudo_header(const struct frame_path *path, uint8_t protocol, size_t len)
{
	uint8_t pseudo[12];

	put32(pseudo, path->src_ip);
	put32(pseudo + 4, path->dst_ip);
	pseudo[8] = 0;
	pseudo[9] = protocol;
	put16(pseudo + 10, (uint16_t)len);
	return add_up(pseudo, sizeof(pseudo), 0);
}

static int parse_arp(struct bytes bytes, struct frame *frame)
{
	const uint8_t *arp = take(&bytes, ARP_SIZE);
	uint16_t operation;

	if (!arp)
		return -EBADMSG;
	/* Ethernet, IPv4, and the sizes that belong to them */
	if (get16(arp) != 1 || get16(arp + 2) != ETHERTYPE_IPV4 || arp[4] != 6 || arp[5] != 4)
		return -EBADMSG;
	operation = get16(arp + 6);
	if (operation != ARP_REQUEST && operation != ARP_REPLY)
		return 0;
	frame->kind = operation == ARP_REQUEST ? FRAME_ARP_REQUEST : FRAME_ARP_REPLY;
	/* Who speaks is what ARP says, which a bridge may have sent on for another. */
	memcpy(frame->path.src_mac.bytes, arp + 8, FRAME_MAC_SIZE);
	frame->path.src_ip = get32(arp + 14);
	frame->path.dst_ip = get32(arp + 24);
	return 0;
}

static int parse_icmp(struct bytes bytes, struct frame *frame)
{
	const uint8_t *whole = bytes.data;
	size_t whole_len = bytes.len;
	const uint8_t *icmp = take(&bytes, ICMP_HEADER);

	if (!icmp)
		return -EBADMSG;
	if (icmp[1] != 0 || (icmp[0] != ICMP_ECHO && icmp[0] != ICMP_ECHO_REPLY))
		return 0;
	frame->kind = icmp[0] == ICMP_ECHO ? FRAME_ICMP_ECHO : FRAME_ICMP_ECHO_REPLY;
	frame->checksum_bad = frame_checksum(whole, whole_len, 0) != 0;
	frame->icmp_id_seq = get32(icmp + 4);
	frame->payload = bytes.data;
	frame->payload_len = bytes.len;
	return 0;
}

static int parse_udp(struct bytes bytes, struct frame *frame)
{
	const uint8_t *udp = take(&bytes, UDP_HEADER);
	size_t len;

	if (!udp)
		return -EBADMSG;
	len = get16(udp + 4);
	if (len < UDP_HEADER || len - UDP_HEADER > bytes.len)
		return -EBADMSG;
	frame->kind = FRAME_UDP;
	frame->path.src_port = get16(udp);
	frame->path.dst_port = get16(udp + 2);
	frame->payload = bytes.data;
	frame->payload_len = len - UDP_HEADER;
	/* 0 means that the sender made none */
	if (get16(udp + 6) != 0)
		frame->checksum_bad =
			frame_checksum(udp, len, pseudo_header(&frame->path, IPV4_UDP, len)) != 0;
	return 0;
}

static int parse_ipv4(struct bytes bytes, struct frame *frame)
{
	size_t header, total;
	const uint8_t *ip = bytes.data;

	if (bytes.len < IPV4_HEADER || ip[0] >> 4 != 4)
		return -EBADMSG;
	header = (size_t)(ip[0] & 0x0f) * 4;
	total = get16(ip + 2);
	if (header < IPV4_HEADER || total < header || total > bytes.len)
		return -EBADMSG;
	if (frame_checksum(ip, header, 0) != 0)
		return -EBADMSG;
	frame->kind = FRAME_IPV4_OTHER;
	frame->path.src_ip = get32(ip + 12);
	frame->path.dst_ip = get32(ip + 16);
	/* What follows total is the Ethernet padding. */
	bytes.len = total;
	take(&bytes, header);
	if (get16(ip + 6) & (IPV4_MORE | IPV4_OFF))
		return 0;
	if (ip[9] == IPV4_ICMP)
		return parse_icmp(bytes, frame);
	if (ip[9] == IPV4_UDP)
		return parse_udp(bytes, frame);
	return 0;
}

int frame_parse(const uint8_t *data, size_t len, struct frame *ret_frame)
{
	struct bytes bytes = { data, len };
	struct frame frame = { .kind = FRAME_OTHER };
	const uint8_t *eth = take(&bytes, ETH_HEADER), *vlan;
	int r = 0;

	if (!eth || len > FRAME_MAX)
		return -EBADMSG;
	memcpy(frame.path.dst_mac.bytes, eth, FRAME_MAC_SIZE);
	memcpy(frame.path.src_mac.bytes, eth + 6, FRAME_MAC_SIZE);
	frame.ethertype = get16(eth + 12);
	if (frame.ethertype == ETHERTYPE_VLAN) {
		vlan = take(&bytes, VLAN_HEADER);
		if (!vlan)
			return -EBADMSG;
		frame.path.vlan = get16(vlan) & VLAN_ID;
		frame.ethertype = get16(vlan + 2);
	}
	if (frame.ethertype == ETHERTYPE_ARP)
		r = parse_arp(bytes, &frame);
	else if (frame.ethertype == ETHERTYPE_IPV4)
		r = parse_ipv4(bytes, &frame);
	if (r < 0)
		return r;
	*ret_frame = frame;
	return 0;
}

static size_t put_ethernet(uint8_t *data, const struct frame_path *path, uint16_t ethertype)
{
	uint8_t *p = data + 12;

	memcpy(data, path->dst_mac.bytes, FRAME_MAC_SIZE);
	memcpy(data + 6, path->src_mac.bytes, FRAME_MAC_SIZE);
	if (path->vlan != FRAME_NO_VLAN) {
		put16(p, ETHERTYPE_VLAN);
		put16(p + 2, path->vlan & VLAN_ID);
		p += VLAN_HEADER;
	}
	put16(p, ethertype);
	return (size_t)(p + 2 - data);
}

static void put_ipv4(uint8_t *ip, const struct frame_path *path, uint8_t protocol, size_t len)
{
	memset(ip, 0, IPV4_HEADER);
	ip[0] = 0x45;
	put16(ip + 2, (uint16_t)(IPV4_HEADER + len));
	put16(ip + 6, 0x4000); /* don't fragment */
	ip[8] = 64;
	ip[9] = protocol;
	put32(ip + 12, path->src_ip);
	put32(ip + 16, path->dst_ip);
	put16(ip + 10, frame_checksum(ip, IPV4_HEADER, 0));
}

/* The frame's length with padding, or -EMSGSIZE if that is more than size. */
static int frame_size(size_t size, const struct frame_path *path, size_t inner)
{
	size_t len;

	if (inner > FRAME_MAX)
		return -EMSGSIZE;
	len = ETH_HEADER + (path->vlan != FRAME_NO_VLAN ? VLAN_HEADER : 0) + inner;
	if (len < FRAME_MIN)
		len = FRAME_MIN;
	return len <= size && len <= FRAME_MAX ? (int)len : -EMSGSIZE;
}

int frame_build_arp(uint8_t *data, size_t size, const struct frame_path *path, bool reply)
{
	int len = frame_size(size, path, ARP_SIZE);
	uint8_t *arp;

	if (len < 0)
		return len;
	memset(data, 0, (size_t)len);
	arp = data + put_ethernet(data, path, ETHERTYPE_ARP);
	put16(arp, 1);
	put16(arp + 2, ETHERTYPE_IPV4);
	arp[4] = FRAME_MAC_SIZE;
	arp[5] = 4;
	put16(arp + 6, reply ? ARP_REPLY : ARP_REQUEST);
	memcpy(arp + 8, path->src_mac.bytes, FRAME_MAC_SIZE);
	put32(arp + 14, path->src_ip);
	if (reply)
		memcpy(arp + 18, path->dst_mac.bytes, FRAME_MAC_SIZE);
	put32(arp + 24, path->dst_ip);
	return len;
}

int frame_build_udp(uint8_t *data, size_t size, const struct frame_path *path,
		    const uint8_t *payload, size_t payload_len)
{
	int len = frame_size(size, path, IPV4_HEADER + UDP_HEADER + payload_len);
	size_t udp_len = UDP_HEADER + payload_len;
	uint8_t *ip, *udp;
	uint16_t sum;

	if (len < 0)
		return len;
	memset(data, 0, (size_t)len);
	ip = data + put_ethernet(data, path, ETHERTYPE_IPV4);
	put_ipv4(ip, path, IPV4_UDP, udp_len);
	udp = ip + IPV4_HEADER;
	put16(udp, path->src_port);
	put16(udp + 2, path->dst_port);
	put16(udp + 4, (uint16_t)udp_len);
	memcpy(udp + UDP_HEADER, payload, payload_len);
	sum = frame_checksum(udp, udp_len, pseudo_header(path, IPV4_UDP, udp_len));
	put16(udp + 6, sum ? sum : 0xffff);
	return len;
}

int frame_build_icmp_echo_reply(uint8_t *data, size_t size, const struct frame *request)
{
	struct frame_path path = frame_path_back(&request->path);
	size_t icmp_len = ICMP_HEADER + request->payload_len;
	int len = frame_size(size, &path, IPV4_HEADER + icmp_len);
	uint8_t *ip, *icmp;

	if (len < 0)
		return len;
	memset(data, 0, (size_t)len);
	ip = data + put_ethernet(data, &path, ETHERTYPE_IPV4);
	put_ipv4(ip, &path, IPV4_ICMP, icmp_len);
	icmp = ip + IPV4_HEADER;
	icmp[0] = ICMP_ECHO_REPLY;
	put32(icmp + 4, request->icmp_id_seq);
	memcpy(icmp + ICMP_HEADER, request->payload, request->payload_len);
	put16(icmp + 2, frame_checksum(icmp, icmp_len, 0));
	return len;
}

struct frame_path frame_path_back(const struct frame_path *path)
{
	return (struct frame_path){
		.src_mac = path->dst_mac,
		.dst_mac = path->src_mac,
		.vlan = path->vlan,
		.src_ip = path->dst_ip,
		.dst_ip = path->src_ip,
		.src_port = path->dst_port,
		.dst_port = path->src_port,
	};
}

bool frame_mac_equal(const struct frame_mac *a, const struct frame_mac *b)
{
	return memcmp(a->bytes, b->bytes, FRAME_MAC_SIZE) == 0;
}

bool frame_mac_is_zero(const struct frame_mac *mac)
{
	static const struct frame_mac zero;

	return frame_mac_equal(mac, &zero);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -EINVAL;
}

int frame_mac_parse(const char *text, struct frame_mac *ret_mac)
{
	struct frame_mac mac;

	for (int i = 0; i < FRAME_MAC_SIZE; i++, text += 3) {
		int high = hex_digit(text[0]);
		int low = high < 0 ? high : hex_digit(text[1]);

		if (low < 0 || text[2] != (i == FRAME_MAC_SIZE - 1 ? '\0' : ':'))
			return -EINVAL;
		mac.bytes[i] = (uint8_t)(high << 4 | low);
	}
	*ret_mac = mac;
	return 0;
}

int frame_ip_parse(const char *text, uint32_t *ret_ip)
{
	struct in_addr addr;

	if (inet_pton(AF_INET, text, &addr) != 1)
		return -EINVAL;
	*ret_ip = ntohl(addr.s_addr);
	return 0;
}

const char *frame_mac_text(const struct frame_mac *mac, char text[FRAME_MAC_TEXT])
{
	const uint8_t *b = mac->bytes;

	snprintf(text, FRAME_MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3],
		 b[4], b[5]);
	return text;
}

const char *frame_ip_text(uint32_t ip, char text[FRAME_IP_TEXT])
{
	snprintf(text, FRAME_IP_TEXT, "%u.%u.%u.%u", ip >> 24, ip >> 16 & 0xff, ip >> 8 & 0xff,
		 ip & 0xff);
	return text;
}
