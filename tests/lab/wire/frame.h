/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ethernet frames as the lab's wire sees them: 802.1Q, ARP, IPv4, ICMP echo and
 * UDP. Parsing takes any bytes: a frame is either understood, well formed but
 * not of interest (FRAME_OTHER), or refused; nothing is read beyond its end.
 */
#ifndef TESTS_LAB_WIRE_FRAME_H
#define TESTS_LAB_WIRE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAC_SIZE 6
#define FRAME_MIN      60 /* without the FCS, which QEMU doesn't carry */
#define FRAME_MAX      9216
#define FRAME_NO_VLAN  0

struct frame_mac {
	uint8_t bytes[FRAME_MAC_SIZE];
};

/* Addresses and ports in host byte order. */
struct frame_path {
	struct frame_mac src_mac;
	struct frame_mac dst_mac;
	uint16_t vlan; /* FRAME_NO_VLAN: untagged */
	uint32_t src_ip;
	uint32_t dst_ip;
	uint16_t src_port;
	uint16_t dst_port;
};

enum frame_kind {
	FRAME_OTHER,
	FRAME_ARP_REQUEST,
	FRAME_ARP_REPLY,
	FRAME_ICMP_ECHO,
	FRAME_ICMP_ECHO_REPLY,
	FRAME_UDP,
	FRAME_IPV4_OTHER, /* other protocols, and fragments */
};

struct frame {
	enum frame_kind kind;
	struct frame_path path; /* for ARP, the sender's and target's addresses */
	uint16_t ethertype;
	bool checksum_bad;	/* of ICMP or UDP; a bad IPv4 header is refused */
	const uint8_t *payload; /* of ICMP echo (after id and number) and UDP */
	size_t payload_len;
	uint32_t icmp_id_seq;
};

/* -EBADMSG if malformed. *ret_frame points into data. */
int frame_parse(const uint8_t *data, size_t len, struct frame *ret_frame);

/* Builders return the frame's length, or -EMSGSIZE if it doesn't fit into size. */
int frame_build_arp(uint8_t *data, size_t size, const struct frame_path *path, bool reply);
int frame_build_udp(uint8_t *data, size_t size, const struct frame_path *path,
		    const uint8_t *payload, size_t payload_len);
int frame_build_icmp_echo_reply(uint8_t *data, size_t size, const struct frame *request);

/* The path that an answer takes. */
struct frame_path frame_path_back(const struct frame_path *path);

uint16_t frame_checksum(const uint8_t *data, size_t len, uint32_t sum);

extern const struct frame_mac frame_broadcast;

bool frame_mac_equal(const struct frame_mac *a, const struct frame_mac *b);
bool frame_mac_is_zero(const struct frame_mac *mac);

/* "52:54:00:12:34:56" and "10.0.0.1"; the parsers return -EINVAL for anything else. */
int frame_mac_parse(const char *text, struct frame_mac *ret_mac);
int frame_ip_parse(const char *text, uint32_t *ret_ip);

#define FRAME_MAC_TEXT 18
#define FRAME_IP_TEXT  16
const char *frame_mac_text(const struct frame_mac *mac, char text[FRAME_MAC_TEXT]);
const char *frame_ip_text(uint32_t ip, char text[FRAME_IP_TEXT]);

#endif
