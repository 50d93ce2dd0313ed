// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "pf-vm-image/command.h"

int command_usage(struct problem *p, const char *command)
{
	problem_set(p, -EINVAL, "%s: see `pf-image %s --help`", command, command);
	return EXIT_USAGE;
}

int command_list_add(struct command_list *l, const char *option, const char *word,
		     struct problem *p)
{
	if (l->n == COMMAND_LIST_MAX)
		return problem_set(p, -E2BIG, "%s: at most %d times", option, COMMAND_LIST_MAX);
	l->words[l->n++] = word;
	l->words[l->n] = NULL;
	return 0;
}

int command_operand(int argc, char **argv, int first, const char *what, const char **ret_operand,
		    struct problem *p)
{
	if (first >= argc)
		return problem_set(p, -EINVAL, "%s: %s is missing", argv[0], what);
	if (first + 1 < argc)
		return problem_set(p, -EINVAL, "%s: '%s' is one word too many", argv[0],
				   argv[first + 1]);
	if (!argv[first][0])
		return problem_set(p, -EINVAL, "%s: %s must not be empty", argv[0], what);
	*ret_operand = argv[first];
	return 0;
}

int command_number(const char *option, const char *text, uint64_t min, uint64_t max,
		   uint64_t *ret_number, struct problem *p)
{
	char *end;

	errno = 0;
	*ret_number = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end || errno || *ret_number < min ||
	    *ret_number > max)
		return problem_set(p, -EINVAL,
				   "%s: '%s' must be a number from %" PRIu64 " to %" PRIu64, option,
				   text, min, max);
	return 0;
}

int command_name(const char *option, const char *text, struct problem *p)
{
	size_t len = strlen(text);

	if (!isalnum((unsigned char)text[0]) || len > 100)
		return problem_set(p, -EINVAL, "%s: '%s' is no name", option, text);
	for (const char *c = text; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("+-._", *c))
			return problem_set(p, -EINVAL, "%s: '%s' is no name", option, text);
	return 0;
}
