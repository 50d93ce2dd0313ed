// SPDX-License-Identifier: GPL-2.0-only
/* labctl: makes labs, looks into them, ends them. */
#include <stdio.h>
#include <string.h>

#include "tests/lab/labctl/command.h"

static const struct command *const commands[] = {
	&cmd_up, &cmd_exec, &cmd_push, &cmd_pull, &cmd_wire, &cmd_console, &cmd_status, &cmd_down,
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void usage(FILE *f)
{
	fprintf(f, "usage:\n");
	for (size_t i = 0; i < N_COMMANDS; i++)
		fprintf(f, "  labctl %s %s\n", commands[i]->name, commands[i]->synopsis);
	fprintf(f, "labctl COMMAND --help says more. Labs live in $PFKEEP_RUN, or in run/ beside\n"
		   "labctl. Exit status: 0 done, 1 failed, 2 wrong usage.\n");
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0) {
		usage(stdout);
		return EXIT_DONE;
	}
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (strcmp(argv[1], commands[i]->name) == 0)
			return commands[i]->run(commands[i], argc - 1, argv + 1);
	fprintf(stderr, "labctl: unknown command %s (labctl --help lists them)\n", argv[1]);
	return EXIT_USAGE;
}
