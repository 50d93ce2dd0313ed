/* SPDX-License-Identifier: GPL-2.0-only */
/* labctl's commands: one file each over tests/lab/lib, one table in main.c. */
#ifndef LABCTL_COMMAND_H
#define LABCTL_COMMAND_H

#include <stdbool.h>

#include "tests/lab/lib/spec.h"

/* Exit statuses. exec's own are those of env(1) and timeout(1). */
enum {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_TIMEOUT = 124,
	EXIT_CANNOT_RUN = 126,
	EXIT_NOT_FOUND = 127,
};

struct command {
	const char *name;
	const char *synopsis;
	const char *help; /* what it does, for --help */
	/* argv[0] is the command's name. */
	int (*run)(const struct command *command, int argc, char **argv);
};

extern const struct command cmd_up, cmd_exec, cmd_push, cmd_pull, cmd_wire, cmd_console, cmd_status,
	cmd_down;

/* One line to stderr: "labctl COMMAND: ...". Returns the status. */
__attribute__((format(printf, 3, 4))) int command_fail(const struct command *command, int status,
						       const char *format, ...);

/* The options that most commands share. */
struct command_options {
	const char *name; /* of the lab */
	unsigned int timeout_s;
	bool json;
	bool no_stdin;
	const char *cwd;
	unsigned int pf;
};

enum {
	OPTION_TIMEOUT = 1,
	OPTION_JSON = 2,
	OPTION_NO_STDIN = 4,
	OPTION_CWD = 8,
	OPTION_PF = 16,
};

/*
 * Take the options up to the first other argument or behind "--"; *ret_pos is
 * where the rest begins. --name is always allowed, others as in mask. An exit
 * status when there is nothing more to do (0 after --help), else -1.
 */
int command_options(const struct command *command, int argc, char **argv, unsigned int mask,
		    struct command_options *ret_options, int *ret_pos);
int command_help(const struct command *command);

#endif
