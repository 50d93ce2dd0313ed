// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/wire/report.h"

#include "tests/lab/wire/report_flow.h"

static void add_number(struct json_object *object, const char *key, uint64_t value)
{
	json_object_object_add(object, key, json_object_new_uint64(value));
}

static void add_text(struct json_object *object, const char *key, const char *text)
{
	json_object_object_add(object, key, json_object_new_string(text));
}

static void add_ip(struct json_object *object, const char *key, uint32_t ip)
{
	char text[FRAME_IP_TEXT];

	add_text(object, key, frame_ip_text(ip, text));
}

static void add_mac(struct json_object *object, const char *key, const struct frame_mac *mac)
{
	char text[FRAME_MAC_TEXT];

	add_text(object, key, frame_mac_text(mac, text));
}

/* Of a flow that a guest counts, only the sending is known here. */
static struct json_object *sending_only(const struct flow *flow)
{
	struct json_object *object = json_object_new_object();

	add_number(object, "sent", flow_sent(flow));
	return object;
}

static struct json_object *one_flow(const struct station_flow_info *info)
{
	static const char *const kinds[] = { "echo", "send", "receive" };
	static const char *const states[] = { "resolving", "running", "draining", "done" };
	const struct station_flow_config *config = &info->config;
	struct json_object *object;

	if (config->kind == STATION_SEND)
		object = sending_only(info->flow);
	else
		object = report_flow(info->flow, info->state == STATION_FLOW_DONE);
	add_number(object, "id", config->id);
	add_text(object, "kind", kinds[config->kind]);
	add_text(object, "state", states[info->state]);
	add_number(object, "vlan", config->vlan);
	add_ip(object, "src_ip", config->src_ip);
	add_ip(object, "dst_ip", config->dst_ip);
	add_mac(object, "dst_mac", &info->dst_mac);
	add_number(object, "port", config->port);
	add_number(object, "rate", config->rate);
	add_number(object, "size", config->size);
	add_number(object, "not_sent", info->not_sent);
	add_number(object, "sender_late_max_ns", info->late_max_ns);
	return object;
}

static struct json_object *flows(const struct station *station)
{
	struct json_object *array = json_object_new_array();
	struct station_flow_info info;

	for (size_t i = 0; station_flow_info(station, i, &info) == 0; i++)
		json_object_array_add(array, one_flow(&info));
	return array;
}

static struct json_object *neighbours(const struct station *station)
{
	struct json_object *array = json_object_new_array();
	struct frame_mac mac;
	uint16_t vlan;
	uint32_t ip;

	for (size_t i = 0; station_neighbour_info(station, i, &vlan, &ip, &mac) == 0; i++) {
		struct json_object *object = json_object_new_object();

		add_number(object, "vlan", vlan);
		add_ip(object, "ip", ip);
		add_mac(object, "mac", &mac);
		json_object_array_add(array, object);
	}
	return array;
}

static struct json_object *cable(const struct station *station)
{
	struct json_object *object = json_object_new_object();
	struct station_counts counts = station_counts(station);

	json_object_object_add(object, "up", json_object_new_boolean(station_is_up(station)));
	add_number(object, "connects", counts.link.connects);
	add_number(object, "disconnects", counts.link.disconnects);
	add_number(object, "protocol_errors", counts.link.protocol_errors);
	add_number(object, "sent", counts.link.sent);
	add_number(object, "received", counts.link.received);
	add_number(object, "refused", counts.link.refused);
	add_number(object, "malformed", counts.malformed);
	add_number(object, "arp_answered", counts.arp_answered);
	add_number(object, "icmp_answered", counts.icmp_answered);
	add_number(object, "stray", counts.stray);
	add_number(object, "captured", counts.captured);
	json_object_object_add(object, "capture_error", json_object_new_int(counts.capture_error));
	return object;
}

struct json_object *report_station(const struct station *station)
{
	struct json_object *object = json_object_new_object();
	struct frame_mac mac = station_mac(station);

	if (!object)
		return NULL;
	add_mac(object, "mac", &mac);
	add_number(object, "now_ns", station_now());
	json_object_object_add(object, "cable", cable(station));
	json_object_object_add(object, "flows", flows(station));
	json_object_object_add(object, "neighbours", neighbours(station));
	return object;
}
