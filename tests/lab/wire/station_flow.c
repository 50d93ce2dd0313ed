// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lab/wire/station_priv.h"

#define NS_PER_S 1000000000ull
#define BURST	 64 /* frames a flow may send at once to catch up */
#define NEVER	 UINT64_MAX

static size_t find(const struct station *station, uint16_t id)
{
	size_t i = 0;

	while (i < station->n_flows && station->flows[i]->config.id != id)
		i++;
	return i;
}

static uint16_t our_port(const struct station_flow *flow)
{
	if (flow->config.kind == STATION_RECEIVE)
		return flow->config.port;
	return (uint16_t)(STATION_FLOW_PORT + flow->config.id);
}

static int check_config(const struct station *station, const struct station_flow_config *config)
{
	bool sends = config->kind != STATION_RECEIVE;

	if (config->id == 0 || config->id > UINT16_MAX - STATION_FLOW_PORT)
		return -ERANGE;
	if (sends && (config->rate == 0 || config->rate > STATION_RATE_MAX))
		return -ERANGE;
	if (sends && (config->size < FLOW_PAYLOAD_MIN || config->size > FLOW_PAYLOAD_MAX))
		return -ERANGE;
	if (sends && !station_has_address(station, config->vlan, config->src_ip))
		return -EADDRNOTAVAIL;
	if (find(station, config->id) < station->n_flows)
		return -EEXIST;
	return station->n_flows == STATION_FLOWS ? -ENOSPC : 0;
}

int station_flow_start(struct station *station, const struct station_flow_config *config)
{
	struct station_flow *flow;
	int r = check_config(station, config);

	if (r < 0)
		return r;
	flow = calloc(1, sizeof(*flow));
	if (!flow)
		return -ENOMEM;
	flow->flow = flow_new(config->kind != STATION_RECEIVE);
	if (!flow->flow) {
		free(flow);
		return -ENOMEM;
	}
	flow->config = *config;
	if (config->port == 0)
		flow->config.port = FLOW_ECHO_PORT;
	flow->state = STATION_FLOW_RUNNING;
	if (config->kind == STATION_RECEIVE) {
		flow->due_ns = NEVER;
	} else {
		flow->interval_ns = NS_PER_S / config->rate;
		flow->due_ns = station_now();
		if (frame_mac_is_zero(&config->dst_mac))
			flow->state = STATION_FLOW_RESOLVING;
	}
	station->flows[station->n_flows++] = flow;
	station_arm(station);
	return 0;
}

static void drain(struct station *station, struct station_flow *flow, uint64_t now_ns)
{
	flow->state = STATION_FLOW_DRAINING;
	flow->due_ns = now_ns + station->config.drain_ns;
}

int station_flow_stop(struct station *station, uint16_t id)
{
	size_t i = find(station, id);

	if (i == station->n_flows)
		return -ENOENT;
	if (station->flows[i]->state < STATION_FLOW_DRAINING)
		drain(station, station->flows[i], station_now());
	station_arm(station);
	return 0;
}

int station_flow_reset(struct station *station, uint16_t id)
{
	size_t i = find(station, id);

	if (i == station->n_flows)
		return -ENOENT;
	flow_reset(station->flows[i]->flow);
	station->flows[i]->not_sent = 0;
	station->flows[i]->late_max_ns = 0;
	return 0;
}

int station_flow_remove(struct station *station, uint16_t id)
{
	size_t i = find(station, id);

	if (i == station->n_flows)
		return -ENOENT;
	free(station->flows[i]->flow);
	free(station->flows[i]);
	station->flows[i] = station->flows[--station->n_flows];
	return 0;
}

static struct frame_path path_of(const struct station *station, const struct station_flow *flow)
{
	const struct station_flow_config *config = &flow->config;
	struct frame_path path = {
		.src_mac = station->config.mac,
		.dst_mac = config->dst_mac,
		.vlan = config->vlan,
		.src_ip = config->src_ip,
		.dst_ip = config->dst_ip,
		.src_port = our_port(flow),
		.dst_port = config->port,
	};

	/* Looked up each time: a tenant may come back with another MAC. */
	if (frame_mac_is_zero(&path.dst_mac))
		station_neighbour(station, config->vlan, config->dst_ip, &path.dst_mac);
	return path;
}

static void ask(struct station *station, struct station_flow *flow, uint64_t now_ns)
{
	struct frame_path path = path_of(station, flow);
	uint8_t data[FRAME_MIN + 8];
	int len;

	if (!frame_mac_is_zero(&path.dst_mac)) {
		flow->state = STATION_FLOW_RUNNING;
		flow->due_ns = now_ns;
		return;
	}
	if (flow->due_ns > now_ns)
		return;
	path.dst_mac = frame_broadcast;
	len = frame_build_arp(data, sizeof(data), &path, false);
	if (len > 0)
		station_send(station, data, (size_t)len);
	flow->due_ns = now_ns + NS_PER_S;
}

static void send_one(struct station *station, struct station_flow *flow, uint64_t now_ns)
{
	struct flow_payload payload = {
		.kind = flow->config.kind == STATION_ECHO ? FLOW_ECHO : FLOW_ONE_WAY,
		.id = flow->config.id,
		.number = flow->flow->next,
		.sent_ns = now_ns,
	};
	struct frame_path path = path_of(station, flow);
	uint8_t data[FRAME_MAX], datagram[FLOW_PAYLOAD_MAX];
	int len;

	if (!station_is_up(station)) {
		flow->not_sent++;
		return;
	}
	flow_payload_build(datagram, flow->config.size, &payload);
	len = frame_build_udp(data, sizeof(data), &path, datagram, flow->config.size);
	if (len < 0 || station_send(station, data, (size_t)len) < 0) {
		flow->not_sent++;
		return;
	}
	flow_send(flow->flow, now_ns);
	flow->sent++;
}

static bool is_all_sent(const struct station_flow *flow)
{
	return flow->config.count && flow->sent >= flow->config.count;
}

static void send_due(struct station *station, struct station_flow *flow)
{
	uint64_t now_ns = station_now(), missed;

	for (int i = 0; i < BURST && flow->due_ns <= now_ns && !is_all_sent(flow); i++) {
		if (now_ns - flow->due_ns > flow->late_max_ns)
			flow->late_max_ns = now_ns - flow->due_ns;
		send_one(station, flow, now_ns);
		flow->due_ns += flow->interval_ns;
		now_ns = station_now();
	}
	if (is_all_sent(flow)) {
		drain(station, flow, now_ns);
	} else if (flow->due_ns <= now_ns) {
		/* A greater burst would measure queues, not the path. */
		missed = (now_ns - flow->due_ns) / flow->interval_ns + 1;
		flow->not_sent += missed;
		flow->due_ns += missed * flow->interval_ns;
	}
}

static void check_drained(struct station_flow *flow, uint64_t now_ns)
{
	bool complete = flow->config.kind == STATION_ECHO && !flow_pending(flow->flow) &&
			!flow_lost(flow->flow);

	if (complete || flow->due_ns <= now_ns) {
		flow->state = STATION_FLOW_DONE;
		flow->due_ns = NEVER;
	}
}

uint64_t station_flow_run(struct station *station, uint64_t now_ns)
{
	uint64_t due_ns = NEVER;

	for (size_t i = 0; i < station->n_flows; i++) {
		struct station_flow *flow = station->flows[i];

		if (flow->state == STATION_FLOW_RESOLVING)
			ask(station, flow, now_ns);
		if (flow->state == STATION_FLOW_RUNNING && flow->due_ns <= now_ns)
			send_due(station, flow);
		if (flow->state == STATION_FLOW_DRAINING)
			check_drained(flow, now_ns);
		if (flow->due_ns < due_ns)
			due_ns = flow->due_ns;
	}
	return due_ns == NEVER ? 0 : due_ns;
}

static bool is_for(const struct station_flow *flow, const struct frame_path *path)
{
	const struct station_flow_config *config = &flow->config;

	if (path->vlan != config->vlan || path->dst_port != our_port(flow))
		return false;
	if (config->kind == STATION_RECEIVE)
		return (!config->dst_ip || path->src_ip == config->dst_ip) &&
		       (!config->src_ip || path->dst_ip == config->src_ip);
	return config->kind == STATION_ECHO && path->src_ip == config->dst_ip &&
	       path->dst_ip == config->src_ip && path->src_port == config->port;
}

static void take(struct station_flow *flow, const struct flow_payload *payload, uint64_t now_ns)
{
	if (flow->state == STATION_FLOW_DONE)
		flow->flow->late++;
	else
		flow_receive(flow->flow, payload, now_ns);
}

/* Addresses and ports say whose it is even if the datagram is damaged. */
void station_flow_input(struct station *station, const struct frame *frame, uint64_t now_ns)
{
	struct flow_payload payload;
	int r = flow_payload_parse(frame->payload, frame->payload_len, &payload);
	bool damaged = r < 0 || frame->checksum_bad;

	for (size_t i = 0; i < station->n_flows; i++) {
		struct station_flow *flow = station->flows[i];
		bool echo = flow->config.kind == STATION_ECHO;

		if (!is_for(flow, &frame->path))
			continue;
		if (damaged) {
			flow_receive_corrupted(flow->flow);
			return;
		}
		if (payload.id != flow->config.id || echo != (payload.kind == FLOW_ECHO))
			continue;
		take(flow, &payload, now_ns);
		return;
	}
	if (r != -EPROTO)
		station->counts.stray++;
}

int station_flow_info(const struct station *station, size_t i, struct station_flow_info *ret_info)
{
	const struct station_flow *flow;

	if (i >= station->n_flows)
		return -ENOENT;
	flow = station->flows[i];
	*ret_info = (struct station_flow_info){
		.config = flow->config,
		.dst_mac = path_of(station, flow).dst_mac,
		.state = flow->state,
		.not_sent = flow->not_sent,
		.late_max_ns = flow->late_max_ns,
		.flow = flow->flow,
	};
	return 0;
}
