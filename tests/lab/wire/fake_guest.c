// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/wire/fake_guest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

void fake_guest_send(struct fake_guest *guest, const uint8_t *frame, size_t len)
{
	uint8_t data[4 + FRAME_MAX];
	uint32_t prefix = htonl((uint32_t)len);

	memcpy(data, &prefix, 4);
	memcpy(data + 4, frame, len);
	send(guest->fd, data, 4 + len, MSG_NOSIGNAL);
}

static bool is_nth(unsigned int count, unsigned int nth)
{
	return nth && count % nth == 0;
}

static void send_echo(struct fake_guest *guest, const uint8_t *frame, size_t len)
{
	if (is_nth(guest->echoed, guest->swap_nth) && !guest->held_len) {
		memcpy(guest->held, frame, len);
		guest->held_len = len;
		return;
	}
	fake_guest_send(guest, frame, len);
	if (is_nth(guest->echoed, guest->duplicate_nth))
		fake_guest_send(guest, frame, len);
	if (guest->held_len) {
		fake_guest_send(guest, guest->held, guest->held_len);
		guest->held_len = 0;
	}
}

static void echo(struct fake_guest *guest, const struct frame *frame)
{
	struct frame_path back = frame_path_back(&frame->path);
	uint8_t data[FRAME_MAX];
	int len = frame_build_udp(data, sizeof(data), &back, frame->payload, frame->payload_len);

	guest->echoed++;
	if (len < 0 || is_nth(guest->echoed, guest->drop_nth))
		return;
	if (is_nth(guest->echoed, guest->corrupt_nth))
		data[len - 1] ^= 0xff;
	send_echo(guest, data, (size_t)len);
}

static void answer_arp(struct fake_guest *guest, const struct frame *request)
{
	struct frame_path back = frame_path_back(&request->path);
	uint8_t data[FRAME_MAX];
	int len;

	guest->arp_requests++;
	back.src_mac = guest->mac;
	len = frame_build_arp(data, sizeof(data), &back, true);
	fake_guest_send(guest, data, (size_t)len);
}

static void take(struct fake_guest *guest, const uint8_t *data, size_t len)
{
	struct frame frame;

	if (frame_parse(data, len, &frame) < 0 || guest->silent || frame.path.vlan != guest->vlan)
		return;
	if (frame.kind == FRAME_ARP_REQUEST && frame.path.dst_ip == guest->ip)
		answer_arp(guest, &frame);
	if (frame.kind == FRAME_ARP_REPLY) {
		guest->arp_replies++;
		guest->told_mac = frame.path.src_mac;
	}
	if (frame.kind == FRAME_ICMP_ECHO_REPLY && !frame.checksum_bad)
		guest->icmp_replies++;
	if (frame.kind == FRAME_UDP && frame_mac_equal(&frame.path.dst_mac, &guest->mac))
		echo(guest, &frame);
}

bool fake_guest_poll(struct fake_guest *guest)
{
	ssize_t n = recv(guest->fd, guest->input + guest->input_len,
			 sizeof(guest->input) - guest->input_len, MSG_DONTWAIT);
	size_t at = 0;
	uint32_t len;

	if (n < 0)
		return errno == EAGAIN;
	if (n == 0)
		return false;
	guest->input_len += (size_t)n;
	while (guest->input_len - at >= 4) {
		memcpy(&len, guest->input + at, 4);
		len = ntohl(len);
		if (guest->input_len - at - 4 < len)
			break;
		take(guest, guest->input + at + 4, len);
		at += 4 + len;
	}
	guest->input_len -= at;
	memmove(guest->input, guest->input + at, guest->input_len);
	return true;
}
