// SPDX-License-Identifier: GPL-2.0-only
/* A station, end to end over its socket, against a guest that behaves as told. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/lab/wire/fake_guest.h"
#include "tests/lab/wire/report.h"
#include "tests/lab/wire/station.h"

#define OUR_IP	 0x0a000001
#define GUEST_IP 0x0a000002
#define PATIENCE (10 * 1000000000ull)

struct bench {
	struct station *station;
	struct fake_guest guest;
	char path[64];
	unsigned int heard;
};

static const struct frame_mac our_mac = { { 0x02, 0, 0, 0, 0, 1 } };

static void on_frame(void *arg, const uint8_t *frame, size_t len, uint64_t now_ns)
{
	struct bench *bench = arg;

	bench->heard++;
}

static struct bench *bench_new(bool listens)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	struct station_config config = {
		.mac = our_mac,
		.drain_ns = 500000000,
		.on_frame = on_frame,
		.arg = bench,
	};

	assert_non_null(bench);
	snprintf(bench->path, sizeof(bench->path), "/tmp/wire-test-%d.sock", (int)getpid());
	if (listens)
		config.path = bench->path;
	assert_int_equal(station_open(&config, &bench->station), 0);
	assert_int_equal(station_add_address(bench->station, 0, OUR_IP), 0);
	assert_int_equal(station_add_address(bench->station, 100, OUR_IP), 0);
	bench->guest.fd = -1;
	bench->guest.ip = GUEST_IP;
	bench->guest.mac = (struct frame_mac){ { 0x52, 0x54, 0, 0, 0, 2 } };
	return bench;
}

static int with_pair(void **state)
{
	struct bench *bench = bench_new(false);
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return -1;
	if (station_attach(bench->station, fds[0]) < 0)
		return -1;
	bench->guest.fd = fds[1];
	*state = bench;
	return 0;
}

static int with_listener(void **state)
{
	*state = bench_new(true);
	return 0;
}

static int end(void **state)
{
	struct bench *bench = *state;

	station_close(bench->station);
	assert_int_equal(access(bench->path, F_OK), -1);
	if (bench->guest.fd >= 0)
		close(bench->guest.fd);
	free(bench);
	return 0;
}

static void turn(struct bench *bench)
{
	struct pollfd fds[] = {
		{ .fd = station_fd(bench->station), .events = POLLIN },
		{ .fd = bench->guest.fd, .events = POLLIN },
	};

	assert_true(poll(fds, 2, 1000) >= 0);
	if (fds[0].revents)
		assert_int_equal(station_poll(bench->station), 0);
	if (fds[1].revents)
		fake_guest_poll(&bench->guest);
}

/* Turns the loop until the condition holds; fails the test if it doesn't come true. */
#define UNTIL(bench, condition)                                              \
	do {                                                                 \
		uint64_t deadline = station_now() + PATIENCE;                \
		while (!(condition)) {                                       \
			if (station_now() > deadline)                        \
				fail_msg("never came true: %s", #condition); \
			turn(bench);                                         \
		}                                                            \
	} while (0)

static struct station_flow_config echo_flow(uint32_t rate, uint64_t count)
{
	return (struct station_flow_config){
		.kind = STATION_ECHO,
		.id = 1,
		.src_ip = OUR_IP,
		.dst_ip = GUEST_IP,
		.rate = rate,
		.size = 200,
		.count = count,
	};
}

static struct station_flow_info info(struct bench *bench)
{
	struct station_flow_info info;

	assert_int_equal(station_flow_info(bench->station, 0, &info), 0);
	return info;
}

static const struct flow *run_flow(struct bench *bench, const struct station_flow_config *config)
{
	assert_int_equal(station_flow_start(bench->station, config), 0);
	UNTIL(bench, info(bench).state == STATION_FLOW_DONE);
	return info(bench).flow;
}

static void answers_arp_for_its_addresses_only(void **state)
{
	struct bench *bench = *state;
	struct frame_path ask = {
		.src_mac = bench->guest.mac,
		.dst_mac = frame_broadcast,
		.src_ip = GUEST_IP,
		.dst_ip = OUR_IP + 100,
	};
	uint8_t data[FRAME_MIN];

	frame_build_arp(data, sizeof(data), &ask, false);
	fake_guest_send(&bench->guest, data, sizeof(data));
	ask.dst_ip = OUR_IP;
	frame_build_arp(data, sizeof(data), &ask, false);
	fake_guest_send(&bench->guest, data, sizeof(data));
	UNTIL(bench, bench->guest.arp_replies);
	assert_true(frame_mac_equal(&bench->guest.told_mac, &our_mac));
	assert_int_equal(station_counts(bench->station).arp_answered, 1);
	assert_int_equal(bench->heard, 2);
}

static void answers_ping(void **state)
{
	struct bench *bench = *state;
	static const uint8_t ping[] = {
		0x02, 0x00, 0x00, 0x00, 0x00, 0x01, 0x52, 0x54, 0x00, 0x00, 0x00, 0x02,
		0x08, 0x00, 0x45, 0x00, 0x00, 0x20, 0x00, 0x01, 0x00, 0x00, 0x40, 0x01,
		0x66, 0xda, 0x0a, 0x00, 0x00, 0x02, 0x0a, 0x00, 0x00, 0x01, 0x08, 0x00,
		0x06, 0xf4, 0x12, 0x34, 0x00, 0x07, 0x70, 0x69, 0x6e, 0x67,
	};

	fake_guest_send(&bench->guest, ping, sizeof(ping));
	UNTIL(bench, bench->guest.icmp_replies);
	assert_int_equal(station_counts(bench->station).icmp_answered, 1);
}

static void learns_who_is_there_per_vlan(void **state)
{
	struct bench *bench = *state;
	struct frame_path ask = {
		.src_mac = bench->guest.mac,
		.dst_mac = frame_broadcast,
		.vlan = 100,
		.src_ip = GUEST_IP,
		.dst_ip = OUR_IP,
	};
	uint8_t data[FRAME_MIN + 8];
	struct frame_mac mac;
	int len = frame_build_arp(data, sizeof(data), &ask, false);

	bench->guest.vlan = 100;
	fake_guest_send(&bench->guest, data, (size_t)len);
	UNTIL(bench, bench->guest.arp_replies);
	assert_int_equal(station_neighbour(bench->station, 0, GUEST_IP, &mac), -ENOENT);
	assert_int_equal(station_neighbour(bench->station, 100, GUEST_IP, &mac), 0);
	assert_true(frame_mac_equal(&mac, &bench->guest.mac));
}

static void echo_flow_without_faults_loses_nothing(void **state)
{
	struct bench *bench = *state;
	struct station_flow_config config = echo_flow(2000, 500);
	uint64_t start = station_now();
	const struct flow *flow = run_flow(bench, &config);
	uint64_t took = station_now() - start;

	assert_int_equal(bench->guest.arp_requests, 1);
	assert_int_equal(flow_sent(flow), 500);
	assert_int_equal(flow->received, 500);
	assert_int_equal(flow_lost(flow) + flow_pending(flow), 0);
	assert_int_equal(flow->duplicated + flow->reordered + flow->corrupted, 0);
	assert_true(flow->rtt.min > 0 && flow->rtt.max < PATIENCE);
	/* 499 intervals of 0.5 ms: the rate was kept, not beaten */
	assert_true(took >= 249000000);
}

static void faults_of_the_path_are_counted_exactly(void **state)
{
	struct bench *bench = *state;
	struct station_flow_config config = echo_flow(5000, 1000);
	const struct flow *flow;

	/* every 7th lost; every 10th twice, unless lost; every 13th damaged, unless lost */
	bench->guest.drop_nth = 7;
	bench->guest.duplicate_nth = 10;
	bench->guest.corrupt_nth = 13;
	flow = run_flow(bench, &config);
	assert_int_equal(flow_sent(flow), 1000);
	/* 76 of 13, 10 of 91; 7 of 130, 1 of 910: the damaged ones that come twice */
	assert_int_equal(flow->corrupted, 76 - 10 + 7 - 1);
	/* 142 of 7; the damaged ones are lost, too */
	assert_int_equal(flow->received, 1000 - 142 - (76 - 10));
	assert_int_equal(flow_lost(flow) + flow_pending(flow), 142 + 76 - 10);
	/* 100 of 10, 14 of 70, and those that were damaged */
	assert_int_equal(flow->duplicated, 100 - 14 - (7 - 1));
	assert_int_equal(flow->reordered, 0);
}

static void swapped_answers_are_reordered_not_lost(void **state)
{
	struct bench *bench = *state;
	struct station_flow_config config = echo_flow(5000, 101);
	const struct flow *flow;

	bench->guest.swap_nth = 10;
	flow = run_flow(bench, &config);
	assert_int_equal(flow->received, 101);
	assert_int_equal(flow->reordered, 10);
	assert_int_equal(flow->duplicated, 0);
}

static void silence_of_the_guest_is_the_blackout(void **state)
{
	struct bench *bench = *state;
	struct station_flow_config config = echo_flow(1000, 0);
	uint64_t silent_from, silent_to;
	struct flow_gap gap;

	assert_int_equal(station_flow_start(bench->station, &config), 0);
	UNTIL(bench, info(bench).flow->received >= 50);
	bench->guest.silent = true;
	silent_from = station_now();
	UNTIL(bench, station_now() >= silent_from + 300000000);
	silent_to = station_now();
	bench->guest.silent = false;
	UNTIL(bench, flow_longest_gap(info(bench).flow).end_ns >= silent_to &&
			     !flow_longest_gap(info(bench).flow).open);
	assert_int_equal(station_flow_stop(bench->station, 1), 0);
	UNTIL(bench, info(bench).state == STATION_FLOW_DONE);
	gap = flow_longest_gap(info(bench).flow);
	assert_in_range(gap.end_ns - gap.start_ns, 295000000, 300000000 + PATIENCE);
	assert_true(gap.start_ns <= silent_from + 10000000);
	assert_true(flow_lost(info(bench).flow) > 100);
}

static void flow_on_a_vlan_reaches_it_and_no_other(void **state)
{
	struct bench *bench = *state;
	struct station_flow_config config = echo_flow(5000, 20);

	bench->guest.vlan = 100;
	config.vlan = 100;
	assert_int_equal(run_flow(bench, &config)->received, 20);
	assert_int_equal(station_flow_remove(bench->station, 1), 0);
	config.vlan = 0;
	config.dst_mac = bench->guest.mac;
	assert_int_equal(station_flow_start(bench->station, &config), 0);
	UNTIL(bench, info(bench).state == STATION_FLOW_DONE);
	assert_int_equal(info(bench).flow->received, 0);
	assert_int_equal(flow_pending(info(bench).flow), 20);
}

static void send_numbered(struct bench *bench, uint16_t vlan, uint64_t number)
{
	struct flow_payload payload = { FLOW_ONE_WAY, 9, number, 0 };
	struct frame_path path = {
		.src_mac = bench->guest.mac,
		.dst_mac = our_mac,
		.vlan = vlan,
		.src_ip = GUEST_IP,
		.dst_ip = OUR_IP,
		.src_port = 1234,
		.dst_port = 5000,
	};
	uint8_t datagram[64], data[FRAME_MAX];
	int len;

	flow_payload_build(datagram, sizeof(datagram), &payload);
	len = frame_build_udp(data, sizeof(data), &path, datagram, sizeof(datagram));
	fake_guest_send(&bench->guest, data, (size_t)len);
}

static void frames_that_a_guest_sends_are_counted(void **state)
{
	struct bench *bench = *state;
	const struct station_flow_config config = { .kind = STATION_RECEIVE,
						    .id = 9,
						    .port = 5000 };

	assert_int_equal(station_flow_start(bench->station, &config), 0);
	for (uint64_t i = 0; i < 10; i++) {
		if (i != 4)
			send_numbered(bench, 0, i);
	}
	send_numbered(bench, 0, 7);
	send_numbered(bench, 100, 4); /* another network's */
	UNTIL(bench, station_counts(bench->station).stray == 1);
	assert_int_equal(info(bench).flow->received, 9);
	assert_int_equal(flow_lost(info(bench).flow), 1);
	assert_int_equal(info(bench).flow->duplicated, 1);
}

static int connect_guest(struct bench *bench)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	memcpy(addr.sun_path, bench->path, strlen(bench->path));
	bench->guest.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bench->guest.input_len = 0;
	return connect(bench->guest.fd, (struct sockaddr *)&addr, sizeof(addr));
}

static void flow_survives_a_peer_that_goes_and_comes_back(void **state)
{
	struct bench *bench = *state;
	struct station_flow_config config = echo_flow(1000, 0);
	uint64_t received, sent;

	assert_int_equal(connect_guest(bench), 0);
	UNTIL(bench, station_is_up(bench->station));
	assert_int_equal(station_flow_start(bench->station, &config), 0);
	UNTIL(bench, info(bench).flow->received >= 20);

	close(bench->guest.fd);
	bench->guest.fd = -1;
	UNTIL(bench, !station_is_up(bench->station));
	sent = flow_sent(info(bench).flow);
	UNTIL(bench, info(bench).not_sent >= 20);
	assert_int_equal(flow_sent(info(bench).flow), sent);

	received = info(bench).flow->received;
	assert_int_equal(connect_guest(bench), 0);
	UNTIL(bench, info(bench).flow->received >= received + 20);
	assert_int_equal(station_counts(bench->station).link.connects, 2);
	assert_int_equal(station_counts(bench->station).link.disconnects, 1);
}

static void half_a_frame_of_a_peer_that_went_is_forgotten(void **state)
{
	struct bench *bench = *state;
	struct station_flow_config config = echo_flow(1000, 5);

	assert_int_equal(connect_guest(bench), 0);
	assert_int_equal(send(bench->guest.fd,
			      "\0\0\0\x3c"
			      "half",
			      8, 0),
			 8);
	UNTIL(bench, station_is_up(bench->station));
	close(bench->guest.fd);
	bench->guest.fd = -1;
	UNTIL(bench, !station_is_up(bench->station));
	assert_int_equal(connect_guest(bench), 0);
	assert_int_equal(run_flow(bench, &config)->received, 5);
	assert_int_equal(station_counts(bench->station).link.protocol_errors, 0);
}

static void second_peer_waits_for_the_first_to_go(void **state)
{
	struct bench *bench = *state;
	int first;

	assert_int_equal(connect_guest(bench), 0);
	UNTIL(bench, station_is_up(bench->station));
	first = bench->guest.fd;
	assert_int_equal(connect_guest(bench), 0);
	assert_int_equal(station_poll(bench->station), 0);
	assert_int_equal(station_counts(bench->station).link.connects, 1);
	close(first);
	UNTIL(bench, station_counts(bench->station).link.connects == 2);
	assert_true(station_is_up(bench->station));
}

static void impossible_length_drops_the_peer(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(send(bench->guest.fd, "\xff\xff\xff\xff....", 8, 0), 8);
	UNTIL(bench, !station_is_up(bench->station));
	assert_int_equal(station_counts(bench->station).link.protocol_errors, 1);
}

static void frame_that_comes_in_pieces_is_put_together(void **state)
{
	struct bench *bench = *state;
	struct frame_path ask = {
		.src_mac = bench->guest.mac,
		.dst_mac = frame_broadcast,
		.src_ip = GUEST_IP,
		.dst_ip = OUR_IP,
	};
	uint8_t data[4 + FRAME_MIN] = { 0, 0, 0, FRAME_MIN };

	frame_build_arp(data + 4, FRAME_MIN, &ask, false);
	for (size_t i = 0; i < sizeof(data); i++) {
		assert_int_equal(bench->heard, 0);
		assert_int_equal(send(bench->guest.fd, data + i, 1, 0), 1);
		assert_int_equal(station_poll(bench->station), 0);
	}
	assert_int_equal(bench->heard, 1);
	UNTIL(bench, bench->guest.arp_replies);
}

static void hostile_frames_are_counted_and_survived(void **state)
{
	struct bench *bench = *state;
	uint8_t data[FRAME_MAX];
	unsigned int seed = 1;
	int sent = 0;

	for (size_t len = 1; len < 2000; len += 3, sent++) {
		for (size_t i = 0; i < len; i++)
			data[i] = (uint8_t)rand_r(&seed);
		if (len > 40)
			memcpy(data + 12, "\x08\x00\x45", 3);
		fake_guest_send(&bench->guest, data, len);
		assert_int_equal(station_poll(bench->station), 0);
	}
	UNTIL(bench, (int)bench->heard == sent);
	assert_true(station_counts(bench->station).malformed > 600);
	assert_true(station_is_up(bench->station));
}

static void peer_that_does_not_read_costs_frames_not_memory(void **state)
{
	struct bench *bench = *state;
	uint8_t data[FRAME_MAX] = { 0 };
	int r = 0, sent = 0;

	while (r == 0 && sent < 10000) {
		r = station_send(bench->station, data, 1500);
		sent += r == 0;
	}
	assert_int_equal(r, -ENOBUFS);
	assert_int_equal(station_counts(bench->station).link.sent, sent);
	/* Once it reads again, what was queued comes whole. */
	bench->guest.silent = true;
	UNTIL(bench, station_send(bench->station, data, 1500) == 0);
	assert_int_equal(station_counts(bench->station).link.disconnects, 0);
}

static void bad_flows_are_refused(void **state)
{
	struct bench *bench = *state;
	struct station_flow_config config = echo_flow(1000, 1);

	config.rate = 0;
	assert_int_equal(station_flow_start(bench->station, &config), -ERANGE);
	config.rate = STATION_RATE_MAX + 1;
	assert_int_equal(station_flow_start(bench->station, &config), -ERANGE);
	config = echo_flow(1000, 1);
	config.size = FLOW_PAYLOAD_MIN - 1;
	assert_int_equal(station_flow_start(bench->station, &config), -ERANGE);
	config.size = FLOW_PAYLOAD_MAX + 1;
	assert_int_equal(station_flow_start(bench->station, &config), -ERANGE);
	config = echo_flow(1000, 1);
	config.id = 0;
	assert_int_equal(station_flow_start(bench->station, &config), -ERANGE);
	config = echo_flow(1000, 1);
	config.vlan = 7;
	assert_int_equal(station_flow_start(bench->station, &config), -EADDRNOTAVAIL);
	config = echo_flow(1000, 1);
	assert_int_equal(station_flow_start(bench->station, &config), 0);
	assert_int_equal(station_flow_start(bench->station, &config), -EEXIST);
	assert_int_equal(station_flow_stop(bench->station, 2), -ENOENT);
	assert_int_equal(station_flow_reset(bench->station, 2), -ENOENT);
	assert_int_equal(station_flow_remove(bench->station, 2), -ENOENT);
}

static void idle_station_does_not_wake_up(void **state)
{
	struct bench *bench = *state;
	struct station_flow_config config = echo_flow(1000, 5);
	struct pollfd fd = { .fd = station_fd(bench->station), .events = POLLIN };

	run_flow(bench, &config);
	assert_int_equal(station_poll(bench->station), 0);
	assert_int_equal(poll(&fd, 1, 50), 0);
}

static uint64_t number(struct json_object *object, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value))
		fail_msg("no '%s' in %s", key, json_object_to_json_string(object));
	return json_object_get_uint64(value);
}

static void report_tells_what_was_counted(void **state)
{
	struct bench *bench = *state;
	struct station_flow_config config = echo_flow(5000, 20);
	struct json_object *report, *flow;

	bench->guest.drop_nth = 20;
	run_flow(bench, &config);
	report = report_station(bench->station);
	assert_non_null(report);
	flow = json_object_array_get_idx(json_object_object_get(report, "flows"), 0);
	assert_int_equal(number(flow, "sent"), 20);
	assert_int_equal(number(flow, "received"), 19);
	assert_int_equal(number(flow, "lost"), 1);
	assert_int_equal(number(flow, "pending"), 0);
	assert_true(number(json_object_object_get(flow, "rtt_ns"), "p50") > 0);
	assert_true(number(json_object_object_get(flow, "blackout"), "ns") > 0);
	assert_string_equal(json_object_get_string(json_object_object_get(flow, "state")), "done");
	assert_int_equal(number(json_object_object_get(report, "cable"), "disconnects"), 0);
	json_object_put(report);
}

#define PAIR(name)     cmocka_unit_test_setup_teardown(name, with_pair, end)
#define LISTENER(name) cmocka_unit_test_setup_teardown(name, with_listener, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAIR(answers_arp_for_its_addresses_only),
		PAIR(answers_ping),
		PAIR(learns_who_is_there_per_vlan),
		PAIR(echo_flow_without_faults_loses_nothing),
		PAIR(faults_of_the_path_are_counted_exactly),
		PAIR(swapped_answers_are_reordered_not_lost),
		PAIR(silence_of_the_guest_is_the_blackout),
		PAIR(flow_on_a_vlan_reaches_it_and_no_other),
		PAIR(frames_that_a_guest_sends_are_counted),
		LISTENER(flow_survives_a_peer_that_goes_and_comes_back),
		LISTENER(half_a_frame_of_a_peer_that_went_is_forgotten),
		LISTENER(second_peer_waits_for_the_first_to_go),
		PAIR(impossible_length_drops_the_peer),
		PAIR(frame_that_comes_in_pieces_is_put_together),
		PAIR(hostile_frames_are_counted_and_survived),
		PAIR(peer_that_does_not_read_costs_frames_not_memory),
		PAIR(bad_flows_are_refused),
		PAIR(idle_station_does_not_wake_up),
		PAIR(report_tells_what_was_counted),
	};

	return cmocka_run_group_tests_name("wire_station", tests, NULL, NULL);
}
