// SPDX-License-Identifier: GPL-2.0-only
/*
 * A station whose peer says anything: the input is a row of frames (a length
 * byte, then so many bytes; lengths of 255 cut the cable's own framing), all
 * given to a station with a running account, which must stay consistent.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/fuzz/wire_mend.h"
#include "tests/lab/wire/station.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HOLDS(condition)          \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

static const struct frame_mac our_mac = { { 0x02, 0, 0, 0, 0, 1 } };

/* An Ethernet and VLAN header that comes through, so that more than that is fuzzed. */
static void send_frame(int fd, const uint8_t *data, uint32_t len)
{
	uint8_t out[4 + 14 + 255];
	uint32_t prefix = htonl(len + 12);

	memcpy(out, &prefix, 4);
	memcpy(out + 4, our_mac.bytes, 6);
	memcpy(out + 10, "\x52\x54\x00\x00\x00\x02", 6);
	memcpy(out + 16, data, len);
	wire_mend(out + 4, len + 12);
	send(fd, out, 16 + len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void feed(struct station *station, int fd, const uint8_t *data, size_t size)
{
	while (size > 1) {
		uint8_t len = data[0];

		data++;
		size--;
		if (len == 255) {
			send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
			return;
		}
		if (len > size)
			len = (uint8_t)size;
		send_frame(fd, data, len);
		HOLDS(station_poll(station) == 0);
		data += len;
		size -= len;
	}
}

static void check(const struct station *station)
{
	struct station_flow_info info;

	for (size_t i = 0; station_flow_info(station, i, &info) == 0; i++) {
		const struct flow *flow = info.flow;

		HOLDS(flow->received + flow_lost(flow) + flow_pending(flow) == flow_sent(flow));
		HOLDS(flow_longest_gap(flow).end_ns >= flow_longest_gap(flow).start_ns);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct station_config config = { .mac = our_mac };
	const struct station_flow_config receive = { .kind = STATION_RECEIVE, .id = 1, .port = 7 };
	struct station *station;
	int fds[2];

	HOLDS(station_open(&config, &station) == 0);
	HOLDS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	HOLDS(station_attach(station, fds[0]) == 0);
	HOLDS(station_add_address(station, 0, 0x0a000001) == 0);
	HOLDS(station_flow_start(station, &receive) == 0);
	feed(station, fds[1], data, size);
	HOLDS(station_poll(station) == 0);
	check(station);
	close(fds[1]);
	HOLDS(station_poll(station) == 0);
	HOLDS(!station_is_up(station));
	station_close(station);
	return 0;
}
