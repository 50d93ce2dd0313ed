// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <archive.h>
#include <archive_entry.h>

#include "pf-vm-image/closure.h"
#include "pf-vm-image/files.h"
#include "pf-vm-image/kernel.h"
#include "pf-vm-image/run.h"
#include "pf-vm-image/scratch.h"

int kernel_release(const char *root, char ret_release[KERNEL_RELEASE_SIZE])
{
	char pattern[PATH_MAX];
	int ret = -ENOENT;
	glob_t g = { 0 };

	if (scratch_path(root, "boot/vmlinuz-*", pattern))
		return -ENAMETOOLONG;
	if (!glob(pattern, 0, NULL, &g) && g.gl_pathc == 1) {
		const char *name = strstr(strrchr(g.gl_pathv[0], '/'), "vmlinuz-");

		snprintf(ret_release, KERNEL_RELEASE_SIZE, "%s", name + strlen("vmlinuz-"));
		ret = 0;
	}
	globfree(&g);
	return ret;
}

/* Since Debian 13 modules are packaged under /usr/lib; depmod looks under /lib. */
static int link_lib(const char *root, struct problem *p)
{
	char path[PATH_MAX];

	if (scratch_path(root, "lib", path))
		return problem_set(p, -ENAMETOOLONG, "%s: the name is too long", root);
	if (symlink("usr/lib", path) && errno != EEXIST)
		return problem_set(p, -errno, "%s: %m", path);
	return 0;
}

int kernel_unpack(const char *deb, const char *root, const char *log,
		  char ret_release[KERNEL_RELEASE_SIZE], struct problem *p)
{
	const char *const argv[] = { "dpkg-deb", "--extract", deb, root, NULL };
	struct run_how how = { .log = log };
	int ret = run_program(argv, &how, p);

	if (ret)
		return ret;
	if (kernel_release(root, ret_release))
		return problem_set(p, -EINVAL, "%s: no kernel package: it has no /boot/vmlinuz-*",
				   deb);
	return link_lib(root, p);
}

int kernel_depmod(const char *root, const char *release, const char *log, struct problem *p)
{
	const char *const argv[] = { "/sbin/depmod", "--basedir", root, release, NULL };
	struct run_how how = { .log = log };

	return run_program(argv, &how, p);
}

/* A module as it is loaded: the packages compress theirs. */
static int expand(const char *from, const char *to, struct problem *p)
{
	struct archive *a = archive_read_new();
	struct archive_entry *e;
	char buf[1 << 16];
	la_ssize_t n = -1;
	int fd, ret = 0, written = 0;

	fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (!a || fd < 0)
		ret = problem_set(p, -errno, "%s: %m", to);
	if (!ret) {
		archive_read_support_filter_all(a);
		archive_read_support_format_raw(a);
		if (archive_read_open_filename(a, from, sizeof(buf)) == ARCHIVE_OK &&
		    archive_read_next_header(a, &e) == ARCHIVE_OK)
			while (!written && (n = archive_read_data(a, buf, sizeof(buf))) > 0)
				written = files_append(fd, buf, (size_t)n);
		if (written)
			ret = problem_set(p, written, "%s: %s", to, strerror(-written));
		else if (n)
			ret = problem_set(p, -EIO, "%s: can't be unpacked: %s", from,
					  archive_error_string(a) ?: strerror(errno));
	}
	if (fd >= 0)
		close(fd);
	archive_read_free(a);
	return ret;
}

static int make_folders(char *path)
{
	for (char *at = path + 1; (at = strchr(at, '/')); at++) {
		int err;

		*at = '\0';
		err = mkdir(path, 0755) && errno != EEXIST ? -errno : 0;
		*at = '/';
		if (err)
			return err;
	}
	return 0;
}

/* path: as modules.dep names it. The copy ends with ".ko". */
static int copy_module(const char *from, const char *to, const char *path, struct problem *p)
{
	char source[PATH_MAX], target[PATH_MAX], *end;
	int ret = scratch_path(from, path, source) ?: scratch_path(to, path, target);

	if (ret || strstr(path, ".."))
		return problem_set(p, -EINVAL, "module '%s': bad name", path);
	end = strstr(strrchr(target, '/'), ".ko");
	if (!end)
		return problem_set(p, -EINVAL, "module '%s': no .ko file", path);
	end[3] = '\0';
	ret = make_folders(target);
	return ret ? problem_set(p, ret, "%s: %s", target, strerror(-ret))
		   : expand(source, target, p);
}

static int copy_file(const char *from, const char *to, const char *name, struct problem *p)
{
	char source[PATH_MAX], target[PATH_MAX];

	if (scratch_path(from, name, source) || scratch_path(to, name, target))
		return problem_set(p, -ENAMETOOLONG, "%s: the name is too long", from);
	return expand(source, target, p);
}

static int copy_closure(const char *from, const char *to, const struct closure *c,
			struct problem *p)
{
	/* What depmod needs to know of the kernel itself. */
	static const char *const indexes[] = { "modules.builtin", "modules.builtin.modinfo",
					       "modules.order" };
	int ret = 0;

	for (size_t i = 0; !ret && i < c->n; i++)
		ret = copy_module(from, to, c->paths[i], p);
	for (size_t i = 0; !ret && i < sizeof(indexes) / sizeof(indexes[0]); i++)
		ret = copy_file(from, to, indexes[i], p);
	return ret;
}

int kernel_copy_drivers(const char *from, const char *to, const char *release,
			const char *const *names, const char *log, struct problem *p)
{
	char source[PATH_MAX + 160], target[PATH_MAX + 160], *dep = NULL, *builtin = NULL;
	struct closure c = { 0 };
	int ret;

	snprintf(source, sizeof(source), "%s/lib/modules/%s", from, release);
	snprintf(target, sizeof(target), "%s/lib/modules/%s", to, release);
	ret = kernel_depmod(from, release, log, p);
	if (!ret)
		ret = files_read(source, "modules.dep", &dep, p);
	if (!ret)
		ret = files_read(source, "modules.builtin", &builtin, p);
	if (!ret)
		ret = closure_find(dep, builtin, names, release, &c, p);
	if (!ret)
		ret = copy_closure(source, target, &c, p);
	if (!ret)
		ret = kernel_depmod(to, release, log, p);
	closure_free(&c);
	free(dep);
	free(builtin);
	return ret;
}
