/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TESTS_LAB_WIRE_REPORT_FLOW_H
#define TESTS_LAB_WIRE_REPORT_FLOW_H

#include <json-c/json.h>

#include "tests/lab/wire/flow.h"

/*
 * The account of one flow, the same from the wire and from a guest. While more
 * may come (done is false), what is newer than the newest arrival is "pending",
 * and only what is older is "lost".
 */
struct json_object *report_flow(const struct flow *flow, bool done);

#endif
