// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lint/banned.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define EXCUSE "banned-ok: "

static int parse_line(const char *line, struct banned_call *ret_call)
{
	char where[8];
	int advice = 0;

	/* the sizes are those of the fields, less one */
	if (sscanf(line, "%31s %7s %n", ret_call->name, where, &advice) != 2 || !advice ||
	    !line[advice] || strlen(line + advice) >= BANNED_ADVICE)
		return -EINVAL;
	if (strcmp(where, "all") != 0 && strcmp(where, "tests") != 0)
		return -EINVAL;
	ret_call->tests_only = strcmp(where, "tests") == 0;
	snprintf(ret_call->advice, BANNED_ADVICE, "%s", line + advice);
	return 0;
}

int banned_read(FILE *file, struct banned_list *ret_list, unsigned int *ret_line)
{
	char line[256];

	ret_list->n = 0;
	for (*ret_line = 1; fgets(line, sizeof(line), file); (*ret_line)++) {
		line[strcspn(line, "\n")] = '\0';
		if (!line[0] || line[0] == '#')
			continue;
		if (ret_list->n == BANNED_MAX ||
		    parse_line(line, &ret_list->calls[ret_list->n]) < 0)
			return -EINVAL;
		ret_list->n++;
	}
	return 0;
}

static bool is_test(const char *path)
{
	size_t len = strlen(path);

	return strncmp(path, "tests/", 6) == 0 ||
	       (len > 7 && strcmp(path + len - 7, "_test.c") == 0);
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Past a comment, a string or a character that begins here; else where we are. */
static const char *skip_quoted(const char *p)
{
	char quote = *p;

	if (strncmp(p, "//", 2) == 0)
		return p + strcspn(p, "\n");
	if (strncmp(p, "/*", 2) == 0) {
		const char *end = strstr(p + 2, "*/");

		return end ? end + 2 : p + strlen(p);
	}
	if (quote != '"' && quote != '\'')
		return p;
	for (p++; *p && *p != quote && *p != '\n'; p++) {
		if (*p == '\\' && p[1])
			p++;
	}
	return *p == quote ? p + 1 : p;
}

/* A member, or something declared by this name, is another's function. */
static bool is_call(const char *text, const char *word, const char *end)
{
	end += strspn(end, " \t");
	if (*end != '(')
		return false;
	while (word > text && (word[-1] == ' ' || word[-1] == '\t'))
		word--;
	if (word > text && word[-1] == '.')
		return false;
	return word < text + 2 || strncmp(word - 2, "->", 2) != 0;
}

/* On the same line, so that an excuse excuses one call. */
static bool is_excused(const char *end)
{
	const char *excuse = strstr(end, EXCUSE);

	return excuse && (size_t)(excuse - end) < strcspn(end, "\n") &&
	       is_word(excuse[strlen(EXCUSE)]);
}

static const struct banned_call *find(const struct banned_list *list, const char *word, size_t len,
				      bool test)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct banned_call *call = &list->calls[i];

		if (strlen(call->name) == len && strncmp(call->name, word, len) == 0 &&
		    (test || !call->tests_only))
			return call;
	}
	return NULL;
}

unsigned int banned_check(const struct banned_list *list, const char *path, const char *text,
			  FILE *out)
{
	unsigned int found = 0, line = 1;
	const char *counted = text, *p = text;
	bool test = is_test(path);

	while (*p) {
		const struct banned_call *call;
		const char *next = skip_quoted(p), *word = p;

		if (next != p || !is_word(*p)) {
			p = next != p ? next : p + 1;
			continue;
		}
		while (is_word(*p))
			p++;
		call = find(list, word, (size_t)(p - word), test);
		if (!call || !is_call(text, word, p) || is_excused(p))
			continue;
		for (; counted < word; counted++)
			line += *counted == '\n';
		fprintf(out, "%s:%u: %s() is banned: use %s\n", path, line, call->name,
			call->advice);
		found++;
	}
	return found;
}
