// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lab/products/aptver.h"
#include "tests/lab/products/build.h"
#include "tests/lab/products/manifest.h"
#include "tests/lab/products/progress.h"
#include "tests/lab/products/run.h"

#define LISTS_MAX_AGE_S (24 * 3600)
#define MAX_ENV		96

struct env {
	char *vars[MAX_ENV + 1];
	size_t n;
};

static void env_add(struct env *e, const char *prefix, const char *name, const char *value)
{
	char *var;

	if (asprintf(&var, "%s%s=%s", prefix, name, value) < 0 || e->n == MAX_ENV)
		abort();
	for (char *c = var; *c != '='; c++)
		if (!isalnum((unsigned char)*c))
			*c = '_';
	e->vars[e->n++] = var;
}

static void env_free(struct env *e)
{
	for (size_t i = 0; i < e->n; i++)
		free(e->vars[i]);
}

static void env_add_fixed(struct env *e, const struct build *b, const struct product *pr,
			  const char *tmp)
{
	static const char *const passed_on[] = { "http_proxy", "https_proxy", "ftp_proxy",
						 "no_proxy" };
	char *config = aptver_config(b->store), *suites = store_path(b->store, "apt/sources.list");
	char *scratch = store_path(b->store, "scratch"), jobs[16], dir[4096];

	snprintf(jobs, sizeof(jobs), "%ld", sysconf(_SC_NPROCESSORS_ONLN));
	env_add(e, "", "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	env_add(e, "", "LC_ALL", "C.UTF-8");
	env_add(e, "", "TERM", "dumb");
	env_add(e, "", "DEBIAN_FRONTEND", "noninteractive");
	env_add(e, "", "TREE", b->catalog->tree);
	env_add(e, "", "PRODUCT_DIR", pr->dir);
	env_add(e, "", "APT_CONFIG", config);
	env_add(e, "", "SUITES", suites);
	env_add(e, "", "JOBS", jobs);
	env_add(e, "", "SCRATCH", scratch);
	snprintf(dir, sizeof(dir), "%s/work", tmp);
	env_add(e, "", "WORK", dir);
	env_add(e, "", "HOME", dir);
	env_add(e, "", "TMPDIR", dir);
	snprintf(dir, sizeof(dir), "%s/out", tmp);
	env_add(e, "", "OUT", dir);
	for (size_t i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++)
		if (getenv(passed_on[i]))
			env_add(e, "", passed_on[i], getenv(passed_on[i]));
	free(scratch);
	free(suites);
	free(config);
}

/* DEP_kernel_pfkeep=/path, VERSION_linux_source_7_3=7.3.4-1 */
static int env_add_inputs(struct env *e, const struct build *b, const struct product *pr,
			  struct problem *p)
{
	char *value;
	int ret = 0;

	for (size_t i = 0; !ret && i < pr->n_inputs; i++) {
		const struct input *in = &pr->inputs[i];

		if (input_is_product(in))
			ret = build_lookup(b, catalog_find(b->catalog, in->name), false, &value, p);
		else if (input_is_package(in))
			ret = aptver_resolve(b->store, in, &value, p);
		else
			continue;
		if (ret)
			break;
		env_add(e, input_is_product(in) ? "DEP_" : "VERSION_", in->name, value);
		free(value);
	}
	return ret;
}

static int check_space(const struct build *b, const struct product *pr, struct problem *p)
{
	uint64_t mib;
	int ret = store_free_mib(b->store, &mib);

	if (ret)
		return problem_set(p, ret, "%s: %s", b->store->root, strerror(-ret));
	if (mib >= pr->disk_mib)
		return 0;
	problem_hint(p, "free some space, or put the cache elsewhere with PFKEEP_CACHE");
	return problem_set(p, -ENOSPC, "%s: its build takes %u MiB in %s, which has %ju left",
			   pr->name, pr->disk_mib, b->store->root, (uintmax_t)mib);
}

static int make_dir(const char *tmp, const char *name)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", tmp, name);
	return mkdir(path, 0755) ? -errno : 0;
}

static int write_inputs(const char *tmp, const struct key *k)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/out/" STORE_INPUTS_NAME, tmp);
	f = fopen(path, "we");
	if (!f)
		return -errno;
	fputs(k->inputs, f);
	return fclose(f) ? -errno : 0;
}

static int run_in(const struct build *b, const struct product *pr, const char *tmp,
		  struct progress *pg, struct problem *p)
{
	char *log = store_path(b->store, "log/%s.log", pr->name), work[4096];
	struct env env = { .n = 0 };
	struct run r = { .product = pr,
			 .env = (const char *const *)env.vars,
			 .work_dir = work,
			 .log_path = log,
			 .progress = pg };
	int ret;

	snprintf(work, sizeof(work), "%s/work", tmp);
	env_add_fixed(&env, b, pr, tmp);
	ret = env_add_inputs(&env, b, pr, p);
	if (!ret)
		ret = run_recipe(&r, p);
	env_free(&env);
	free(log);
	return ret;
}

/* An entry must be what its key says, also when somebody edits during a build. */
static int check_unchanged(const struct build *b, const struct product *pr, const struct key *k,
			   struct problem *p)
{
	struct key now = { 0 };
	int ret = key_compute(b->catalog, b->store, pr, &now, p);

	if (!ret && strcmp(now.key, k->key)) {
		problem_hint(p, "run it again");
		ret = problem_set(p, -EAGAIN, "%s: what it is built from changed during the build",
				  pr->name);
	}
	key_free(&now);
	return ret;
}

static int build_in(const struct build *b, const struct product *pr, const struct key *k,
		    const char *tmp, struct progress *pg, struct problem *p)
{
	char out[4096];
	int ret;

	ret = make_dir(tmp, "work");
	if (!ret)
		ret = make_dir(tmp, "out");
	if (!ret)
		ret = run_in(b, pr, tmp, pg, p);
	if (!ret)
		ret = check_unchanged(b, pr, k, p);
	if (!ret)
		ret = write_inputs(tmp, k);
	if (ret)
		return problem_set(p, ret, "%s: %s: %s", pr->name, tmp, strerror(-ret));
	progress_step(pg, "check and store");
	snprintf(out, sizeof(out), "%s/out", tmp);
	return store_publish(b->store, pr->name, k->key, out, p);
}

/* With the product's lock held. */
static int build_one(const struct build *b, const struct product *pr, const struct key *k,
		     struct problem *p)
{
	struct progress pg;
	char *tmp = NULL;
	int ret;

	if (pr->root && geteuid()) {
		problem_hint(p, "run it as root");
		return problem_set(p, -EPERM, "%s: its build needs root", pr->name);
	}
	ret = check_space(b, pr, p);
	if (!ret)
		ret = store_temp_dir(b->store, pr->name, &tmp, p);
	if (ret)
		return ret;
	progress_start(&pg, b->out, pr->name);
	progress_step(&pg, "start");
	ret = build_in(b, pr, k, tmp, &pg, p);
	progress_end(&pg, !ret ? "done" : ret == -EINTR ? "interrupted" : "FAILED");
	store_remove_tree(tmp);
	free(tmp);
	return ret;
}

static int check_entry(const struct build *b, const struct product *pr, const struct key *k,
		       bool deep, char **ret_entry, struct problem *p)
{
	char *entry;
	int ret;

	if (!k->key[0])
		return -ENOENT;
	entry = store_entry(b->store, pr->name, k->key);
	ret = access(entry, F_OK) ? -ENOENT : manifest_check(entry, deep, p);
	if (!ret && ret_entry)
		*ret_entry = entry;
	else
		free(entry);
	return ret;
}

int build_lookup(const struct build *b, const struct product *pr, bool deep, char **ret_entry,
		 struct problem *p)
{
	struct key k = { 0 };
	int ret = key_compute(b->catalog, b->store, pr, &k, p);

	if (!ret)
		ret = check_entry(b, pr, &k, deep, ret_entry, p);
	key_free(&k);
	return ret;
}

static bool has_packages(const struct catalog *c, const struct product *pr)
{
	const struct input *in;

	for (in = pr->inputs; in < pr->inputs + pr->n_inputs; in++)
		if (input_is_package(in) ||
		    (input_is_product(in) && has_packages(c, catalog_find(c, in->name))))
			return true;
	return false;
}

static void say_waiting(const char *name, const char *holder, void *arg)
{
	const struct build *b = arg;

	fprintf(b->out, "  %-14s waits: it is being built by %s\n", name, holder);
	fflush(b->out);
}

/*
 * Lists go stale as a mirror drops old versions, so they are fetched anew before
 * a run builds anything; without the network the old ones may still do. Once a
 * run, as new lists mean new keys.
 */
static int refresh_lists(struct build *b, const struct product *pr, struct problem *p)
{
	struct problem offline = { 0 };
	struct key k = { 0 };
	int ret;

	if (b->refreshed || !has_packages(b->catalog, pr))
		return 0;
	b->refreshed = true;
	ret = aptver_refresh(b->store, LISTS_MAX_AGE_S, b->out, &offline);
	if (!ret)
		return 0;
	if (key_compute(b->catalog, b->store, pr, &k, p))
		return -EINVAL;
	if (k.key[0])
		fprintf(b->out, "  %-14s %s; going on with older lists\n", pr->name, offline.text);
	else
		*p = offline;
	ret = k.key[0] ? 0 : ret;
	key_free(&k);
	return ret;
}

/* With the lock held: somebody may have built it while we waited. */
static int ensure_locked(struct build *b, const struct product *pr, struct problem *p)
{
	struct problem damage = { 0 };
	struct key k = { 0 };
	int ret;

	ret = key_compute(b->catalog, b->store, pr, &k, p);
	if (ret)
		return ret;
	if (!k.key[0])
		ret = problem_set(p, -ENOENT, "%s: what it is built from is not there", pr->name);
	else if (check_entry(b, pr, &k, false, NULL, &damage)) {
		if (damage.text[0])
			fprintf(b->out, "  %-14s damaged, is built anew: %s\n", pr->name,
				damage.text);
		ret = build_one(b, pr, &k, p);
	}
	key_free(&k);
	return ret;
}

static int ensure_inputs(struct build *b, const struct product *pr, struct problem *p)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < pr->n_inputs; i++)
		if (input_is_product(&pr->inputs[i]))
			ret = build_ensure(b, catalog_find(b->catalog, pr->inputs[i].name), p);
	return ret;
}

int build_ensure(struct build *b, const struct product *pr, struct problem *p)
{
	struct problem none = { 0 };
	int lock = -1, ret;

	if (!build_lookup(b, pr, false, NULL, &none))
		return 0;
	ret = refresh_lists(b, pr, p);
	if (!ret && !build_lookup(b, pr, false, NULL, &none))
		return 0;
	if (!ret)
		ret = ensure_inputs(b, pr, p);
	if (!ret)
		ret = store_lock(b->store, pr->name, say_waiting, b, &lock, p);
	if (ret)
		return ret;
	ret = ensure_locked(b, pr, p);
	store_unlock(lock);
	return ret;
}
