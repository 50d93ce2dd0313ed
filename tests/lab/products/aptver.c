// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/lab/products/aptsrc.h"
#include "tests/lab/products/aptver.h"

char *aptver_config(const struct store *s)
{
	return store_path(s, "apt/apt.conf");
}

static int write_config(const struct store *s, struct problem *p)
{
	char *path = aptver_config(s), *status = store_path(s, "apt/status");
	char *partial = store_path(s, "apt/lists/partial"), *lists = store_path(s, "apt/lists");
	FILE *f = fopen(path, "we"), *empty = f ? fopen(status, "ae") : NULL;
	int ret = f && empty ? 0 : -errno;

	if (mkdir(lists, 0755) && errno != EEXIST)
		ret = -errno;
	else if (mkdir(partial, 0755) && errno != EEXIST)
		ret = -errno;
	if (!ret)
		fprintf(f,
			"Dir::Etc::SourceList \"%1$s/apt/sources.list\";\n"
			"Dir::Etc::SourceParts \"/dev/null\";\n"
			"Dir::Etc::Preferences \"/dev/null\";\n"
			"Dir::Etc::PreferencesParts \"/dev/null\";\n"
			"Dir::State::Lists \"%1$s/apt/lists\";\n"
			"Dir::State::Status \"%1$s/apt/status\";\n"
			"Dir::Cache \"%1$s/apt\";\n"
			"APT::Architecture \"amd64\";\n"
			"APT::Architectures { \"amd64\"; };\n"
			"APT::Sandbox::User \"root\";\n"
			"Acquire::Languages \"none\";\n"
			"Acquire::Retries \"3\";\n"
			"DPkg::Lock::Timeout \"600\";\n",
			s->root);
	if (empty)
		fclose(empty);
	if (f && fclose(f) && !ret)
		ret = -errno;
	if (ret)
		problem_set(p, ret, "%s: %s", path, strerror(-ret));
	free(lists);
	free(partial);
	free(status);
	free(path);
	return ret;
}

static int write_sources(const struct store *s, struct problem *p)
{
	char *path = store_path(s, "apt/sources.list");
	struct aptsrc a = { 0 };
	FILE *f;
	int ret;

	ret = aptsrc_load("/etc", &a, p);
	if (!ret) {
		f = fopen(path, "we");
		if (f)
			aptsrc_write(&a, f);
		if (!f || fclose(f))
			ret = problem_set(p, -errno, "%s: %m", path);
	}
	aptsrc_free(&a);
	free(path);
	return ret;
}

static int run_apt(const struct store *s, const char *const argv[], int out_fd, int err_fd)
{
	char *config = aptver_config(s);
	posix_spawn_file_actions_t fa;
	int status, ret;
	pid_t pid;

	setenv("APT_CONFIG", config, 1);
	setenv("LC_ALL", "C.UTF-8", 1);
	free(config);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&fa, out_fd, 1);
	posix_spawn_file_actions_adddup2(&fa, err_fd, 2);
	ret = -posix_spawnp(&pid, argv[0], &fa, NULL, (char *const *)argv, environ);
	posix_spawn_file_actions_destroy(&fa);
	if (ret)
		return ret;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -EIO;
}

/* The stamp's time of change is when the lists last came in whole. */
static char *stamp_path(const struct store *s)
{
	return store_path(s, "apt/stamp");
}

static long lists_age(const struct store *s)
{
	char *path = stamp_path(s);
	struct stat st;
	long age = stat(path, &st) ? -1 : time(NULL) - st.st_mtim.tv_sec;

	free(path);
	return age;
}

static int note_refreshed(const struct store *s)
{
	char *stamp = stamp_path(s), *resolved = store_path(s, "apt/resolved");
	int fd = open(stamp, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	int ret = fd < 0 || futimens(fd, NULL) ? -errno : 0;

	if (fd >= 0)
		close(fd);
	unlink(resolved);
	free(resolved);
	free(stamp);
	return ret;
}

static int fetch_lists(const struct store *s, struct problem *p)
{
	const char *const argv[] = { "apt-get", "-q", "--error-on=any", "update", NULL };
	char *log = store_path(s, "log/apt-update.log");
	int fd, ret;

	ret = write_config(s, p);
	if (!ret)
		ret = write_sources(s, p);
	if (!ret) {
		fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		ret = fd < 0 ? -errno : run_apt(s, argv, fd, fd);
		if (fd >= 0)
			close(fd);
	}
	if (ret) {
		problem_hint(p, "check the network and this machine's apt sources; details: %s",
			     log);
		problem_set(p, ret, "the package lists of Debian 13 could not be fetched");
	}
	free(log);
	return ret ? ret : note_refreshed(s);
}

static void no_word(const char *name, const char *holder, void *arg)
{
}

int aptver_refresh(const struct store *s, unsigned int max_age_s, FILE *out, struct problem *p)
{
	int lock = -1, ret;
	long age;

	ret = store_lock(s, "apt", no_word, NULL, &lock, p);
	if (ret)
		return ret;
	age = lists_age(s);
	if (age < 0 || age > (long)max_age_s) {
		fputs("  package lists  fetching those of Debian 13\n", out);
		fflush(out);
		ret = fetch_lists(s, p);
	}
	store_unlock(lock);
	return ret;
}

static int ask_query(const struct input *in, char *ret_query, size_t size)
{
	int n = snprintf(ret_query, size, "%s %s %s %s", in->kind == INPUT_SOURCE ? "src" : "bin",
			 in->suite, in->name, in->prefix ? in->prefix : "-");

	return n < (int)size ? 0 : -ENAMETOOLONG;
}

static char *remembered(const struct store *s, const char *query)
{
	char *path = store_path(s, "apt/resolved"), *line = NULL, *version = NULL;
	size_t size = 0, len = strlen(query);
	FILE *f = fopen(path, "re");

	while (f && !version && getline(&line, &size, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, query, len) && line[len] == ' ')
			version = strdup(line + len + 1);
	}
	free(line);
	if (f)
		fclose(f);
	free(path);
	return version;
}

static void remember(const struct store *s, const char *query, const char *version)
{
	char *path = store_path(s, "apt/resolved");
	FILE *f = fopen(path, "ae");

	/* One short write: two programs may append side by side. */
	if (f) {
		fprintf(f, "%s %s\n", query, version);
		fclose(f);
	}
	free(path);
}

static int version_newer(const char *a, const char *b)
{
	const char *const argv[] = { "dpkg", "--compare-versions", a, "gt", b, NULL };
	int status;
	pid_t pid;

	if (posix_spawnp(&pid, argv[0], NULL, NULL, (char *const *)argv, environ))
		return 0;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

static char *trim(char *text)
{
	text += strspn(text, " \t");
	for (size_t n = strlen(text); n && strchr(" \t\n", text[n - 1]); n--)
		text[n - 1] = '\0';
	return text;
}

/* An epoch is no part of the upstream version that a prefix names. */
static bool begins(const char *version, const char *prefix)
{
	const char *colon = strchr(version, ':');

	return !prefix || !strncmp(colon ? colon + 1 : version, prefix, strlen(prefix));
}

/* "  qemu | 1:10.2.2+ds-1 | http://host/debian sid/main Sources" */
static void consider_line(const struct input *in, char *line, char **best)
{
	char *name = strsep(&line, "|"), *version = strsep(&line, "|"), suite[128];

	if (!line)
		return;
	snprintf(suite, sizeof(suite), " %s/main ", in->suite);
	if (strcmp(trim(name), in->name) || !strstr(line, suite) ||
	    !strstr(line, in->kind == INPUT_SOURCE ? " Sources" : " Packages"))
		return;
	version = trim(version);
	if (!begins(version, in->prefix) || (*best && !version_newer(version, *best)))
		return;
	free(*best);
	*best = strdup(version);
}

static int ask_apt(const struct store *s, const struct input *in, char **ret_version)
{
	const char *const argv[] = { "apt-cache", "madison", in->name, NULL };
	char *log = store_path(s, "log/apt-cache.log"), *line = NULL, *best = NULL;
	FILE *f = tmpfile();
	size_t size = 0;
	int fd, ret;

	fd = f ? open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644) : -1;
	ret = fd >= 0 ? run_apt(s, argv, fileno(f), fd) : -errno;
	if (!ret && fseek(f, 0, SEEK_SET))
		ret = -errno;
	while (!ret && getline(&line, &size, f) >= 0)
		consider_line(in, line, &best);
	if (!ret && !best)
		ret = -ENOENT;
	if (fd >= 0)
		close(fd);
	if (f)
		fclose(f);
	free(line);
	free(log);
	*ret_version = best;
	return ret;
}

int aptver_resolve(const struct store *s, const struct input *in, char **ret_version,
		   struct problem *p)
{
	char query[512];
	int ret;

	if (ask_query(in, query, sizeof(query)))
		return problem_set(p, -EINVAL, "package name too long: %s", in->name);
	*ret_version = remembered(s, query);
	if (*ret_version)
		return 0;
	if (lists_age(s) < 0)
		return -ENODATA;
	ret = ask_apt(s, in, ret_version);
	if (!ret) {
		remember(s, query, *ret_version);
		return 0;
	}
	problem_hint(p, "if the mirror moved on, run `products update` and try again");
	return problem_set(p, ret, "%s has no %s package %s%s%s", in->suite,
			   in->kind == INPUT_SOURCE ? "source" : "binary", in->name,
			   in->prefix ? " with a version of " : "", in->prefix ? in->prefix : "");
}
