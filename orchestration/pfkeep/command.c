// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <getopt.h>
#include <json-c/json.h>
#include <string.h>

#include "orchestration/pfkeep/command.h"
#include "pfkeep/wire.h"

enum { OPT_HELP = COMMAND_OPTIONS, OPT_JSON, OPT_ROOT, OPT_SOCKET, OPT_COUNT };

static void print_name(FILE *out, const struct command *command)
{
	fprintf(out, "pfkeep %s%s%s", command->noun ? command->noun : "", command->noun ? " " : "",
		command->verb);
}

static void print_usage(FILE *out, const struct command *command)
{
	fputs("usage: ", out);
	print_name(out, command);
	for (const struct command_option *opt = command->options; opt->name; opt++)
		fprintf(out, " [--%s%s%s]", opt->name, opt->value ? " " : "",
			opt->value ? opt->value : "");
	fprintf(out, " [--json]%s%s\n", *command->args ? " " : "", command->args);
}

static void print_help(FILE *out, const struct command *command)
{
	print_usage(out, command);
	fprintf(out, "\n%s\n\n", command->help);
	for (const struct command_option *opt = command->options; opt->name; opt++)
		fprintf(out, "  --%-8s %-6s %s\n", opt->name, opt->value ? opt->value : "",
			opt->help);
	fputs("  --json            print JSON\n"
	      "  --root     DIR    look at the host whose files lie below DIR\n"
	      "  --socket   FILE   where pfkeepd listens (" WIRE_SOCKET ")\n"
	      "  --help            print this\n",
	      out);
}

static void print_overview(FILE *out)
{
	fputs("usage: pfkeep COMMAND [--help] [--json] ...\n\n", out);
	for (size_t i = 0; i < command_count; i++) {
		const struct command *command = &command_table[i];
		char name[64];

		snprintf(name, sizeof(name), "%s%s%s %s", command->noun ? command->noun : "",
			 command->noun ? " " : "", command->verb, command->args);
		fprintf(out, "  %-28s %s\n", name, command->help);
	}
	fputs("\nExit status: 0 done, 1 failed, 2 wrong usage.\n", out);
}

/* A word from the command line in a message: without control characters. */
static enum command_status complain(FILE *err, const char *fmt, const char *word)
{
	struct problem problem;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	problem_set(&problem, 0, fmt, word);
#pragma GCC diagnostic pop
	fprintf(err, "pfkeep: %s\n", problem.text);
	return COMMAND_USAGE;
}

/* The command that the words name, and how many words that took. */
static const struct command *find(int argc, char **argv, int *ret_words)
{
	for (size_t i = 0; i < command_count; i++) {
		const struct command *command = &command_table[i];
		int words = command->noun ? 2 : 1;

		if (argc <= words || (command->noun && strcmp(argv[1], command->noun)) ||
		    strcmp(argv[words], command->verb))
			continue;
		*ret_words = words;
		return command;
	}
	return NULL;
}

static void long_options(const struct command *command, struct option *options)
{
	int n = 0;

	for (; command->options[n].name; n++)
		options[n] = (struct option){ command->options[n].name,
					      command->options[n].value ? required_argument
									: no_argument,
					      NULL, n };
	options[n++] = (struct option){ "help", no_argument, NULL, OPT_HELP };
	options[n++] = (struct option){ "json", no_argument, NULL, OPT_JSON };
	options[n++] = (struct option){ "root", required_argument, NULL, OPT_ROOT };
	options[n++] = (struct option){ "socket", required_argument, NULL, OPT_SOCKET };
	options[n] = (struct option){ 0 };
}

/*
 * -1: go on and run it; otherwise the exit status. argv[0] is the command's
 * last word.
 */
static int parse(const struct command *command, int argc, char **argv, struct command_input *input,
		 const char **ret_root)
{
	struct option options[OPT_COUNT + 1];
	int opt;

	long_options(command, options);
	optind = 0;
	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (opt) {
		case OPT_HELP:
			print_help(input->out, command);
			return COMMAND_DONE;
		case OPT_JSON:
			input->json = true;
			break;
		case OPT_ROOT:
			*ret_root = optarg;
			break;
		case OPT_SOCKET:
			input->socket = optarg;
			break;
		case ':':
			return complain(input->err, "%s: wants a value", argv[optind - 1]);
		case '?':
			return complain(input->err, "%s: no such option here", argv[optind - 1]);
		default:
			input->options[opt] = optarg ? optarg : "";
		}
	}
	input->args = argv + optind;
	input->n_args = argc - optind;
	if (input->n_args >= command->min_args && input->n_args <= command->max_args)
		return -1;
	print_usage(input->err, command);
	return COMMAND_USAGE;
}

static enum command_status run(const struct command *command, int argc, char **argv, FILE *out,
			       FILE *err)
{
	struct command_input input = { .socket = WIRE_SOCKET, .out = out, .err = err };
	const char *root = "/";
	enum command_status status;
	int ret;

	ret = parse(command, argc, argv, &input, &root);
	if (ret >= 0)
		return (enum command_status)ret;
	ret = root_open(root, &input.root);
	if (ret) {
		struct problem problem;

		problem_set(&problem, ret, "%s: %s", root, strerror(-ret));
		return command_fail(&input, COMMAND_USAGE, &problem);
	}
	status = command->run(&input);
	root_close(&input.root);
	if (fflush(out) && status == COMMAND_DONE) {
		fprintf(err, "pfkeep: the output can't be written: %s\n", strerror(errno));
		status = COMMAND_FAILED;
	}
	return status;
}

enum command_status command_main(int argc, char **argv, FILE *out, FILE *err)
{
	const struct command *command;
	int words;

	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "help"))) {
		print_overview(out);
		return COMMAND_DONE;
	}
	command = find(argc, argv, &words);
	if (command)
		return run(command, argc - words, argv + words, out, err);
	if (argc < 2) {
		print_overview(err);
		return COMMAND_USAGE;
	}
	complain(err, "%s: no such command", argv[1]);
	fputs("pfkeep: pfkeep --help lists them\n", err);
	return COMMAND_USAGE;
}

enum command_status command_fail(const struct command_input *input, enum command_status status,
				 const struct problem *problem)
{
	fprintf(input->err, "pfkeep: %s\n", problem->text);
	return status;
}

enum command_status command_print(const struct command_input *input, int ret,
				  struct json_object *view)
{
	const char *text = NULL;
	struct problem problem;

	if (!ret)
		text = json_object_to_json_string_ext(view, JSON_C_TO_STRING_PRETTY |
								    JSON_C_TO_STRING_NOSLASHESCAPE);
	if (!text) {
		json_object_put(view);
		problem_set(&problem, -ENOMEM, "%s", strerror(ENOMEM));
		return command_fail(input, COMMAND_FAILED, &problem);
	}
	fprintf(input->out, "%s\n", text);
	json_object_put(view);
	return COMMAND_DONE;
}
