// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/wire/report_flow.h"

static void add_number(struct json_object *object, const char *key, uint64_t value)
{
	json_object_object_add(object, key, json_object_new_uint64(value));
}

static struct json_object *round_trips(const struct histogram *rtt)
{
	struct json_object *object = json_object_new_object();

	add_number(object, "min", rtt->min);
	add_number(object, "p50", histogram_permille(rtt, 500));
	add_number(object, "p90", histogram_permille(rtt, 900));
	add_number(object, "p99", histogram_permille(rtt, 990));
	add_number(object, "max", rtt->max);
	return object;
}

static struct json_object *blackout(const struct flow *flow)
{
	struct flow_gap gap = flow_longest_gap(flow);
	struct json_object *object = json_object_new_object();

	add_number(object, "ns", gap.end_ns - gap.start_ns);
	add_number(object, "start_ns", gap.start_ns);
	add_number(object, "end_ns", gap.end_ns);
	json_object_object_add(object, "open", json_object_new_boolean(gap.open));
	return object;
}

struct json_object *report_flow(const struct flow *flow, bool done)
{
	struct json_object *object = json_object_new_object();
	uint64_t pending = flow_pending(flow);

	add_number(object, "sent", flow_sent(flow));
	add_number(object, "received", flow->received);
	add_number(object, "lost", flow_lost(flow) + (done ? pending : 0));
	add_number(object, "pending", done ? 0 : pending);
	add_number(object, "duplicated", flow->duplicated);
	add_number(object, "reordered", flow->reordered);
	add_number(object, "corrupted", flow->corrupted);
	add_number(object, "late", flow->late);
	add_number(object, "early", flow->early);
	if (flow->sender)
		json_object_object_add(object, "rtt_ns", round_trips(&flow->rtt));
	json_object_object_add(object, "blackout", blackout(flow));
	return object;
}
