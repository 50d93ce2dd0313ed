// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lab/products/aptver.h"
#include "tests/lab/products/hash.h"
#include "tests/lab/products/key.h"

/* Raise it when the engine builds otherwise from the same inputs. */
#define KEY_FORMAT "pfkeep-product 1"

void key_free(struct key *k)
{
	free(k->inputs);
	k->inputs = NULL;
}

static void shorten(const char *text, char ret_key[STORE_KEY_LEN + 1])
{
	char hex[HASH_HEX + 1];

	hash_bytes(text, strlen(text), hex);
	snprintf(ret_key, STORE_KEY_LEN + 1, "%.*s", STORE_KEY_LEN, hex);
}

/* What editors and version control leave behind is no input. */
static int is_litter(const char *name)
{
	return name[0] == '.' || name[strlen(name) - 1] == '~';
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static int add_file(FILE *text, const FTSENT *e, const char *label, const char *below)
{
	char hex[HASH_HEX + 1];
	int ret;

	if (S_ISLNK(e->fts_statp->st_mode))
		ret = hash_link_at(-1, e->fts_path, hex);
	else
		ret = hash_file_at(-1, e->fts_path, hex);
	if (!ret)
		fprintf(text, "file %s%s %s %s\n", label, below, hex,
			e->fts_statp->st_mode & 0100 ? "x" : "-");
	return ret;
}

static int add_path(FILE *text, const char *path, const char *label, struct problem *p)
{
	char *roots[] = { (char *)path, NULL };
	int ret = 0;
	FTSENT *e;
	FTS *fts;

	if (access(path, F_OK))
		return problem_set(p, -ENOENT, "%s: missing", path);
	fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
	if (!fts)
		return problem_set(p, -errno, "%s: %m", path);
	while (!ret && (e = fts_read(fts))) {
		if (e->fts_level > 0 && is_litter(e->fts_name)) {
			fts_set(fts, e, FTS_SKIP);
			continue;
		}
		if (e->fts_info == FTS_F || e->fts_info == FTS_SL || e->fts_info == FTS_SLNONE)
			ret = add_file(text, e, label, e->fts_path + strlen(path));
		else if (e->fts_info != FTS_D && e->fts_info != FTS_DP)
			ret = -EINVAL;
		if (ret)
			problem_set(p, ret, "%s: %s", e->fts_path, strerror(-ret));
	}
	fts_close(fts);
	return ret;
}

static int add_tree_file(const struct catalog *c, const struct input *in, FILE *text,
			 struct problem *p)
{
	char *path;
	int ret = 0;

	if (asprintf(&path, "%s/%s", c->tree, in->name) < 0)
		return -ENOMEM;
	if (in->kind == INPUT_FILE || !access(path, F_OK))
		ret = add_path(text, path, in->name, p);
	else
		fprintf(text, "file %s absent\n", in->name);
	free(path);
	return ret;
}

static int add_product(const struct catalog *c, const struct store *s, const struct input *in,
		       FILE *full, FILE *tree, bool *unknown, struct problem *p)
{
	struct key on = { 0 };
	int ret;

	ret = key_compute(c, s, catalog_find(c, in->name), &on, p);
	if (ret)
		return ret;
	fprintf(tree, "%s %s %s\n", in->kind == INPUT_NEEDS ? "needs" : "uses", in->name,
		on.tree_key);
	if (in->kind == INPUT_USES)
		fprintf(full, "uses %s %s\n", in->name, on.tree_key);
	else
		fprintf(full, "needs %s %s\n", in->name, on.key);
	if (in->kind == INPUT_NEEDS && !on.key[0])
		*unknown = true;
	key_free(&on);
	return 0;
}

static int add_package(const struct store *s, const struct input *in, FILE *full, FILE *tree,
		       bool *unknown, struct problem *p)
{
	const char *kind = in->kind == INPUT_SOURCE ? "source" : "package";
	char *version = NULL;
	int ret;

	fprintf(tree, "%s %s %s %s\n", kind, in->suite, in->name, in->prefix ? in->prefix : "");
	ret = aptver_resolve(s, in, &version, p);
	if (ret == -ENODATA) {
		*unknown = true;
		return 0;
	}
	if (!ret)
		fprintf(full, "%s %s %s %s\n", kind, in->suite, in->name, version);
	free(version);
	return ret;
}

static int add_input(const struct catalog *c, const struct store *s, const struct input *in,
		     FILE *full, FILE *tree, bool *unknown, struct problem *p)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f;
	int ret;

	if (input_is_product(in))
		return add_product(c, s, in, full, tree, unknown, p);
	if (input_is_package(in))
		return add_package(s, in, full, tree, unknown, p);
	f = open_memstream(&text, &len);
	if (!f)
		return -ENOMEM;
	ret = add_tree_file(c, in, f, p);
	fclose(f);
	fputs(text, full);
	fputs(text, tree);
	free(text);
	return ret;
}

static int add_own_files(const struct product *pr, FILE *full, FILE *tree, struct problem *p)
{
	int ret;

	ret = add_path(full, pr->dir, pr->name, p);
	return ret ? ret : add_path(tree, pr->dir, pr->name, p);
}

static int write_texts(const struct catalog *c, const struct store *s, const struct product *pr,
		       FILE *full, FILE *tree, bool *unknown, struct problem *p)
{
	int ret;

	fprintf(full, KEY_FORMAT " %s\n", pr->name);
	fprintf(tree, KEY_FORMAT " %s\n", pr->name);
	ret = add_own_files(pr, full, tree, p);
	for (size_t i = 0; !ret && i < pr->n_inputs; i++)
		ret = add_input(c, s, &pr->inputs[i], full, tree, unknown, p);
	return ret;
}

/* The tree key goes into the text that is kept with the entry, not into its key. */
static int append_tree_key(struct key *k)
{
	char *text;

	if (asprintf(&text, "%stree %s\n", k->inputs, k->tree_key) < 0)
		return -ENOMEM;
	free(k->inputs);
	k->inputs = text;
	return 0;
}

int key_compute(const struct catalog *c, const struct store *s, const struct product *pr,
		struct key *ret_key, struct problem *p)
{
	char *full_text = NULL, *tree_text = NULL;
	size_t full_len = 0, tree_len = 0;
	bool unknown = false;
	struct key k = { 0 };
	FILE *full, *tree;
	int ret = -ENOMEM;

	full = open_memstream(&full_text, &full_len);
	tree = open_memstream(&tree_text, &tree_len);
	if (full && tree)
		ret = write_texts(c, s, pr, full, tree, &unknown, p);
	if (full)
		fclose(full);
	if (tree)
		fclose(tree);
	if (!ret) {
		k.inputs = full_text;
		full_text = NULL;
		shorten(tree_text, k.tree_key);
		if (!unknown)
			shorten(k.inputs, k.key);
		else
			store_newest_like(s, pr->name, k.tree_key, k.key);
		ret = append_tree_key(&k);
	}
	free(full_text);
	free(tree_text);
	if (ret)
		key_free(&k);
	else
		*ret_key = k;
	return ret;
}
