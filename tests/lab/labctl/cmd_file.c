// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>

#include "tests/lab/labctl/command.h"
#include "tests/lab/lib/session.h"

static int copy(const struct command *command, int argc, char **argv,
		int (*transfer)(const char *lab, const char *src, const char *dst,
				unsigned int timeout_ms, struct lab_error *ret_error))
{
	struct command_options options;
	struct lab_error error;
	int pos, status, err;

	status = command_options(command, argc, argv, OPTION_TIMEOUT, &options, &pos);
	if (status >= 0)
		return status;
	if (argc - pos != 2)
		return command_fail(command, EXIT_USAGE, "needs SRC and DST");
	err = transfer(options.name, argv[pos], argv[pos + 1], options.timeout_s * 1000, &error);
	if (err)
		return command_fail(command, EXIT_FAILED, "%s", error.text);
	return EXIT_DONE;
}

static int run_push(const struct command *command, int argc, char **argv)
{
	return copy(command, argc, argv, session_push);
}

static int run_pull(const struct command *command, int argc, char **argv)
{
	return copy(command, argc, argv, session_pull);
}

const struct command cmd_push = {
	"push",
	"[--name N] [--timeout S] SRC DST",
	"Copies a file into the lab host, with its mode. DST is a whole path; it appears\n"
	"when all of it is there.\n",
	run_push,
};

const struct command cmd_pull = {
	"pull",
	"[--name N] [--timeout S] SRC DST",
	"Copies a file out of the lab host. DST appears when all of it is there.\n",
	run_pull,
};
