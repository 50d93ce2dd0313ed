// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "tests/lab/products/manifest.h"
#include "tests/lab/products/store.h"

static char *vpath(const struct store *s, const char *fmt, va_list ap)
{
	char *tail, *path;

	if (vasprintf(&tail, fmt, ap) < 0 || asprintf(&path, "%s/%s", s->root, tail) < 0)
		abort();
	free(tail);
	return path;
}

char *store_path(const struct store *s, const char *fmt, ...)
{
	va_list ap;
	char *path;

	va_start(ap, fmt);
	path = vpath(s, fmt, ap);
	va_end(ap);
	return path;
}

char *store_entry(const struct store *s, const char *name, const char *key)
{
	return store_path(s, "%s/%s", name, key);
}

static int make_dirs(const char *path)
{
	char part[PATH_MAX];

	if (strlen(path) >= sizeof(part))
		return -ENAMETOOLONG;
	for (const char *c = path + 1;; c++) {
		if (*c && *c != '/')
			continue;
		snprintf(part, sizeof(part), "%.*s", (int)(c - path), path);
		if (mkdir(part, 0755) && errno != EEXIST)
			return -errno;
		if (!*c)
			return 0;
	}
}

static char *default_root(void)
{
	const char *home = getenv("HOME"), *cache = getenv("PFKEEP_CACHE");
	char *root;

	if (cache && *cache)
		return strdup(cache);
	return asprintf(&root, "%s/.cache/pfkeep", home && *home ? home : "/root") < 0 ? NULL
										       : root;
}

int store_open(const char *root, struct store *ret_store, struct problem *p)
{
	static const char *const dirs[] = { "tmp", "locks", "log", "apt", "scratch" };
	struct store s = { .root = root ? strdup(root) : default_root() };
	char *path;
	int ret;

	if (!s.root)
		return -ENOMEM;
	ret = s.root[0] == '/' ? 0 : -EINVAL;
	if (ret)
		problem_set(p, ret, "cache folder '%s': must be an absolute path", s.root);
	for (size_t i = 0; !ret && i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		path = store_path(&s, "%s", dirs[i]);
		ret = make_dirs(path);
		if (ret)
			problem_set(p, ret, "cache folder %s: %s", path, strerror(-ret));
		free(path);
	}
	if (ret) {
		store_close(&s);
		return ret;
	}
	*ret_store = s;
	return 0;
}

void store_close(struct store *s)
{
	free(s->root);
	s->root = NULL;
}

/* For whoever waits: who holds the lock and since when. */
static void sign_lock(int fd)
{
	char text[96], when[16];
	time_t now = time(NULL);
	struct tm tm;
	int n;

	strftime(when, sizeof(when), "%H:%M:%S", localtime_r(&now, &tm));
	n = snprintf(text, sizeof(text), "process %d since %s", (int)getpid(), when);
	if (ftruncate(fd, 0) || pwrite(fd, text, n, 0) != n)
		return; /* only a courtesy */
}

static int open_lock(const struct store *s, const char *name)
{
	char *path = store_path(s, "locks/%s", name);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	free(path);
	return fd < 0 ? -errno : fd;
}

int store_trylock(const struct store *s, const char *name, int *ret_fd)
{
	int fd = open_lock(s, name), ret;

	if (fd < 0)
		return fd;
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		ret = -errno;
		close(fd);
		return ret;
	}
	sign_lock(fd);
	*ret_fd = fd;
	return 0;
}

int store_lock(const struct store *s, const char *name, store_waiting_fn waiting, void *arg,
	       int *ret_fd, struct problem *p)
{
	char holder[96] = "";
	int fd = open_lock(s, name), ret;
	ssize_t n;

	if (fd < 0)
		return problem_set(p, fd, "lock of %s: %s", name, strerror(-fd));
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		n = pread(fd, holder, sizeof(holder) - 1, 0);
		holder[n > 0 ? n : 0] = '\0';
		waiting(name, holder[0] ? holder : "another process", arg);
		while (flock(fd, LOCK_EX)) {
			if (errno == EINTR)
				continue;
			ret = problem_set(p, -errno, "lock of %s: %m", name);
			close(fd);
			return ret;
		}
	}
	sign_lock(fd);
	*ret_fd = fd;
	return 0;
}

void store_unlock(int fd)
{
	if (fd >= 0)
		close(fd);
}

int store_remove_tree(const char *path)
{
	char *roots[] = { (char *)path, NULL };
	int ret = 0, gone;
	FTSENT *e;
	FTS *fts;

	fts = fts_open(roots, FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR | FTS_NOSTAT, NULL);
	if (!fts)
		return -errno;
	while ((e = fts_read(fts))) {
		if (e->fts_info == FTS_D)
			continue;
		gone = e->fts_info == FTS_DP ? rmdir(e->fts_accpath) : unlink(e->fts_accpath);
		if (gone && errno != ENOENT && !ret)
			ret = -errno;
	}
	fts_close(fts);
	return ret;
}

static void remove_leftovers(const struct store *s, const char *name)
{
	char *tmp = store_path(s, "tmp"), *path;
	size_t len = strlen(name);
	struct dirent *e;
	DIR *d = opendir(tmp);

	while (d && (e = readdir(d))) {
		if (strncmp(e->d_name, name, len) || e->d_name[len] != '.')
			continue;
		path = store_path(s, "tmp/%s", e->d_name);
		store_remove_tree(path);
		free(path);
	}
	if (d)
		closedir(d);
	free(tmp);
}

int store_temp_dir(const struct store *s, const char *name, char **ret_dir, struct problem *p)
{
	char *dir = store_path(s, "tmp/%s.XXXXXX", name);
	int ret;

	remove_leftovers(s, name);
	if (!mkdtemp(dir) || chmod(dir, 0755)) {
		ret = problem_set(p, -errno, "%s: %m", dir);
		free(dir);
		return ret;
	}
	*ret_dir = dir;
	return 0;
}

static int sync_dir(const char *path, bool whole_fs)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	ret = (whole_fs ? syncfs(fd) : fsync(fd)) ? -errno : 0;
	close(fd);
	return ret;
}

static int move_into_place(const char *from, const char *to)
{
	if (!renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE))
		return 0;
	if (errno != EEXIST)
		return -errno;
	/* A damaged entry is there: swap, so that the name never goes missing. */
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE))
		return -errno;
	return store_remove_tree(from);
}

int store_publish(const struct store *s, const char *name, const char *key, const char *out_dir,
		  struct problem *p)
{
	char *parent = store_path(s, "%s", name), *entry = store_entry(s, name, key);
	int ret;

	ret = manifest_write(out_dir, p);
	if (!ret)
		ret = make_dirs(parent);
	if (!ret)
		ret = sync_dir(out_dir, true);
	if (!ret)
		ret = move_into_place(out_dir, entry);
	if (!ret)
		ret = sync_dir(parent, false);
	if (ret)
		problem_set(p, ret, "%s: %s", entry, strerror(-ret));
	free(entry);
	free(parent);
	return ret;
}

static bool has_tree_key(const char *inputs_path, const char *tree_key)
{
	char *line = NULL;
	size_t size = 0;
	bool found = false;
	FILE *f = fopen(inputs_path, "re");

	while (f && !found && getline(&line, &size, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		found = !strncmp(line, "tree ", 5) && !strcmp(line + 5, tree_key);
	}
	free(line);
	if (f)
		fclose(f);
	return found;
}

static void consider(const struct store *s, const char *name, const char *key, const char *tree_key,
		     struct timespec *newest, char ret_key[STORE_KEY_LEN + 1])
{
	char *path = store_path(s, "%s/%s/" STORE_INPUTS_NAME, name, key);
	struct stat st;

	if (strlen(key) == STORE_KEY_LEN && !stat(path, &st) && has_tree_key(path, tree_key) &&
	    (st.st_mtim.tv_sec > newest->tv_sec ||
	     (st.st_mtim.tv_sec == newest->tv_sec && st.st_mtim.tv_nsec > newest->tv_nsec))) {
		*newest = st.st_mtim;
		memcpy(ret_key, key, strlen(key) + 1);
	}
	free(path);
}

int store_newest_like(const struct store *s, const char *name, const char *tree_key,
		      char ret_key[STORE_KEY_LEN + 1])
{
	char *dir = store_path(s, "%s", name);
	struct timespec newest = { 0 };
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d)))
		consider(s, name, e->d_name, tree_key, &newest, ret_key);
	if (d)
		closedir(d);
	free(dir);
	return newest.tv_sec ? 0 : -ENOENT;
}

static int collect_entry(const struct store *s, const char *name, const char *key)
{
	char *entry = store_entry(s, name, key), *trash = store_path(s, "tmp/%s.gone", name);
	int fd = open(entry, O_RDONLY | O_DIRECTORY | O_CLOEXEC), ret = 0;

	if (fd < 0)
		ret = -errno;
	else if (flock(fd, LOCK_EX | LOCK_NB))
		ret = -EBUSY;
	/* Renamed first: a half-removed entry must not keep its name. */
	else if (rename(entry, trash))
		ret = -errno;
	else
		ret = store_remove_tree(trash);
	if (fd >= 0)
		close(fd);
	free(trash);
	free(entry);
	return ret;
}

int store_collect(const struct store *s, const char *name, const char *keep, unsigned int *ret_gone,
		  struct problem *p)
{
	char *dir = store_path(s, "%s", name);
	unsigned int gone = 0;
	struct dirent *e;
	int ret = 0;
	DIR *d;

	remove_leftovers(s, name);
	d = opendir(dir);
	while (d && !ret && (e = readdir(d))) {
		if (e->d_name[0] == '.' || (keep && !strcmp(e->d_name, keep)))
			continue;
		ret = collect_entry(s, name, e->d_name);
		if (!ret)
			gone++;
		else if (ret == -EBUSY)
			ret = 0;
		else
			problem_set(p, ret, "%s/%s: %s", dir, e->d_name, strerror(-ret));
	}
	if (d)
		closedir(d);
	free(dir);
	*ret_gone = gone;
	return ret;
}

int store_free_mib(const struct store *s, uint64_t *ret_mib)
{
	struct statvfs v;

	if (statvfs(s->root, &v))
		return -errno;
	*ret_mib = (uint64_t)v.f_bavail * v.f_frsize >> 20;
	return 0;
}
