// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/harness/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lab/lib/jsonline.h"

/* Beyond the time that the frames themselves take: ARP, and the drain at the end. */
#define WIRE_SLACK_S 30

static int64_t number(struct json_object *object, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value))
		fail_msg("the wire's report has no \"%s\": %s", key,
			 json_object_to_json_string(object));
	return json_object_get_int64(value);
}

struct wire_report wire_report_parse(const char *json)
{
	struct json_object *object = json_tokener_parse(json), *blackout;

	if (!json_object_is_type(object, json_type_object))
		fail_msg("not a report: %s", json);

	struct wire_report report = {
		.json = object,
		.sent = number(object, "sent"),
		.received = number(object, "received"),
		.lost = number(object, "lost"),
		.duplicated = number(object, "duplicated"),
		.corrupted = number(object, "corrupted"),
	};

	report.not_sent = jsonline_int(object, "not_sent", 0);
	if (json_object_object_get_ex(object, "blackout", &blackout))
		report.gap_ns = number(blackout, "ns");
	return report;
}

void wire_report_free(struct wire_report *report)
{
	json_object_put(report->json);
	*report = (struct wire_report){ 0 };
}

/* Of the flow with this id, in what `labctl wire --json` answers. */
static struct wire_report report_of(const char *answer, unsigned int id)
{
	struct json_object *object = json_tokener_parse(answer), *flows;
	struct wire_report report = { 0 };

	if (!json_object_object_get_ex(object, "flows", &flows))
		fail_msg("not the wire's answer: %s", answer);
	for (size_t i = 0; i < json_object_array_length(flows); i++) {
		struct json_object *flow = json_object_array_get_idx(flows, i);

		if (number(flow, "id") == id)
			report = wire_report_parse(json_object_to_json_string(flow));
	}
	if (!report.json)
		fail_msg("the wire knows no flow %u: %s", id, answer);
	json_object_put(object);
	return report;
}

/* An action on one flow; the account of it that the wire answers with. */
static char *flow_action(struct lab *lab, const struct wire_flow *flow, const char *action,
			 unsigned int timeout_s)
{
	char pf[16], id[16];

	snprintf(pf, sizeof(pf), "%u", flow->pf);
	snprintf(id, sizeof(id), "%u", flow->id);
	return lab_ctl(lab, timeout_s, "wire", "--json", "--pf", pf, action, "--id", id, NULL);
}

void wire_start(struct lab *lab, const struct wire_flow *flow)
{
	char pf[16], id[16], vlan[16], rate[16], size[16], count[16];

	snprintf(pf, sizeof(pf), "%u", flow->pf);
	snprintf(id, sizeof(id), "%u", flow->id);
	snprintf(vlan, sizeof(vlan), "%u", flow->vlan);
	snprintf(rate, sizeof(rate), "%u", flow->rate);
	snprintf(size, sizeof(size), "%u", flow->size);
	snprintf(count, sizeof(count), "%u", flow->count);
	/* An option that isn't wanted ends the list: what may be left out comes last. */
	free(lab_ctl(lab, WIRE_SLACK_S, "wire", "--pf", pf, "send", "--kind", "echo", "--id", id,
		     "--dst", flow->ip, "--rate", rate, "--size", size, "--vlan", vlan, "--count",
		     count, flow->mac ? "--mac" : NULL, flow->mac, NULL));
}

struct wire_report wire_finish(struct lab *lab, const struct wire_flow *flow)
{
	if (!flow->count)
		free(flow_action(lab, flow, "stop", WIRE_SLACK_S));

	char *answer = flow_action(lab, flow, "wait", flow->count / flow->rate + WIRE_SLACK_S);
	struct wire_report report = report_of(answer, flow->id);

	free(answer);
	free(flow_action(lab, flow, "remove", WIRE_SLACK_S));
	return report;
}

static bool is_carried(struct lab *lab, const struct wire_flow *flow, unsigned int rate)
{
	struct wire_flow second = *flow;
	struct wire_report r;
	bool carried;

	second.rate = rate;
	second.count = rate;
	wire_start(lab, &second);
	r = wire_finish(lab, &second);
	carried = r.received == rate && !r.not_sent && !r.corrupted;
	wire_report_free(&r);
	return carried;
}

unsigned int wire_saturate(struct lab *lab, const struct wire_flow *flow)
{
	unsigned int good = 0, rate = flow->rate, step;

	while (rate <= 100000 && is_carried(lab, flow, rate)) {
		good = rate;
		rate *= 2;
	}
	for (step = good / 2; good && step > good / 8; step /= 2)
		if (is_carried(lab, flow, good + step))
			good += step;
	return good;
}

void wire_assert_whole(const struct wire_report *report)
{
	if (report->sent > 0 && report->received == report->sent && !report->lost &&
	    !report->duplicated && !report->corrupted)
		return;
	fail_msg("frames went missing or changed: %s", json_object_to_json_string(report->json));
}

void wire_assert_silent(const struct wire_report *report)
{
	if (report->sent > 0 && !report->received)
		return;
	fail_msg("frames came back: %s", json_object_to_json_string(report->json));
}
