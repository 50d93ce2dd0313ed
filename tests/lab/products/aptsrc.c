// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "tests/lab/products/aptsrc.h"

#define DEBIAN_KEYS "/usr/share/keyrings/debian-archive-keyring.gpg"

/* One source, of either format; lists are separated by blanks. */
struct entry {
	char types[64];
	char uris[512];
	char suites[256];
	char components[256];
	char signed_by[PATH_MAX];
	bool disabled;
};

/* What apt calls the suite of this machine's release, besides its codename. */
static const char *const release_aliases[] = { "stable", "oldstable" };

static bool list_has(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = list; (at = strstr(at, word)); at += len)
		if ((at == list || isspace((unsigned char)at[-1])) &&
		    (at[len] == '\0' || isspace((unsigned char)at[len])))
			return true;
	return false;
}

static bool is_release(const char *suites, const char *codename, const char *suffix)
{
	char word[128];

	snprintf(word, sizeof(word), "%s%s", codename, suffix);
	if (list_has(suites, word))
		return true;
	for (size_t i = 0; i < sizeof(release_aliases) / sizeof(release_aliases[0]); i++) {
		snprintf(word, sizeof(word), "%s%s", release_aliases[i], suffix);
		if (list_has(suites, word))
			return true;
	}
	return false;
}

static void take(const struct entry *e, struct aptsrc_archive *to)
{
	size_t len = strcspn(e->uris, " \t");

	if (to->uri || !len || !strncmp(e->uris, "cdrom:", 6))
		return;
	while (len > 1 && e->uris[len - 1] == '/')
		len--;
	to->uri = strndup(e->uris, len);
	if (e->signed_by[0] == '/')
		to->signed_by = strdup(e->signed_by);
}

static void consider(const struct entry *e, const char *codename, struct aptsrc *a)
{
	if (e->disabled || !list_has(e->types, "deb") || !list_has(e->components, "main"))
		return;
	if (is_release(e->suites, codename, ""))
		take(e, &a->debian);
	if (is_release(e->suites, codename, "-security"))
		take(e, &a->security);
}

static void copy_word(char *to, size_t size, const char *from, size_t len)
{
	snprintf(to, size, "%.*s", (int)len, from);
}

/* "[arch=amd64 signed-by=/key]" */
static char *parse_options(char *line, struct entry *e)
{
	char *end = strchr(line, ']'), *key;

	if (!end)
		return NULL;
	*end = '\0';
	key = strcasestr(line, "signed-by=");
	if (key) {
		key += strlen("signed-by=");
		copy_word(e->signed_by, sizeof(e->signed_by), key, strcspn(key, " \t,"));
	}
	return end + 1;
}

static void parse_one_line(char *line, const char *codename, struct aptsrc *a)
{
	struct entry e = { 0 };
	size_t len;

	line[strcspn(line, "#\n")] = '\0';
	line += strspn(line, " \t");
	len = strcspn(line, " \t");
	copy_word(e.types, sizeof(e.types), line, len);
	line += len;
	line += strspn(line, " \t");
	if (*line == '[') {
		line = parse_options(line, &e);
		if (!line)
			return;
		line += strspn(line, " \t");
	}
	len = strcspn(line, " \t");
	copy_word(e.uris, sizeof(e.uris), line, len);
	line += len;
	line += strspn(line, " \t");
	len = strcspn(line, " \t");
	copy_word(e.suites, sizeof(e.suites), line, len);
	line += len;
	copy_word(e.components, sizeof(e.components), line, strlen(line));
	consider(&e, codename, a);
}

static void append(char *to, size_t size, const char *text)
{
	size_t used = strlen(to);

	text += strspn(text, " \t");
	snprintf(to + used, size - used, "%s%s", used ? " " : "", text);
}

static void add_field(struct entry *e, const char *field, const char *value)
{
	if (!strcasecmp(field, "Types"))
		append(e->types, sizeof(e->types), value);
	else if (!strcasecmp(field, "URIs"))
		append(e->uris, sizeof(e->uris), value);
	else if (!strcasecmp(field, "Suites"))
		append(e->suites, sizeof(e->suites), value);
	else if (!strcasecmp(field, "Components"))
		append(e->components, sizeof(e->components), value);
	else if (!strcasecmp(field, "Signed-By") && !e->signed_by[0])
		append(e->signed_by, sizeof(e->signed_by), value);
	else if (!strcasecmp(field, "Enabled"))
		e->disabled = !strcasecmp(value + strspn(value, " \t"), "no");
}

static void parse_deb822(FILE *f, const char *codename, struct aptsrc *a)
{
	char *line = NULL, field[64] = "", *colon;
	struct entry e = { 0 };
	size_t size = 0;

	while (getline(&line, &size, f) >= 0) {
		line[strcspn(line, "\r\n")] = '\0';
		if (line[0] == '#')
			continue;
		if (!line[strspn(line, " \t")]) {
			consider(&e, codename, a);
			e = (struct entry){ 0 };
			field[0] = '\0';
		} else if (isspace((unsigned char)line[0])) {
			add_field(&e, field, line);
		} else if ((colon = strchr(line, ':'))) {
			copy_word(field, sizeof(field), line, colon - line);
			add_field(&e, field, colon + 1);
		}
	}
	consider(&e, codename, a);
	free(line);
}

void aptsrc_parse(FILE *f, int deb822, const char *codename, struct aptsrc *a)
{
	char *line = NULL;
	size_t size = 0;

	if (deb822) {
		parse_deb822(f, codename, a);
		return;
	}
	while (getline(&line, &size, f) >= 0)
		parse_one_line(line, codename, a);
	free(line);
}

static void parse_files(const char *etc, const char *pattern, int deb822, const char *codename,
			struct aptsrc *a)
{
	char path[PATH_MAX];
	glob_t g = { 0 };
	FILE *f;

	snprintf(path, sizeof(path), "%s/apt/%s", etc, pattern);
	if (!glob(path, 0, NULL, &g)) {
		for (size_t i = 0; i < g.gl_pathc; i++) {
			f = fopen(g.gl_pathv[i], "re");
			if (!f)
				continue;
			aptsrc_parse(f, deb822, codename, a);
			fclose(f);
		}
	}
	globfree(&g);
}

static int read_codename(const char *etc, char *ret_codename, size_t size)
{
	char path[PATH_MAX], *line = NULL, *value;
	size_t line_size = 0;
	int ret = -ENOENT;
	FILE *f;

	snprintf(path, sizeof(path), "%s/os-release", etc);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (ret && getline(&line, &line_size, f) >= 0) {
		if (strncmp(line, "VERSION_CODENAME=", 17))
			continue;
		value = line + 17 + (line[17] == '"');
		copy_word(ret_codename, size, value, strcspn(value, "\"\n"));
		ret = 0;
	}
	free(line);
	fclose(f);
	return ret;
}

int aptsrc_load(const char *etc, struct aptsrc *ret_aptsrc, struct problem *p)
{
	struct aptsrc a = { 0 };
	char codename[64];

	if (read_codename(etc, codename, sizeof(codename)))
		return problem_set(p, -ENOENT, "%s/os-release: names no Debian release", etc);
	parse_files(etc, "sources.list", 0, codename, &a);
	parse_files(etc, "sources.list.d/*.list", 0, codename, &a);
	parse_files(etc, "sources.list.d/*.sources", 1, codename, &a);
	if (!a.debian.uri) {
		aptsrc_free(&a);
		problem_hint(p, "add Debian's main archive of this release to apt's sources");
		return problem_set(p, -ENOENT, "%s/apt: no source of Debian %s's 'main' found", etc,
				   codename);
	}
	*ret_aptsrc = a;
	return 0;
}

void aptsrc_free(struct aptsrc *a)
{
	free(a->debian.uri);
	free(a->debian.signed_by);
	free(a->security.uri);
	free(a->security.signed_by);
	*a = (struct aptsrc){ 0 };
}

static void write_line(FILE *f, const char *type, const struct aptsrc_archive *from,
		       const char *suite)
{
	const char *keys = from->signed_by;

	if (!keys && !access(DEBIAN_KEYS, R_OK))
		keys = DEBIAN_KEYS;
	fprintf(f, "%s %s%s%s%s %s main\n", type, keys ? "[signed-by=" : "", keys ? keys : "",
		keys ? "] " : "", from->uri, suite);
}

void aptsrc_write(const struct aptsrc *a, FILE *f)
{
	static const char *const suites[] = { "trixie", "trixie-updates", "trixie-backports" };

	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
		write_line(f, "deb", &a->debian, suites[i]);
	if (a->security.uri)
		write_line(f, "deb", &a->security, "trixie-security");
	/* Sources only: nothing of sid is ever installed. */
	write_line(f, "deb-src", &a->debian, "sid");
}
