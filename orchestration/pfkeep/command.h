/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The command line: a table of commands, each with its options declared, over
 * libpfkeep. A command file holds the verbs of one noun.
 */
#ifndef PFKEEP_COMMAND_H
#define PFKEEP_COMMAND_H

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stdio.h>

#include "pfkeep/problem.h"
#include "pfkeep/root.h"

#define COMMAND_OPTIONS 8

/* Exit status of every command. */
enum command_status { COMMAND_DONE = 0, COMMAND_FAILED = 1, COMMAND_USAGE = 2 };

struct command_option {
	const char *name;  /* NULL ends the list */
	const char *value; /* what its value is called; NULL: it has none */
	const char *help;
};

struct command_input {
	struct root root;
	const char *socket; /* of pfkeepd */
	bool json;
	const char *options[COMMAND_OPTIONS]; /* values by place in the list; NULL: not given */
	char **args;
	int n_args;
	FILE *out;
	FILE *err;
};

struct command {
	const char *noun; /* NULL for a command of one word */
	const char *verb;
	const char *args; /* as usage shows them; "" for none */
	int min_args, max_args;
	struct command_option options[COMMAND_OPTIONS];
	const char *help;
	enum command_status (*run)(const struct command_input *input);
};

extern const struct command command_table[];
extern const size_t command_count;

enum command_status command_doctor(const struct command_input *input);
enum command_status command_events(const struct command_input *input);
enum command_status command_live_update(const struct command_input *input);
enum command_status command_metrics(const struct command_input *input);
enum command_status command_pf_list(const struct command_input *input);
enum command_status command_pf_show(const struct command_input *input);
enum command_status command_pf_adopt(const struct command_input *input);
enum command_status command_pf_release(const struct command_input *input);
enum command_status command_pf_restart(const struct command_input *input);
enum command_status command_pf_set_vfs(const struct command_input *input);
enum command_status command_report(const struct command_input *input);
enum command_status command_vf_set(const struct command_input *input);
enum command_status command_vf_assign(const struct command_input *input);
enum command_status command_vf_unassign(const struct command_input *input);
enum command_status command_vf_list(const struct command_input *input);
enum command_status command_vf_show(const struct command_input *input);
enum command_status command_vmm_update(const struct command_input *input);

/* main() but for the streams. */
enum command_status command_main(int argc, char **argv, FILE *out, FILE *err);

/* "pfkeep: TEXT" on the error stream; returns the status. */
enum command_status command_fail(const struct command_input *input, enum command_status status,
				 const struct problem *problem);
/* Prints the view and drops it; ret is what building it gave. */
enum command_status command_print(const struct command_input *input, int ret,
				  struct json_object *view);

#endif
