// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lab/products/testbed.h"

#define REQUIRE(what)                  \
	do {                           \
		if (!(what)) {         \
			perror(#what); \
			abort();       \
		}                      \
	} while (0)

static const char *vpath(struct testbed *tb, const char *fmt, va_list ap)
{
	static char paths[4][PATH_MAX];
	static unsigned int turn;
	char *path = paths[turn++ % 4];
	int n = snprintf(path, PATH_MAX, "%s/", tb->dir);

	vsnprintf(path + n, PATH_MAX - n, fmt, ap);
	return path;
}

const char *testbed_path(struct testbed *tb, const char *fmt, ...)
{
	const char *path;
	va_list ap;

	va_start(ap, fmt);
	path = vpath(tb, fmt, ap);
	va_end(ap);
	return path;
}

static void make_parents(const char *path)
{
	char part[PATH_MAX];

	for (const char *c = path + 1; *c; c++) {
		if (*c != '/')
			continue;
		snprintf(part, sizeof(part), "%.*s", (int)(c - path), path);
		mkdir(part, 0755);
	}
}

void testbed_write(struct testbed *tb, const char *text, const char *fmt, ...)
{
	const char *path;
	va_list ap;
	FILE *f;

	va_start(ap, fmt);
	path = vpath(tb, fmt, ap);
	va_end(ap);
	make_parents(path);
	f = fopen(path, "we");
	REQUIRE(f);
	fputs(text, f);
	REQUIRE(!fclose(f));
}

char *testbed_read(struct testbed *tb, const char *fmt, ...)
{
	char *text = calloc(1, 4096);
	const char *path;
	va_list ap;
	FILE *f;

	REQUIRE(text);
	va_start(ap, fmt);
	path = vpath(tb, fmt, ap);
	va_end(ap);
	f = fopen(path, "re");
	if (f) {
		text[fread(text, 1, 4095, f)] = '\0';
		fclose(f);
	}
	return text;
}

void testbed_open(struct testbed *tb)
{
	memset(tb, 0, sizeof(*tb));
	snprintf(tb->dir, sizeof(tb->dir), "/tmp/products-test.XXXXXX");
	REQUIRE(mkdtemp(tb->dir));
	REQUIRE(!mkdir(testbed_path(tb, "tree"), 0755));
	REQUIRE(!mkdir(testbed_path(tb, "tree/products"), 0755));
	REQUIRE(!store_open(testbed_path(tb, "cache"), &tb->store, &tb->problem));
	tb->out = fopen(testbed_path(tb, "progress"), "we");
	REQUIRE(tb->out);
	/* Versions that are known ask no apt. */
	testbed_write(tb, "", "cache/apt/stamp");
}

void testbed_close(struct testbed *tb)
{
	fclose(tb->out);
	store_close(&tb->store);
	catalog_free(&tb->catalog);
	store_remove_tree(tb->dir);
}

void testbed_product(struct testbed *tb, const char *name, const char *description,
		     const char *recipe)
{
	testbed_write(tb, description, "tree/products/%s/product", name);
	testbed_write(tb, recipe, "tree/products/%s/recipe.sh", name);
}

int testbed_load(struct testbed *tb)
{
	char tree[PATH_MAX];

	catalog_free(&tb->catalog);
	memset(&tb->problem, 0, sizeof(tb->problem));
	tb->build = (struct build){ .catalog = &tb->catalog, .store = &tb->store, .out = tb->out };
	snprintf(tree, sizeof(tree), "%s/tree", tb->dir);
	return catalog_load(tree, testbed_path(tb, "tree/products"), &tb->catalog, &tb->problem);
}

unsigned int testbed_count(struct testbed *tb, const char *folder)
{
	DIR *d = opendir(testbed_path(tb, "%s", folder));
	unsigned int n = 0;
	struct dirent *e;

	while (d && (e = readdir(d)))
		n += e->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}
