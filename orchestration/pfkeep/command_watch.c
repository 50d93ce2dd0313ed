// SPDX-License-Identifier: GPL-2.0-only
/* events, metrics: the daemon looked at from outside. */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "orchestration/pfkeep/daemon.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/wire.h"

static const char *text_of(struct json_object *object)
{
	return json_object_is_type(object, json_type_string)
		       ? json_object_get_string(object)
		       : json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN);
}

/* vf pf=0000:01:00.0 index=3 domain=web ..., or the event's JSON on one line. */
static void print_event(const struct command_input *input, struct json_object *event)
{
	if (input->json) {
		fprintf(input->out, "%s\n",
			json_object_to_json_string_ext(
				event, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
		return;
	}
	fputs(text_of(json_object_object_get(event, "event")), input->out);
	json_object_object_foreach(event, name, value)
		if (strcmp(name, "event"))
			fprintf(input->out, " %s=%s", name, text_of(value));
	fputc('\n', input->out);
}

static int take_event(const struct command_input *input, struct json_object *message,
		      struct problem *problem)
{
	struct json_object *event =
		json_object_object_get(json_object_object_get(message, "parameters"), "event");

	if (!json_object_is_type(event, json_type_object))
		return problem_set(problem, -EBADMSG, "pfkeepd: an answer that is no event: %s",
				   json_object_to_json_string(message));
	print_event(input, event);
	/* Whoever reads them waits for each. */
	return fflush(input->out) ? problem_set(problem, -EIO, "the output can't be written") : 0;
}

enum command_status command_events(const struct command_input *input)
{
	CLEANUP(cleanup_close) int fd = -1;
	struct json_object *message;
	struct wire_stream stream;
	struct problem problem;
	int ret;

	if (wire_connect(input->socket, &fd, &problem))
		return command_fail(input, COMMAND_FAILED, &problem);
	ret = wire_follow(fd, "Events", &stream);
	while (!ret) {
		ret = wire_next(&stream, &message);
		if (ret) {
			problem_set(&problem, ret, "pfkeepd: %s",
				    ret == -ENODATA ? "has ended" : strerror(-ret));
			break;
		}
		ret = take_event(input, message, &problem);
		json_object_put(message);
	}
	wire_stream_release(&stream);
	return command_fail(input, COMMAND_FAILED, &problem);
}

enum command_status command_metrics(const struct command_input *input)
{
	struct json_object *answer;
	enum command_status status;

	status = daemon_call(input, "Metrics", NULL, &answer);
	if (status != COMMAND_DONE)
		return status;
	if (!input->json)
		fputs(text_of(json_object_object_get(answer, "text")), input->out);
	json_object_put(answer);
	return COMMAND_DONE;
}
