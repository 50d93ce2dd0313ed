// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <unistd.h>

#include "tests/lab/labd/labd.h"
#include "tests/lab/labd/log.h"

static void report_line(struct labd *labd, json_object *object)
{
	const char *text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN);

	if (labd->report.fd >= 0)
		dprintf(labd->report.fd, "%s\n", text);
	json_object_put(object);
}

void report_progress(struct labd *labd, const char *text)
{
	json_object *object = json_object_new_object();

	log_line("%s", text);
	json_object_object_add(object, "progress", json_object_new_string(text));
	report_line(labd, object);
}

void report_done(struct labd *labd, const char *error)
{
	json_object *object = json_object_new_object();

	if (labd->report.fd >= 0)
		log_line("%s", error ? error : "ready");
	json_object_object_add(object, "ok", json_object_new_boolean(!error));
	if (error)
		json_object_object_add(object, "error", json_object_new_string(error));
	report_line(labd, object);
	if (labd->report.fd >= 0) {
		loop_unwatch(&labd->loop, &labd->report);
		close(labd->report.fd);
		labd->report.fd = -1;
	}
}
