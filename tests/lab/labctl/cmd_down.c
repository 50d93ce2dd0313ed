// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "tests/lab/labctl/command.h"
#include "tests/lab/lib/client.h"
#include "tests/lab/lib/consoles.h"

/* Only a lab host that has come up has anything to give, and answers. */
static void collect(struct client *client, const char *name)
{
	struct lab_error ignored;
	json_object *status;

	if (client_call(client, "status", NULL, &status, &ignored) < 0)
		return;
	if (strcmp(jsonline_string(status, "state", ""), "ready") == 0)
		consoles_collect(name, &client->dir);
	json_object_put(status);
}

static int run(const struct command *command, int argc, char **argv)
{
	struct command_options options;
	struct lab_error error;
	struct client client;
	int pos, ret, err;

	ret = command_options(command, argc, argv, 0, &options, &pos);
	if (ret >= 0)
		return ret;
	if (pos != argc)
		return command_fail(command, EXIT_USAGE, "takes no argument");
	if (client_open(options.name, &client, &error) < 0)
		return command_fail(command, EXIT_FAILED, "%s", error.text);
	collect(&client, options.name);
	err = client_call(&client, "down", NULL, NULL, &error);
	if (!err) {
		err = rundir_wait_gone(&client.dir);
		lab_error_set(&error, "waiting for its end: %s", strerror(-err));
	}
	client_close(&client);
	return err ? command_fail(command, EXIT_FAILED, "%s", error.text) : EXIT_DONE;
}

const struct command cmd_down = {
	"down",
	"[--name N]",
	"Fetches the consoles of the lab host's VMs, ends the lab and returns when nothing\n"
	"of it runs. Its logs stay until the next lab of that name.\n",
	run,
};
