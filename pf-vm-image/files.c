// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pf-vm-image/files.h"
#include "pf-vm-image/scratch.h"

#define FILE_MAX (64 << 20)

static int read_all(int fd, size_t size, char **ret_text)
{
	char *text = malloc(size + 1);
	size_t used = 0;
	ssize_t n;

	if (!text)
		return -ENOMEM;
	while (used < size && (n = read(fd, text + used, size - used)) != 0) {
		if (n < 0) {
			free(text);
			return -errno;
		}
		used += n;
	}
	text[used] = '\0';
	*ret_text = text;
	return 0;
}

int files_read(const char *dir, const char *name, char **ret_text, struct problem *p)
{
	char path[PATH_MAX];
	struct stat st;
	int fd, ret;

	if (scratch_path(dir, name, path))
		return problem_set(p, -ENAMETOOLONG, "%s/%s: the name is too long", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return problem_set(p, -errno, "%s: %m", path);
	if (fstat(fd, &st))
		ret = -errno;
	else if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX)
		ret = -EINVAL;
	else
		ret = read_all(fd, st.st_size, ret_text);
	close(fd);
	return ret ? problem_set(p, ret, "%s: %s", path, strerror(-ret)) : 0;
}

int files_append(int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len) {
		/* A disk that fills up takes a part of it; the next call says why. */
		ssize_t n = write(fd, at, len);

		if (n < 0)
			return -errno;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int files_write(const char *path, const char *text, size_t len, struct problem *p)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), ret;

	if (fd < 0)
		return problem_set(p, -errno, "%s: %m", path);
	ret = files_append(fd, text, len);
	if (ret)
		problem_set(p, ret, "%s: %s", path, strerror(-ret));
	if (close(fd) && !ret)
		ret = problem_set(p, -errno, "%s: %m", path);
	return ret;
}

int files_copy(const char *from, const char *to, unsigned int mode, struct problem *p)
{
	int in = open(from, O_RDONLY | O_CLOEXEC | O_NONBLOCK), out = -1, ret = 0;
	struct stat st;
	ssize_t n = 1;

	if (in < 0 || fstat(in, &st))
		ret = problem_set(p, -errno, "%s: %m", from);
	else if (!S_ISREG(st.st_mode))
		ret = problem_set(p, -EINVAL, "%s: no regular file", from);
	if (!ret) {
		out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
		if (out < 0)
			ret = problem_set(p, -errno, "%s: %m", to);
	}
	while (!ret && n > 0) {
		/* Not copy_file_range(): it doesn't go from one file system to another. */
		n = sendfile(out, in, NULL, 1 << 30);
		if (n < 0)
			ret = problem_set(p, -errno, "%s: %m", to);
	}
	if (in >= 0)
		close(in);
	if (out >= 0 && close(out) && !ret)
		ret = problem_set(p, -errno, "%s: %m", to);
	return ret;
}
