// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tests/lab/labctl/command.h"

int command_fail(const struct command *command, int status, const char *format, ...)
{
	char text[700];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fprintf(stderr, "labctl %s: %s\n", command->name, text);
	return status;
}

int command_help(const struct command *command)
{
	printf("usage: labctl %s %s\n\n%s", command->name, command->synopsis, command->help);
	return EXIT_DONE;
}

static int take_name(struct command_options *options, const char *value)
{
	options->name = value;
	return lab_name_valid(value) ? 0 : -EINVAL;
}

static int take_timeout(struct command_options *options, const char *value)
{
	return lab_parse_number(value, 1, 86400, &options->timeout_s);
}

static int take_cwd(struct command_options *options, const char *value)
{
	options->cwd = value;
	return value[0] == '/' ? 0 : -EINVAL;
}

static int take_pf(struct command_options *options, const char *value)
{
	return lab_parse_number(value, 0, LAB_PF_MAX - 1, &options->pf);
}

static int take_json(struct command_options *options, const char *value)
{
	options->json = true;
	return 0;
}

static int take_no_stdin(struct command_options *options, const char *value)
{
	options->no_stdin = true;
	return 0;
}

static const struct option {
	const char *name;
	unsigned int bit;
	bool has_value;
	int (*take)(struct command_options *options, const char *value);
} all_options[] = {
	{ "--name", 0, true, take_name },
	{ "--timeout", OPTION_TIMEOUT, true, take_timeout },
	{ "--json", OPTION_JSON, false, take_json },
	{ "--no-stdin", OPTION_NO_STDIN, false, take_no_stdin },
	{ "--cwd", OPTION_CWD, true, take_cwd },
	{ "--pf", OPTION_PF, true, take_pf },
};

static const struct option *find_option(const char *arg, unsigned int mask)
{
	for (size_t i = 0; i < sizeof(all_options) / sizeof(all_options[0]); i++)
		if (strcmp(arg, all_options[i].name) == 0 &&
		    (!all_options[i].bit || all_options[i].bit & mask))
			return &all_options[i];
	return NULL;
}

int command_options(const struct command *command, int argc, char **argv, unsigned int mask,
		    struct command_options *ret_options, int *ret_pos)
{
	int pos = 1;

	memset(ret_options, 0, sizeof(*ret_options));
	ret_options->name = "lab";
	while (pos < argc && argv[pos][0] == '-') {
		const struct option *option = find_option(argv[pos], mask);

		if (strcmp(argv[pos], "--help") == 0)
			return command_help(command);
		if (strcmp(argv[pos], "--") == 0) {
			pos++;
			break;
		}
		if (!option)
			return command_fail(command, EXIT_USAGE, "unknown option %s", argv[pos]);
		if (option->has_value && pos + 1 >= argc)
			return command_fail(command, EXIT_USAGE, "%s needs a value", argv[pos]);
		if (option->take(ret_options, option->has_value ? argv[pos + 1] : NULL) < 0)
			return command_fail(command, EXIT_USAGE, "%s %.60s: bad value", argv[pos],
					    argv[pos + 1]);
		pos += option->has_value ? 2 : 1;
	}
	*ret_pos = pos;
	return -1;
}
