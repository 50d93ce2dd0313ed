// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/labd/cable.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/lab/wire/report.h"
#include "tests/lab/wire/station.h"

/* 10.77.PF.1 */
#define CABLE_IP(pf)   (0x0a4d0001u + ((uint32_t)(pf) << 8))
#define CABLE_PCAP_MAX (256ull << 20)

static int flow_state(struct cables *cables, unsigned int pf, unsigned int id)
{
	struct station_flow_info info;

	for (size_t i = 0; station_flow_info(cables->cable[pf].station, i, &info) == 0; i++)
		if (info.config.id == id)
			return (int)info.state;
	return -ENOENT;
}

/* Answer those whose flow has ended (or was removed). */
static void cables_answer(struct cables *cables)
{
	for (int i = 0; i < CABLE_WAITERS; i++) {
		struct cable_waiter *waiter = &cables->waiters[i];
		struct ctl_client *client = waiter->client;

		if (!client)
			continue;
		if (client->generation != waiter->generation) {
			waiter->client = NULL;
			continue;
		}
		switch (flow_state(cables, waiter->pf, waiter->flow)) {
		case STATION_FLOW_DONE:
			waiter->client = NULL;
			ctl_reply(client, report_station(cables->cable[waiter->pf].station));
			break;
		case -ENOENT:
			waiter->client = NULL;
			ctl_fail(client, "wire: flow %u was removed", waiter->flow);
			break;
		}
	}
}

static void cable_event(struct loop_source *src, uint32_t events)
{
	struct cables *cables = src->data;

	for (unsigned int i = 0; i < cables->n; i++)
		if (&cables->cable[i].src == src)
			station_poll(cables->cable[i].station);
	cables_answer(cables);
}

static int cable_open(struct cables *cables, unsigned int pf, const struct rundir *dir)
{
	struct cable *cable = &cables->cable[pf];
	char path[64], pcap[PATH_MAX + 32];
	struct station_config config = {
		.path = path,
		.mac = { { 0x52, 0x54, 0x00, 0x77, (uint8_t)pf, 0x01 } },
		.pcap_path = pcap,
		.pcap_max_bytes = CABLE_PCAP_MAX,
	};
	int err;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/wire.%u.sock", dir->fd, pf);
	snprintf(pcap, sizeof(pcap), "%s/wire.%u.pcap", dir->path, pf);
	err = station_open(&config, &cable->station);
	if (err)
		return err;
	err = station_add_address(cable->station, FRAME_NO_VLAN, CABLE_IP(pf));
	cable->src = (struct loop_source){ station_fd(cable->station), EPOLLIN, cable_event, cables,
					   false };
	return err ? err : loop_watch(cables->loop, &cable->src);
}

int cables_open(struct loop *loop, struct cables *cables, const struct lab_spec *spec,
		const struct rundir *dir, struct lab_error *ret_error)
{
	int err = 0;

	cables->loop = loop;
	cables->n = spec->n_pfs;
	for (unsigned int i = 0; !err && i < spec->n_pfs; i++) {
		if (!lab_pf_has_wire(spec->pfs[i]))
			continue;
		err = cable_open(cables, i, dir);
		if (err)
			lab_error_set(ret_error, "the cable of PF %u: %s", i, strerror(-err));
	}
	return err;
}

void cables_close(struct cables *cables)
{
	for (unsigned int i = 0; i < cables->n; i++) {
		if (!cables->cable[i].station)
			continue;
		loop_unwatch(cables->loop, &cables->cable[i].src);
		station_close(cables->cable[i].station);
		cables->cable[i].station = NULL;
	}
}

/* A number of the request within [min, max]; absent: the fallback. */
static int get_number(json_object *request, const char *key, int64_t min, int64_t max,
		      int64_t fallback, struct lab_error *ret_error, int64_t *ret_value)
{
	if (!json_object_object_get_ex(request, key, NULL)) {
		*ret_value = fallback;
		return 0;
	}
	*ret_value = jsonline_int(request, key, min - 1);
	if (*ret_value >= min && *ret_value <= max)
		return 0;
	lab_error_set(ret_error, "wire: %s must be a number from %lld to %lld", key, (long long)min,
		      (long long)max);
	return -EINVAL;
}

static int get_ip(json_object *request, const char *key, uint32_t fallback,
		  struct lab_error *ret_error, uint32_t *ret_ip)
{
	const char *text = jsonline_string(request, key, NULL);

	*ret_ip = fallback;
	if (!text || frame_ip_parse(text, ret_ip) == 0)
		return 0;
	lab_error_set(ret_error, "wire: %s %.40s: not an IPv4 address", key, text);
	return -EINVAL;
}

static int get_kind(json_object *request, enum station_flow_kind *ret_kind,
		    struct lab_error *ret_error)
{
	static const char *const kinds[] = { "echo", "send", "receive" };
	const char *text = jsonline_string(request, "kind", "echo");

	for (int i = 0; i < 3; i++) {
		if (strcmp(text, kinds[i]) == 0) {
			*ret_kind = (enum station_flow_kind)i;
			return 0;
		}
	}
	lab_error_set(ret_error, "wire: kind %.40s: must be echo, send or receive", text);
	return -EINVAL;
}

static int get_flow(json_object *request, unsigned int pf, struct station_flow_config *config,
		    struct lab_error *ret_error)
{
	const char *mac = jsonline_string(request, "mac", NULL);
	int64_t id, vlan, port, rate, size, count;

	if (get_kind(request, &config->kind, ret_error) < 0 ||
	    get_number(request, "id", 1, 9999, 1, ret_error, &id) < 0 ||
	    get_number(request, "vlan", 0, 4094, 0, ret_error, &vlan) < 0 ||
	    get_number(request, "port", 1, 65535, FLOW_ECHO_PORT, ret_error, &port) < 0 ||
	    get_number(request, "rate", 1, STATION_RATE_MAX, 100, ret_error, &rate) < 0 ||
	    get_number(request, "size", FLOW_PAYLOAD_MIN, FLOW_PAYLOAD_MAX, 64, ret_error, &size) <
		    0 ||
	    get_number(request, "count", 0, INT64_MAX - 1, 0, ret_error, &count) < 0 ||
	    get_ip(request, "dst", 0, ret_error, &config->dst_ip) < 0 ||
	    get_ip(request, "src", config->kind == STATION_RECEIVE ? 0 : CABLE_IP(pf), ret_error,
		   &config->src_ip) < 0)
		return -EINVAL;
	if (mac && frame_mac_parse(mac, &config->dst_mac) < 0) {
		lab_error_set(ret_error, "wire: mac %.40s: not a MAC address", mac);
		return -EINVAL;
	}
	if (config->kind != STATION_RECEIVE && !config->dst_ip) {
		lab_error_set(ret_error, "wire: dst is needed, the guest's IPv4 address");
		return -EINVAL;
	}
	config->id = (uint16_t)id;
	config->vlan = (uint16_t)vlan;
	config->port = (uint16_t)port;
	config->rate = (uint32_t)rate;
	config->size = (uint32_t)size;
	config->count = (uint64_t)count;
	return 0;
}

static int flow_error(int err, unsigned int id, struct lab_error *ret_error)
{
	if (err == -EEXIST)
		lab_error_set(ret_error, "wire: flow %u is there already: remove it first", id);
	else if (err == -ENOENT)
		lab_error_set(ret_error, "wire: there is no flow %u", id);
	else if (err)
		lab_error_set(ret_error, "wire: flow %u: %s", id, strerror(-err));
	return err;
}

static int action_send(struct station *station, unsigned int pf, json_object *request,
		       struct lab_error *ret_error)
{
	struct station_flow_config config = { 0 };
	int err;

	err = get_flow(request, pf, &config, ret_error);
	if (err)
		return err;
	/* Our own address is there on every VLAN that is asked for. */
	if (config.src_ip == CABLE_IP(pf)) {
		err = station_add_address(station, config.vlan, config.src_ip);
		if (err && err != -EEXIST)
			return flow_error(err, config.id, ret_error);
	}
	return flow_error(station_flow_start(station, &config), config.id, ret_error);
}

static int action_address(struct station *station, unsigned int pf, json_object *request,
			  struct lab_error *ret_error)
{
	int64_t vlan;
	uint32_t ip;
	int err;

	if (get_ip(request, "ip", CABLE_IP(pf), ret_error, &ip) < 0 ||
	    get_number(request, "vlan", 0, 4094, 0, ret_error, &vlan) < 0)
		return -EINVAL;
	err = station_add_address(station, (uint16_t)vlan, ip);
	if (err)
		lab_error_set(ret_error, "wire: address: %s", strerror(-err));
	return err;
}

static int flow_action(int (*act)(struct station *station, uint16_t id), struct station *station,
		       json_object *request, struct lab_error *ret_error)
{
	int64_t id;

	if (get_number(request, "id", 1, 9999, 1, ret_error, &id) < 0)
		return -EINVAL;
	return flow_error(act(station, (uint16_t)id), (unsigned int)id, ret_error);
}

static int action_stop(struct station *station, unsigned int pf, json_object *request,
		       struct lab_error *ret_error)
{
	return flow_action(station_flow_stop, station, request, ret_error);
}

static int action_reset(struct station *station, unsigned int pf, json_object *request,
			struct lab_error *ret_error)
{
	return flow_action(station_flow_reset, station, request, ret_error);
}

static int action_remove(struct station *station, unsigned int pf, json_object *request,
			 struct lab_error *ret_error)
{
	return flow_action(station_flow_remove, station, request, ret_error);
}

static int action_stats(struct station *station, unsigned int pf, json_object *request,
			struct lab_error *ret_error)
{
	return 0;
}

static const struct {
	const char *name;
	int (*act)(struct station *station, unsigned int pf, json_object *request,
		   struct lab_error *ret_error);
} actions[] = {
	{ "stats", action_stats }, { "send", action_send },	{ "stop", action_stop },
	{ "reset", action_reset }, { "remove", action_remove }, { "address", action_address },
};

/* Answered by cables_answer(), at once if the flow has ended already. */
static void wait_flow(struct cables *cables, unsigned int pf, struct ctl_client *client,
		      json_object *request)
{
	struct lab_error error;
	int64_t id;

	if (get_number(request, "id", 1, 9999, 1, &error, &id) < 0) {
		ctl_fail(client, "%s", error.text);
		return;
	}
	for (int i = 0; i < CABLE_WAITERS; i++) {
		struct cable_waiter *waiter = &cables->waiters[i];

		if (waiter->client && waiter->client->generation == waiter->generation)
			continue;
		waiter->client = client;
		waiter->generation = client->generation;
		waiter->pf = pf;
		waiter->flow = (unsigned int)id;
		cables_answer(cables);
		return;
	}
	ctl_fail(client, "wire: too many wait already");
}

static void run_action(struct cables *cables, unsigned int pf, struct ctl_client *client,
		       json_object *request)
{
	const char *action = jsonline_string(request, "action", "");
	struct station *station = cables->cable[pf].station;
	struct lab_error error;

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(action, actions[i].name) != 0)
			continue;
		if (actions[i].act(station, pf, request, &error) < 0)
			ctl_fail(client, "%s", error.text);
		else
			ctl_reply(client, report_station(station));
		cables_answer(cables);
		return;
	}
	ctl_fail(client, "wire: unknown action %.40s", action);
}

void cables_request(struct cables *cables, struct ctl_client *client, json_object *request)
{
	int64_t pf = jsonline_int(request, "pf", 0);

	if (pf < 0 || pf >= cables->n)
		ctl_fail(client, "wire: there is no PF %lld", (long long)pf);
	else if (!cables->cable[pf].station)
		ctl_fail(client, "wire: PF %lld has no cable", (long long)pf);
	else if (strcmp(jsonline_string(request, "action", ""), "wait") == 0)
		wait_flow(cables, (unsigned int)pf, client, request);
	else
		run_action(cables, (unsigned int)pf, client, request);
}
