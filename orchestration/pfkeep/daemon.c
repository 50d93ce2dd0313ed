// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <json-c/json.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

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

static void add_owner(struct json_object *owners, struct json_object *vf)
{
	struct json_object *domain = json_object_object_get(vf, "domain");
	char key[64];

	if (!domain)
		return;
	snprintf(key, sizeof(key), "%s/%s",
		 json_object_get_string(json_object_object_get(vf, "pf")),
		 json_object_get_string(json_object_object_get(vf, "index")));
	json_object_object_add(owners, key, json_object_get(domain));
}

struct json_object *daemon_owners(const struct command_input *input)
{
	CLEANUP(cleanup_close) int fd = -1;
	struct json_object *answer, *list, *owners;
	struct problem problem;

	if (wire_connect(input->socket, &fd, &problem) ||
	    wire_call(fd, "ListVFs", NULL, &answer, &problem))
		return NULL;
	owners = json_object_new_object();
	list = json_object_object_get(answer, "vfs");
	for (size_t i = 0;
	     json_object_is_type(list, json_type_array) && i < json_object_array_length(list); i++)
		add_owner(owners, json_object_array_get_idx(list, i));
	json_object_put(answer);
	return owners;
}

static int copy(int fd, FILE *out, struct problem *problem)
{
	struct stat st;
	void *text;

	if (fstat(fd, &st))
		return problem_set(problem, -errno, "pfkeepd's answer: %s", strerror(errno));
	text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (text == MAP_FAILED)
		return problem_set(problem, -errno, "pfkeepd's answer: %s", strerror(errno));
	/* That it can't be written is said at the end, for all commands. */
	fwrite(text, 1, (size_t)st.st_size, out);
	munmap(text, (size_t)st.st_size);
	return 0;
}

int daemon_show_vfs(const struct command_input *input, const char *pf, struct problem *problem)
{
	struct json_object *parameters = json_object_new_object();
	CLEANUP(cleanup_close) int fd = -1;
	CLEANUP(cleanup_close) int file = -1;
	int ret;

	if (wire_connect(input->socket, &fd, problem)) {
		json_object_put(parameters);
		return -ENOTCONN;
	}
	if (pf)
		json_object_object_add(parameters, "pf", json_object_new_string(pf));
	json_object_object_add(parameters, "json", json_object_new_boolean(input->json));
	ret = wire_call_file(fd, "ShowVFs", parameters, &file, problem);
	return ret ? ret : copy(file, input->out, problem);
}
