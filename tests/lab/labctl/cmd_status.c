// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>

#include "tests/lab/labctl/command.h"
#include "tests/lab/lib/client.h"

static void print_text(json_object *status)
{
	json_object *array, *item;

	printf("lab %s: %s, kernel %s, %s, %lld MiB, %lld CPUs\n",
	       jsonline_string(status, "name", "?"), jsonline_string(status, "state", "?"),
	       jsonline_string(status, "kernel", "?"), jsonline_string(status, "accel", "?"),
	       (long long)jsonline_int(status, "ram_mib", 0),
	       (long long)jsonline_int(status, "cpus", 0));
	printf("  why %s: %s\n", jsonline_string(status, "accel", "?"),
	       jsonline_string(status, "accel_reason", "?"));
	if (json_object_object_get_ex(status, "pfs", &array)) {
		for (size_t i = 0; i < json_object_array_length(array); i++) {
			item = json_object_array_get_idx(array, i);
			printf("  PF %zu: %s %s\n", i, jsonline_string(item, "device", "?"),
			       jsonline_string(item, "mac", ""));
		}
	}
	if (json_object_object_get_ex(status, "boots", &array)) {
		for (size_t i = 0; i < json_object_array_length(array); i++) {
			item = json_object_array_get_idx(array, i);
			printf("  boot %zu: Linux %s\n", i + 1,
			       jsonline_string(item, "release", "?"));
		}
	}
	printf("  logs: %s\n", jsonline_string(status, "dir", "?"));
}

/* How a lab that is not up ended, for programs. */
static void print_dead(const char *name)
{
	json_object *status = json_object_new_object(), *verdict = NULL;
	struct rundir dir;
	char *text;

	json_object_object_add(status, "name", json_object_new_string(name));
	json_object_object_add(status, "state", json_object_new_string("dead"));
	if (rundir_open(name, &dir) == 0) {
		json_object_object_add(status, "dir", json_object_new_string(dir.path));
		if (rundir_read(&dir, RUNDIR_VERDICT, &text) == 0) {
			verdict = json_tokener_parse(text);
			free(text);
		}
		rundir_close(&dir);
	}
	json_object_object_add(status, "verdict", verdict);
	printf("%s\n", json_object_to_json_string_ext(status, JSON_C_TO_STRING_PRETTY));
	json_object_put(status);
}

static int run(const struct command *command, int argc, char **argv)
{
	struct command_options options;
	struct lab_error error;
	struct client client;
	json_object *status;
	int pos, ret, err;

	ret = command_options(command, argc, argv, OPTION_JSON, &options, &pos);
	if (ret >= 0)
		return ret;
	if (pos != argc)
		return command_fail(command, EXIT_USAGE, "takes no argument");
	err = client_open(options.name, &client, &error);
	if (err && options.json)
		print_dead(options.name);
	if (err)
		return command_fail(command, EXIT_FAILED, "%s", error.text);
	err = client_call(&client, "status", NULL, &status, &error);
	client_close(&client);
	if (err)
		return command_fail(command, EXIT_FAILED, "%s", error.text);
	if (options.json)
		printf("%s\n", json_object_to_json_string_ext(status, JSON_C_TO_STRING_PRETTY));
	else
		print_text(status);
	json_object_put(status);
	return EXIT_DONE;
}

const struct command cmd_status = {
	"status",
	"[--name N] [--json]",
	"Says what a lab is made of and how it is: booting, starting (no libvirt yet),\n"
	"ready or stopping. Exit status 1 when it isn't up, with how it ended.\n",
	run,
};
