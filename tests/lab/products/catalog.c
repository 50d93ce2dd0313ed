// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lab/products/catalog.h"

#define DEFAULT_TIMEOUT_S 1800
#define DEFAULT_DISK_MIB  512
#define MAX_DEPTH	  16

struct place {
	const char *file;
	unsigned int line;
};

static const struct {
	const char *word;
	enum input_kind kind;
} input_words[] = {
	{ "needs", INPUT_NEEDS },      { "uses", INPUT_USES },	     { "file", INPUT_FILE },
	{ "file?", INPUT_FILE_MAYBE }, { "package", INPUT_PACKAGE }, { "source", INPUT_SOURCE },
};

static int add_input(struct product *pr, const struct input *in)
{
	struct input *grown = reallocarray(pr->inputs, pr->n_inputs + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	pr->inputs = grown;
	pr->inputs[pr->n_inputs++] = *in;
	return 0;
}

static char *word_dup(char **rest)
{
	char *word;

	while ((word = strsep(rest, " \t")))
		if (*word)
			return strdup(word);
	return NULL;
}

static bool word_end(char *rest)
{
	return !rest || rest[strspn(rest, " \t")] == '\0';
}

static int parse_input(struct product *pr, enum input_kind kind, char *rest)
{
	struct input in = { .kind = kind };
	int ret;

	if (input_is_package(&in))
		in.suite = word_dup(&rest);
	in.name = word_dup(&rest);
	if (input_is_package(&in))
		in.prefix = word_dup(&rest);
	if (!in.name || (input_is_package(&in) && !in.suite) || !word_end(rest))
		ret = -EINVAL;
	else
		ret = add_input(pr, &in);
	if (ret) {
		free(in.suite);
		free(in.name);
		free(in.prefix);
	}
	return ret;
}

static int parse_number(const char *text, unsigned int *ret_number)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = text ? strtoul(text, &end, 10) : 0;
	if (errno || !n || *end || n > UINT_MAX)
		return -EINVAL;
	*ret_number = n;
	return 0;
}

static int parse_word(struct product *pr, const char *word, char *rest)
{
	for (size_t i = 0; i < sizeof(input_words) / sizeof(input_words[0]); i++)
		if (!strcmp(word, input_words[i].word))
			return parse_input(pr, input_words[i].kind, rest);
	if (!strcmp(word, "title") && rest && !pr->title) {
		pr->title = strdup(rest + strspn(rest, " \t"));
		return pr->title ? 0 : -ENOMEM;
	}
	if (!strcmp(word, "timeout"))
		return parse_number(rest, &pr->timeout_s);
	if (!strcmp(word, "disk"))
		return parse_number(rest, &pr->disk_mib);
	if (!strcmp(word, "root") && word_end(rest)) {
		pr->root = true;
		return 0;
	}
	if (!strcmp(word, "on-demand") && word_end(rest)) {
		pr->on_demand = true;
		return 0;
	}
	return -EINVAL;
}

static int parse_line(struct product *pr, char *line, const struct place *at, struct problem *p)
{
	char *rest = line, *word;

	line[strcspn(line, "\n")] = '\0';
	word = strsep(&rest, " \t");
	if (!*word || *word == '#')
		return 0;
	if (parse_word(pr, word, rest))
		return problem_set(p, -EINVAL, "%s:%u: not a product line: '%s%s%s'", at->file,
				   at->line, word, rest ? " " : "", rest ? rest : "");
	return 0;
}

static int parse_product(struct product *pr, const char *path, struct problem *p)
{
	struct place at = { .file = path };
	char *line = NULL;
	size_t size = 0;
	int ret = 0;
	FILE *f;

	f = fopen(path, "re");
	if (!f)
		return problem_set(p, -errno, "%s: %m", path);
	while (!ret && getline(&line, &size, f) >= 0) {
		at.line++;
		ret = parse_line(pr, line, &at, p);
	}
	if (!ret && !pr->title)
		ret = problem_set(p, -EINVAL, "%s: no title", path);
	free(line);
	fclose(f);
	return ret;
}

static void product_free(struct product *pr)
{
	for (size_t i = 0; i < pr->n_inputs; i++) {
		free(pr->inputs[i].name);
		free(pr->inputs[i].suite);
		free(pr->inputs[i].prefix);
	}
	free(pr->inputs);
	free(pr->name);
	free(pr->title);
	free(pr->dir);
}

void catalog_free(struct catalog *c)
{
	for (size_t i = 0; i < c->n_products; i++)
		product_free(&c->products[i]);
	free(c->products);
	free(c->tree);
	*c = (struct catalog){ 0 };
}

static int add_product(struct catalog *c, const char *dir, const char *name, struct problem *p)
{
	struct product *grown,
		pr = { .timeout_s = DEFAULT_TIMEOUT_S, .disk_mib = DEFAULT_DISK_MIB };
	char path[PATH_MAX];
	int ret;

	snprintf(path, sizeof(path), "%s/%s/product", dir, name);
	if (access(path, F_OK))
		return 0; /* a folder of something else */
	pr.name = strdup(name);
	if (!pr.name || asprintf(&pr.dir, "%s/%s", dir, name) < 0)
		pr.dir = NULL;
	ret = pr.name && pr.dir ? parse_product(&pr, path, p) : -ENOMEM;
	grown = ret ? NULL : reallocarray(c->products, c->n_products + 1, sizeof(pr));
	if (!grown) {
		product_free(&pr);
		return ret ? ret : -ENOMEM;
	}
	c->products = grown;
	c->products[c->n_products++] = pr;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct product *pa = a, *pb = b;

	return strcmp(pa->name, pb->name);
}

const struct product *catalog_find(const struct catalog *c, const char *name)
{
	struct product want = { .name = (char *)name };

	if (!c->n_products)
		return NULL;
	return bsearch(&want, c->products, c->n_products, sizeof(want), by_name);
}

static int check_references(const struct catalog *c, const struct product *pr, int depth,
			    struct problem *p)
{
	const struct product *on;
	int ret;

	if (depth > MAX_DEPTH)
		return problem_set(p, -ELOOP, "product %s is built from itself", pr->name);
	for (size_t i = 0; i < pr->n_inputs; i++) {
		if (!input_is_product(&pr->inputs[i]))
			continue;
		on = catalog_find(c, pr->inputs[i].name);
		if (!on)
			return problem_set(p, -ENOENT, "product %s needs %s, which does not exist",
					   pr->name, pr->inputs[i].name);
		ret = check_references(c, on, depth + 1, p);
		if (ret)
			return ret;
	}
	return 0;
}

int catalog_load(const char *tree, const char *dir, struct catalog *ret_catalog, struct problem *p)
{
	struct catalog c = { .tree = strdup(tree) };
	struct dirent *e;
	int ret = 0;
	DIR *d;

	d = opendir(dir);
	if (!d) {
		catalog_free(&c);
		return problem_set(p, -errno, "%s: %m", dir);
	}
	while (!ret && (e = readdir(d)))
		if (e->d_name[0] != '.')
			ret = add_product(&c, dir, e->d_name, p);
	closedir(d);
	if (c.n_products)
		qsort(c.products, c.n_products, sizeof(*c.products), by_name);
	for (size_t i = 0; !ret && i < c.n_products; i++)
		ret = check_references(&c, &c.products[i], 0, p);
	if (ret) {
		catalog_free(&c);
		return ret;
	}
	*ret_catalog = c;
	return 0;
}
