// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pf-vm-image/closure.h"

#define NAME_SIZE 128

void closure_free(struct closure *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->paths[i]);
	free(c->paths);
	*c = (struct closure){ 0 };
}

static void module_name(const char *path, size_t len, char *name, size_t size)
{
	const char *base = memrchr(path, '/', len);
	size_t n = 0;

	base = base ? base + 1 : path;
	len -= base - path;
	for (; n < len && n + 1 < size && base[n] != '.'; n++)
		name[n] = base[n] == '-' ? '_' : base[n];
	name[n] = '\0';
}

void closure_module_name(const char *path, char *name, size_t size)
{
	module_name(path, strlen(path), name, size);
}

/* The line whose first path, up to `ends`, is the module's; NULL if there is none. */
static const char *find_line(const char *text, const char *ends, const char *name)
{
	char wanted[NAME_SIZE], found[NAME_SIZE];

	module_name(name, strlen(name), wanted, sizeof(wanted));
	while (*text) {
		size_t line = strcspn(text, "\n");

		module_name(text, strcspn(text, ends), found, sizeof(found));
		if (!strcmp(found, wanted))
			return text;
		text += line + (text[line] == '\n');
	}
	return NULL;
}

static int add_path(struct closure *c, const char *path, size_t len)
{
	char **grown;

	for (size_t i = 0; i < c->n; i++)
		if (strlen(c->paths[i]) == len && !strncmp(c->paths[i], path, len))
			return 0;
	grown = reallocarray(c->paths, c->n + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	c->paths = grown;
	c->paths[c->n] = strndup(path, len);
	return c->paths[c->n] ? (c->n++, 0) : -ENOMEM;
}

/* A line lists what to load from its end to its start. */
static int add_line(struct closure *c, const char *line)
{
	size_t end = strcspn(line, "\n");
	int ret = 0;

	while (!ret && end) {
		size_t start = end, len;

		while (start && line[start - 1] != ' ')
			start--;
		len = end - start;
		if (len && line[end - 1] == ':')
			len--;
		if (len)
			ret = add_path(c, line + start, len);
		end = start ? start - 1 : 0;
	}
	return ret;
}

int closure_find(const char *modules_dep, const char *modules_builtin, const char *const *names,
		 const char *kernel, struct closure *ret_closure, struct problem *p)
{
	struct closure c = { 0 };
	int ret = 0;

	for (; !ret && *names; names++) {
		const char *line = find_line(modules_dep, ":\n", *names);

		if (line)
			ret = add_line(&c, line);
		else if (!find_line(modules_builtin, "\n", *names))
			ret = problem_set(p, -ENOENT, "driver '%s': kernel %s has none", *names,
					  kernel);
	}
	if (ret) {
		problem_set(p, ret, "kernel %s: %s", kernel, strerror(-ret));
		closure_free(&c);
		return ret;
	}
	*ret_closure = c;
	return 0;
}
