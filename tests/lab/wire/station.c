// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/wire/station.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "tests/lab/wire/station_priv.h"

#define NS_PER_S 1000000000ull

uint64_t station_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* A capture that fails ends; the station goes on, and its counts say why. */
static void capture(struct station *station, const uint8_t *frame, size_t len, uint64_t now_ns)
{
	int r;

	if (!station->pcap)
		return;
	r = pcap_write(station->pcap, frame, len, now_ns);
	station->counts.captured = pcap_frames(station->pcap);
	if (r == 0)
		return;
	station->counts.capture_error = r;
	pcap_close(station->pcap);
	station->pcap = NULL;
}

int station_send(struct station *station, const uint8_t *frame, size_t len)
{
	int r = link_send(station->link, frame, len);

	if (r == 0)
		capture(station, frame, len, station_now());
	return r;
}

bool station_has_address(const struct station *station, uint16_t vlan, uint32_t ip)
{
	for (size_t i = 0; i < station->n_addresses; i++) {
		if (station->addresses[i].ip == ip && station->addresses[i].vlan == vlan)
			return true;
	}
	return false;
}

static void answer_arp(struct station *station, const struct frame *request)
{
	struct frame_path path = frame_path_back(&request->path);
	uint8_t data[FRAME_MIN + 8];
	int len;

	path.src_mac = station->config.mac;
	len = frame_build_arp(data, sizeof(data), &path, true);
	if (len > 0 && station_send(station, data, (size_t)len) == 0)
		station->counts.arp_answered++;
}

static void answer_icmp(struct station *station, const struct frame *request)
{
	uint8_t data[FRAME_MAX];
	int len;

	if (request->checksum_bad) {
		station->counts.malformed++;
		return;
	}
	len = frame_build_icmp_echo_reply(data, sizeof(data), request);
	if (len > 0 && station_send(station, data, (size_t)len) == 0)
		station->counts.icmp_answered++;
}

static void dispatch(struct station *station, const struct frame *frame, uint64_t now_ns)
{
	const struct frame_path *path = &frame->path;
	bool to_us = frame_mac_equal(&path->dst_mac, &station->config.mac);

	if (frame->kind != FRAME_OTHER)
		neighbours_learn(&station->neighbours, path->vlan, path->src_ip, &path->src_mac,
				 now_ns);
	if (!to_us && !frame_mac_equal(&path->dst_mac, &frame_broadcast))
		return;
	if (!station_has_address(station, path->vlan, path->dst_ip)) {
		if (frame->kind == FRAME_UDP)
			station_flow_input(station, frame, now_ns);
		return;
	}
	if (frame->kind == FRAME_ARP_REQUEST)
		answer_arp(station, frame);
	else if (frame->kind == FRAME_ICMP_ECHO && to_us)
		answer_icmp(station, frame);
	else if (frame->kind == FRAME_UDP)
		station_flow_input(station, frame, now_ns);
}

static void on_frame(void *arg, const uint8_t *data, size_t len)
{
	struct station *station = arg;
	uint64_t now_ns = station_now();
	struct frame frame;

	capture(station, data, len, now_ns);
	if (station->config.on_frame)
		station->config.on_frame(station->config.arg, data, len, now_ns);
	if (frame_parse(data, len, &frame) < 0)
		station->counts.malformed++;
	else
		dispatch(station, &frame, now_ns);
}

static int watch(struct station *station, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(station->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int open_parts(struct station *station)
{
	const struct station_config *config = &station->config;
	int r;

	station->epoll = epoll_create1(EPOLL_CLOEXEC);
	station->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (station->epoll < 0 || station->timer < 0)
		return -errno;
	r = link_open(config->path, on_frame, station, &station->link);
	if (r < 0)
		return r;
	if (config->pcap_path) {
		r = pcap_open(config->pcap_path, config->pcap_max_bytes, &station->pcap);
		if (r < 0)
			return r;
	}
	r = watch(station, station->timer);
	return r < 0 ? r : watch(station, link_fd(station->link));
}

int station_open(const struct station_config *config, struct station **ret_station)
{
	struct station *station = calloc(1, sizeof(*station));
	int r;

	if (!station)
		return -ENOMEM;
	station->config = *config;
	if (!config->drain_ns)
		station->config.drain_ns = STATION_DRAIN_NS;
	station->epoll = -1;
	station->timer = -1;
	r = open_parts(station);
	if (r < 0) {
		station_close(station);
		return r;
	}
	station->config.path = NULL;
	station->config.pcap_path = NULL;
	*ret_station = station;
	return 0;
}

void station_close(struct station *station)
{
	if (!station)
		return;
	for (size_t i = 0; i < station->n_flows; i++) {
		free(station->flows[i]->flow);
		free(station->flows[i]);
	}
	link_close(station->link);
	pcap_close(station->pcap);
	if (station->timer >= 0)
		close(station->timer);
	if (station->epoll >= 0)
		close(station->epoll);
	free(station);
}

int station_attach(struct station *station, int fd)
{
	return link_attach(station->link, fd);
}

int station_fd(const struct station *station)
{
	return station->epoll;
}

bool station_is_up(const struct station *station)
{
	return link_is_up(station->link);
}

void station_arm(struct station *station)
{
	uint64_t due_ns = station_flow_run(station, station_now());
	struct itimerspec when = {
		.it_value = {
			.tv_sec = (time_t)(due_ns / NS_PER_S),
			.tv_nsec = (long)(due_ns % NS_PER_S),
		},
	};

	timerfd_settime(station->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

int station_poll(struct station *station)
{
	uint64_t expirations;
	int r;

	r = link_poll(station->link);
	if (r < 0)
		return r;
	/* What the timer was set for is looked at anyway. */
	if (read(station->timer, &expirations, sizeof(expirations)) < 0 && errno != EAGAIN)
		return -errno;
	station_arm(station);
	if (station->pcap)
		pcap_flush(station->pcap);
	return 0;
}

int station_add_address(struct station *station, uint16_t vlan, uint32_t ip)
{
	if (station_has_address(station, vlan, ip))
		return -EEXIST;
	if (station->n_addresses == STATION_ADDRESSES)
		return -ENOSPC;
	station->addresses[station->n_addresses++] = (struct station_address){ vlan, ip };
	return 0;
}

int station_neighbour(const struct station *station, uint16_t vlan, uint32_t ip,
		      struct frame_mac *ret_mac)
{
	const struct neighbour *neighbour = neighbours_find(&station->neighbours, vlan, ip);

	if (!neighbour)
		return -ENOENT;
	*ret_mac = neighbour->mac;
	return 0;
}

int station_neighbour_info(const struct station *station, size_t i, uint16_t *ret_vlan,
			   uint32_t *ret_ip, struct frame_mac *ret_mac)
{
	const struct neighbour *neighbour = &station->neighbours.list[i];

	if (i >= station->neighbours.n)
		return -ENOENT;
	*ret_vlan = neighbour->vlan;
	*ret_ip = neighbour->ip;
	*ret_mac = neighbour->mac;
	return 0;
}

struct station_counts station_counts(const struct station *station)
{
	struct station_counts counts = station->counts;

	counts.link = *link_counts(station->link);
	return counts;
}

struct frame_mac station_mac(const struct station *station)
{
	return station->config.mac;
}
