// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "pf-vm-image/packages.h"

struct stanza {
	struct package pkg;
	bool installed;
};

static void package_clear(struct package *pkg)
{
	free(pkg->name);
	free(pkg->version);
	free(pkg->architecture);
	free(pkg->source);
	free(pkg->source_version);
	*pkg = (struct package){ 0 };
}

void packages_free(struct packages *pk)
{
	for (size_t i = 0; i < pk->n; i++)
		package_clear(&pk->list[i]);
	free(pk->list);
	*pk = (struct packages){ 0 };
}

/* "glibc (2.41-12)" is a source with a version of its own. */
static void take_source(struct package *pkg, const char *value, size_t len)
{
	size_t name = strcspn(value, " (");

	if (name > len)
		name = len;
	free(pkg->source);
	pkg->source = strndup(value, name);
	value = memchr(value, '(', len);
	if (value) {
		free(pkg->source_version);
		pkg->source_version = strndup(value + 1, strcspn(value + 1, ")\n"));
	}
}

static void take_field(struct stanza *s, const char *line, size_t len)
{
	const struct {
		const char *key;
		char **to;
	} fields[] = {
		{ "Package:", &s->pkg.name },
		{ "Version:", &s->pkg.version },
		{ "Architecture:", &s->pkg.architecture },
	};
	const char *value = memchr(line, ':', len);

	if (!value || isspace((unsigned char)line[0]))
		return;
	value++;
	value += strspn(value, " \t");
	/* A field without a value would otherwise run into the next line. */
	if (value >= line + len)
		return;
	len -= value - line;
	if (!strncasecmp(line, "Status:", 7))
		s->installed = len >= 10 && !strncmp(value + len - 10, " installed", 10);
	if (!strncasecmp(line, "Source:", 7))
		take_source(&s->pkg, value, len);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (strncasecmp(line, fields[i].key, strlen(fields[i].key)))
			continue;
		free(*fields[i].to);
		*fields[i].to = strndup(value, len);
	}
}

static int take_stanza(struct stanza *s, struct packages *pk)
{
	struct package *pkg = &s->pkg, *grown;
	bool whole = s->installed && pkg->name && pkg->version && pkg->architecture;

	if (!whole) {
		package_clear(pkg);
		return 0;
	}
	if (!pkg->source)
		pkg->source = strdup(pkg->name);
	if (!pkg->source_version)
		pkg->source_version = strdup(pkg->version);
	grown = reallocarray(pk->list, pk->n + 1, sizeof(*grown));
	if (!grown || !pkg->source || !pkg->source_version) {
		package_clear(pkg);
		if (grown)
			pk->list = grown;
		return -ENOMEM;
	}
	pk->list = grown;
	pk->list[pk->n++] = *pkg;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct package *x = a, *y = b;

	return strcmp(x->name, y->name) ?: strcmp(x->architecture, y->architecture);
}

int packages_parse(const char *status, struct packages *ret_packages)
{
	struct packages pk = { 0 };
	struct stanza s = { 0 };
	int ret = 0;

	while (!ret && *status) {
		size_t len = strcspn(status, "\n");

		if (len) {
			take_field(&s, status, len);
		} else {
			ret = take_stanza(&s, &pk);
			s = (struct stanza){ 0 };
		}
		status += len + (status[len] == '\n');
	}
	if (!ret)
		ret = take_stanza(&s, &pk);
	else
		package_clear(&s.pkg);
	if (ret) {
		packages_free(&pk);
		return ret;
	}
	if (pk.n)
		qsort(pk.list, pk.n, sizeof(pk.list[0]), by_name);
	*ret_packages = pk;
	return 0;
}
