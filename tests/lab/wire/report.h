/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the wire has measured, as JSON. Times are CLOCK_MONOTONIC in ns, durations
 * in ns. In a flow that isn't "done", frames under way are "pending", not yet "lost".
 */
#ifndef TESTS_LAB_WIRE_REPORT_H
#define TESTS_LAB_WIRE_REPORT_H

#include <json-c/json.h>

#include "tests/lab/wire/station.h"

/* NULL if out of memory; ended by json_object_put(). */
struct json_object *report_station(const struct station *station);

#endif
