// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/labd/root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* A bind mount's target must exist, as what its source is. */
static int root_make_target(const char *from, const char *target)
{
	struct stat st;
	int fd;

	if (stat(from, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return mkdir(target, 0755) < 0 && errno != EEXIST ? -errno : 0;
	fd = open(target, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int root_bind(const struct root *root, const struct root_bind *bind)
{
	unsigned long remount = MS_REMOUNT | MS_BIND | MS_RDONLY;
	char target[PATH_MAX];
	int err;

	if ((size_t)snprintf(target, sizeof(target), "%s/run/%s", root->path, bind->name) >=
	    sizeof(target))
		return -ENAMETOOLONG;
	err = root_make_target(bind->from, target);
	if (err)
		return err;
	if (mount(bind->from, target, NULL, MS_BIND, NULL) < 0)
		return -errno;
	if (bind->read_only && mount(NULL, target, NULL, remount, NULL) < 0)
		return -errno;
	return 0;
}

static int root_mount(const char *root, const char *dir, const char *type, const char *from,
		      unsigned long flags)
{
	char target[PATH_MAX];

	if ((size_t)snprintf(target, sizeof(target), "%s/%s", root, dir) >= sizeof(target))
		return -ENAMETOOLONG;
	return mount(from, target, type, flags, NULL) < 0 ? -errno : 0;
}

int root_enter(const struct root *root, const char **ret_what)
{
	int err;

	*ret_what = "unshare";
	if (unshare(CLONE_NEWNS) < 0)
		return -errno;
	*ret_what = "making mounts private";
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	*ret_what = "mounting into the root";
	err = root_mount(root->path, "run", "tmpfs", "tmpfs", 0);
	if (!err)
		err = root_mount(root->path, "dev", NULL, "/dev", MS_BIND | MS_REC);
	if (!err)
		err = root_mount(root->path, "proc", NULL, "/proc", MS_BIND | MS_REC);
	for (size_t i = 0; !err && i < root->n_binds; i++) {
		*ret_what = root->binds[i].from;
		err = root_bind(root, &root->binds[i]);
	}
	if (err)
		return err;
	*ret_what = "chroot";
	if (chroot(root->path) < 0 || chdir("/") < 0)
		return -errno;
	return 0;
}
