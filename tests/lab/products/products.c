// SPDX-License-Identifier: GPL-2.0-only
/* Builds and keeps what the lab runs on: kernels, images, QEMU. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <json-c/json.h>

#include "tests/lab/products/aptver.h"
#include "tests/lab/products/build.h"

#define EXIT_FAILED 1
#define EXIT_USAGE  2

struct products {
	struct catalog catalog;
	struct store store;
	struct build build;
	struct problem problem;
};

static const char usage[] = "usage: products COMMAND\n"
			    "  build NAME...|--all   bring products up to date\n"
			    "  path NAME             where an up-to-date product lies\n"
			    "  list [--json]         what there is, and what is built\n"
			    "  verify [NAME...]      read every file of what is built\n"
			    "  update                fetch the package lists anew\n"
			    "  gc                    remove what is out of date and not in use\n"
			    "The cache is $PFKEEP_CACHE, else ~/.cache/pfkeep.\n";

static int find_tree(char *ret_tree, size_t size)
{
	const char *given = getenv("PFKEEP_TREE");
	char exe[PATH_MAX];
	ssize_t n;

	if (given && *given)
		return snprintf(ret_tree, size, "%s", given) < (int)size ? 0 : -ENAMETOOLONG;
	n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	if (n < 0)
		return -errno;
	exe[n] = '\0';
	/* TREE/build/lab/products */
	for (int up = 0; up < 3; up++)
		if (strrchr(exe, '/'))
			*strrchr(exe, '/') = '\0';
	return snprintf(ret_tree, size, "%s", exe) < (int)size ? 0 : -ENAMETOOLONG;
}

static int products_open(struct products *ps)
{
	char tree[PATH_MAX], dir[PATH_MAX + 32];
	int ret = find_tree(tree, sizeof(tree));

	if (ret)
		return problem_set(&ps->problem, ret, "/proc/self/exe: %s", strerror(-ret));
	snprintf(dir, sizeof(dir), "%s/tests/lab/products", tree);
	ret = catalog_load(tree, dir, &ps->catalog, &ps->problem);
	if (!ret)
		ret = store_open(NULL, &ps->store, &ps->problem);
	ps->build = (struct build){ .catalog = &ps->catalog, .store = &ps->store, .out = stderr };
	return ret;
}

static void products_close(struct products *ps)
{
	store_close(&ps->store);
	catalog_free(&ps->catalog);
}

static const struct product *find(struct products *ps, const char *name)
{
	const struct product *pr = catalog_find(&ps->catalog, name);

	if (!pr) {
		problem_hint(&ps->problem, "`products list` shows what there is");
		problem_set(&ps->problem, -ENOENT, "no product is called '%s'", name);
	}
	return pr;
}

static int build_all(struct products *ps)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < ps->catalog.n_products; i++)
		if (!ps->catalog.products[i].on_demand)
			ret = build_ensure(&ps->build, &ps->catalog.products[i], &ps->problem);
	return ret;
}

static int cmd_build(struct products *ps, int argc, char **argv)
{
	int ret = 0;

	if (argc == 1 && !strcmp(argv[0], "--all"))
		return build_all(ps);
	for (int i = 0; i < argc; i++)
		if (!find(ps, argv[i]))
			return -EINVAL;
	for (int i = 0; !ret && i < argc; i++)
		ret = build_ensure(&ps->build, find(ps, argv[i]), &ps->problem);
	return ret;
}

static int cmd_path(struct products *ps, int argc, char **argv)
{
	const struct product *pr = find(ps, argv[0]);
	char *entry;
	int ret;

	if (!pr)
		return -EINVAL;
	ret = build_lookup(&ps->build, pr, false, &entry, &ps->problem);
	if (ret) {
		problem_hint(&ps->problem, "run `build/lab/products build %s`", pr->name);
		return problem_set(&ps->problem, ret, "%s is not built", pr->name);
	}
	puts(entry);
	free(entry);
	return 0;
}

struct state {
	const char *word;
	char *entry; /* NULL when it is not ready */
	char built[32];
};

static int get_state(struct products *ps, const struct product *pr, struct state *ret_state)
{
	struct problem why = { 0 };
	struct stat st;
	struct tm tm;
	int ret;

	*ret_state = (struct state){ .word = "missing" };
	ret = build_lookup(&ps->build, pr, false, &ret_state->entry, &why);
	if (ret == -EBADMSG)
		ret_state->word = "damaged";
	else if (ret && ret != -ENOENT) {
		ps->problem = why;
		return ret;
	}
	if (ret)
		return 0;
	ret_state->word = "ready";
	if (!stat(ret_state->entry, &st))
		strftime(ret_state->built, sizeof(ret_state->built), "%Y-%m-%d %H:%M",
			 localtime_r(&st.st_mtime, &tm));
	return 0;
}

static void print_json(const struct product *pr, const struct state *st, struct json_object *list)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "name", json_object_new_string(pr->name));
	json_object_object_add(o, "title", json_object_new_string(pr->title));
	json_object_object_add(o, "state", json_object_new_string(st->word));
	json_object_object_add(o, "on_demand", json_object_new_boolean(pr->on_demand));
	json_object_object_add(o, "path", st->entry ? json_object_new_string(st->entry) : NULL);
	json_object_array_add(list, o);
}

static int cmd_list(struct products *ps, int argc, char **argv)
{
	struct json_object *list = json_object_new_array();
	bool json = argc == 1 && !strcmp(argv[0], "--json");
	struct state st;
	int ret = 0;

	for (size_t i = 0; !ret && i < ps->catalog.n_products; i++) {
		const struct product *pr = &ps->catalog.products[i];

		ret = get_state(ps, pr, &st);
		if (ret)
			break;
		if (json)
			print_json(pr, &st, list);
		else
			printf("%-14s %-8s %-16s %s%s\n", pr->name, st.word, st.built, pr->title,
			       pr->on_demand ? " (on demand)" : "");
		free(st.entry);
	}
	if (!ret && json)
		puts(json_object_to_json_string_ext(list, JSON_C_TO_STRING_PRETTY |
								  JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(list);
	return ret;
}

static int verify_one(struct products *ps, const struct product *pr, bool must_be_there)
{
	char *entry;
	int ret = build_lookup(&ps->build, pr, true, &entry, &ps->problem);

	if (ret == -ENOENT && !ps->problem.text[0] && !must_be_there)
		return 0;
	if (ret) {
		problem_hint(&ps->problem, "`products build %s` builds it anew", pr->name);
		return problem_set(&ps->problem, ret, "%s is not built", pr->name);
	}
	printf("%-14s whole\n", pr->name);
	free(entry);
	return 0;
}

static int cmd_verify(struct products *ps, int argc, char **argv)
{
	const struct product *pr;
	int ret = 0;

	for (size_t i = 0; !ret && !argc && i < ps->catalog.n_products; i++)
		ret = verify_one(ps, &ps->catalog.products[i], false);
	for (int i = 0; !ret && i < argc; i++) {
		pr = find(ps, argv[i]);
		ret = pr ? verify_one(ps, pr, true) : -EINVAL;
	}
	return ret;
}

static int cmd_update(struct products *ps, int argc, char **argv)
{
	return aptver_refresh(&ps->store, 0, stderr, &ps->problem);
}

static int collect_one(struct products *ps, const struct product *pr)
{
	struct key k = { 0 };
	unsigned int gone = 0;
	int lock, ret;

	ret = store_trylock(&ps->store, pr->name, &lock);
	if (ret == -EWOULDBLOCK) {
		printf("%-14s is being built: left alone\n", pr->name);
		return 0;
	}
	if (ret)
		return problem_set(&ps->problem, ret, "lock of %s: %s", pr->name, strerror(-ret));
	ret = key_compute(&ps->catalog, &ps->store, pr, &k, &ps->problem);
	if (!ret)
		ret = store_collect(&ps->store, pr->name, k.key[0] ? k.key : NULL, &gone,
				    &ps->problem);
	if (!ret && gone)
		printf("%-14s %u out of date, removed\n", pr->name, gone);
	key_free(&k);
	store_unlock(lock);
	return ret;
}

static int cmd_gc(struct products *ps, int argc, char **argv)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < ps->catalog.n_products; i++)
		ret = collect_one(ps, &ps->catalog.products[i]);
	return ret;
}

static const struct command {
	const char *name;
	int min, max;
	int (*run)(struct products *ps, int argc, char **argv);
} commands[] = {
	{ "build", 1, INT_MAX, cmd_build }, { "path", 1, 1, cmd_path },
	{ "list", 0, 1, cmd_list },	    { "verify", 0, INT_MAX, cmd_verify },
	{ "update", 0, 0, cmd_update },	    { "gc", 0, 0, cmd_gc },
};

static const struct command *find_command(int argc, char **argv)
{
	const struct command *c;

	for (c = commands; argc > 1 && c < commands + sizeof(commands) / sizeof(commands[0]); c++)
		if (!strcmp(argv[1], c->name) && argc - 2 >= c->min && argc - 2 <= c->max)
			return c;
	return NULL;
}

int main(int argc, char **argv)
{
	const struct command *c = find_command(argc, argv);
	struct products ps = { 0 };
	int ret;

	if (!c) {
		bool asked = argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"));

		fputs(usage, asked ? stdout : stderr);
		return asked ? 0 : EXIT_USAGE;
	}
	ret = products_open(&ps);
	if (!ret)
		ret = c->run(&ps, argc - 2, argv + 2);
	if (ret)
		fprintf(stderr, "products: %s%s%s%s\n",
			ps.problem.text[0] ? ps.problem.text : strerror(-ret),
			ps.problem.hint[0] ? " (" : "", ps.problem.hint,
			ps.problem.hint[0] ? ")" : "");
	products_close(&ps);
	return !ret ? 0 : ret == -EINTR ? 130 : ret == -EINVAL ? EXIT_USAGE : EXIT_FAILED;
}
