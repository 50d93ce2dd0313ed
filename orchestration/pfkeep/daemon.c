// SPDX-License-Identifier: GPL-2.0-only
#include <json-c/json.h>

#include "orchestration/pfkeep/daemon.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/wire.h"

enum command_status daemon_call(const struct command_input *input, const char *method,
				struct json_object *parameters, struct json_object **ret_answer)
{
	CLEANUP(cleanup_close) int fd = -1;
	struct json_object *answer;
	struct problem problem;

	if (wire_connect(input->socket, &fd, &problem)) {
		json_object_put(parameters);
		return command_fail(input, COMMAND_FAILED, &problem);
	}
	if (wire_call(fd, method, parameters, &answer, &problem))
		return command_fail(input, COMMAND_FAILED, &problem);
	if (input->json)
		fprintf(input->out, "%s\n",
			json_object_to_json_string_ext(
				answer, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	if (ret_answer)
		*ret_answer = answer;
	else
		json_object_put(answer);
	return COMMAND_DONE;
}
