// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/lib/rundir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

int rundir_programs(char *ret_path, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", ret_path, size - 1);
	char *slash;

	if (n < 0)
		return -errno;
	ret_path[n] = '\0';
	slash = strrchr(ret_path, '/');
	if (!slash)
		return -ENOENT;
	*slash = '\0';
	return 0;
}

static int rundir_base(char *path, size_t size)
{
	const char *env = getenv("PFKEEP_RUN");
	int err;

	if (env && *env == '/') {
		snprintf(path, size, "%s", env);
		return 0;
	}
	err = rundir_programs(path, size - 4);
	if (!err)
		snprintf(path + strlen(path), 5, "/run");
	return err;
}

static int rundir_path(const char *name, struct rundir *ret_dir)
{
	char base[PATH_MAX - LAB_NAME_MAX - 2];
	int err;

	if (!lab_name_valid(name))
		return -EINVAL;
	err = rundir_base(base, sizeof(base));
	if (!err)
		snprintf(ret_dir->path, sizeof(ret_dir->path), "%s/%s", base, name);
	return err;
}

int rundir_open(const char *name, struct rundir *ret_dir)
{
	int err = rundir_path(name, ret_dir);

	if (err)
		return err;
	ret_dir->fd = open(ret_dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return ret_dir->fd < 0 ? -errno : 0;
}

static int make_parents(const char *path)
{
	char part[PATH_MAX];

	snprintf(part, sizeof(part), "%s", path);
	for (char *p = part + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	return mkdir(part, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

/* Everything but the lock, which its holder keeps open. */
static int rundir_empty(int dir_fd)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int err = 0;

	if (!dir)
		return -errno;
	while (!err && (entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
		    !strcmp(entry->d_name, RUNDIR_LOCK))
			continue;
		if (entry->d_type == DT_DIR) {
			int sub = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

			err = sub < 0 ? -errno : rundir_empty(sub);
			if (sub >= 0)
				close(sub);
		}
		if (!err &&
		    unlinkat(fd, entry->d_name, entry->d_type == DT_DIR ? AT_REMOVEDIR : 0) < 0)
			err = -errno;
	}
	closedir(dir);
	return err;
}

int rundir_create(const char *name, struct rundir *ret_dir, int *ret_lock_fd)
{
	int err, lock;

	err = rundir_path(name, ret_dir);
	if (!err)
		err = make_parents(ret_dir->path);
	if (err)
		return err;
	ret_dir->fd = open(ret_dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ret_dir->fd < 0)
		return -errno;
	lock = openat(ret_dir->fd, RUNDIR_LOCK, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (lock < 0)
		err = -errno;
	else if (flock(lock, LOCK_EX | LOCK_NB) < 0)
		err = errno == EWOULDBLOCK ? -EBUSY : -errno;
	else
		err = rundir_empty(ret_dir->fd);
	if (err) {
		if (lock >= 0)
			close(lock);
		rundir_close(ret_dir);
		return err;
	}
	*ret_lock_fd = lock;
	return 0;
}

void rundir_close(struct rundir *dir)
{
	if (dir->fd >= 0)
		close(dir->fd);
	dir->fd = -1;
}

bool rundir_alive(const struct rundir *dir)
{
	int lock = openat(dir->fd, RUNDIR_LOCK, O_RDWR | O_CLOEXEC);
	bool held;

	if (lock < 0)
		return false;
	held = flock(lock, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
	close(lock);
	return held;
}

int rundir_connect(const struct rundir *dir, const char *socket_name)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd, err;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/%s", dir->fd, socket_name);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int rundir_read(const struct rundir *dir, const char *file, char **ret_text)
{
	int fd = openat(dir->fd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	char *text;
	ssize_t n;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > (16 << 20)) {
		close(fd);
		return -EFBIG;
	}
	text = malloc((size_t)st.st_size + 1);
	n = text ? read(fd, text, (size_t)st.st_size) : -1;
	close(fd);
	if (n < 0) {
		free(text);
		return text ? -EIO : -ENOMEM;
	}
	/* A zero byte (a broken serial line) must not hide what follows. */
	for (ssize_t i = 0; i < n; i++)
		if (!text[i])
			text[i] = '?';
	text[n] = '\0';
	*ret_text = text;
	return 0;
}

int rundir_wait_gone(const struct rundir *dir)
{
	int lock = openat(dir->fd, RUNDIR_LOCK, O_RDWR | O_CLOEXEC);
	int err = 0;

	if (lock < 0)
		return -errno;
	while (flock(lock, LOCK_SH) < 0 && !err)
		err = errno == EINTR ? 0 : -errno;
	close(lock);
	return err;
}
