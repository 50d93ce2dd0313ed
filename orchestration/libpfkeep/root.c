// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pfkeep/cleanup.h"
#include "pfkeep/number.h"
#include "pfkeep/root.h"

int root_open(const char *path, struct root *ret_root)
{
	int fd;

	if (strlen(path) >= sizeof(ret_root->path))
		return -ENAMETOOLONG;
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret_root = (struct root){ .fd = fd };
	memcpy(ret_root->path, path, strlen(path) + 1);
	return 0;
}

void root_close(struct root *root)
{
	close(root->fd);
	root->fd = -1;
}

int root_openat(const struct root *root, const char *path, int flags, int *ret_fd)
{
	struct open_how how = { .flags = (uint64_t)(flags | O_CLOEXEC),
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	long fd;

	/* The kernel asks for a retry when somebody renames underneath. */
	do {
		fd = syscall(SYS_openat2, root->fd, path, &how, sizeof(how));
	} while (fd < 0 && errno == EAGAIN);
	if (fd < 0)
		return -errno;
	*ret_fd = (int)fd;
	return 0;
}

int root_opendir(const struct root *root, const char *path, DIR **ret_dir)
{
	int fd, ret;

	ret = root_openat(root, path, O_RDONLY | O_DIRECTORY, &fd);
	if (ret)
		return ret;
	*ret_dir = fdopendir(fd);
	if (!*ret_dir) {
		ret = -errno;
		close(fd);
	}
	return ret;
}

bool root_exists(const struct root *root, const char *path)
{
	CLEANUP(cleanup_close) int fd = -1;

	return !root_openat(root, path, O_PATH, &fd);
}

/* Fill the buffer as far as the file goes. Returns the length or -errno. */
static ssize_t read_all(int fd, char *buf, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, buf + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

int root_read(const struct root *root, const char *path, char *ret_text, size_t size)
{
	CLEANUP(cleanup_close) int fd = -1;
	ssize_t len;
	int ret;

	ret = root_openat(root, path, O_RDONLY, &fd);
	if (ret)
		return ret;
	len = read_all(fd, ret_text, size);
	if (len < 0)
		return (int)len;
	if ((size_t)len == size)
		return -EFBIG;
	if (len && ret_text[len - 1] == '\n')
		len--;
	ret_text[len] = '\0';
	return 0;
}

int root_slurp(const struct root *root, const char *path, size_t max, char **ret_text)
{
	CLEANUP(cleanup_close) int fd = -1;
	CLEANUP(cleanup_free) char *text = NULL;
	size_t size = 4096, len = 0;
	int ret;

	ret = root_openat(root, path, O_RDONLY, &fd);
	if (ret)
		return ret;
	/* Files of proc have no size: read until they end. */
	for (;;) {
		char *more = realloc(text, size);
		ssize_t n;

		if (!more)
			return -ENOMEM;
		text = more;
		n = read_all(fd, text + len, size - len);
		if (n < 0)
			return (int)n;
		len += (size_t)n;
		if (len < size)
			break;
		if (len > max)
			return -EFBIG;
		size *= 2;
	}
	if (len > max)
		return -EFBIG;
	text[len] = '\0';
	*ret_text = TAKE_PTR(text);
	return 0;
}

int root_read_number(const struct root *root, const char *path, uint64_t max, uint64_t *ret_value)
{
	char text[32];
	int ret;

	ret = root_read(root, path, text, sizeof(text));
	if (ret)
		return ret;
	if (!strncmp(text, "0x", 2))
		return number_parse_hex(text, max, ret_value);
	return number_parse(text, max, ret_value);
}

int root_target(const struct root *root, const char *path, char *ret_target, size_t size)
{
	CLEANUP(cleanup_close) int fd = -1;
	ssize_t n;
	int ret;

	ret = root_openat(root, path, O_PATH | O_NOFOLLOW, &fd);
	if (ret)
		return ret;
	n = readlinkat(fd, "", ret_target, size);
	if (n < 0)
		return errno == ENOENT ? -EINVAL : -errno; /* not a symlink */
	if ((size_t)n == size)
		return -EFBIG;
	ret_target[n] = '\0';
	return 0;
}

int root_link(const struct root *root, const char *path, char *ret_name, size_t size)
{
	char target[PATH_MAX];
	const char *name;
	int ret;

	ret = root_target(root, path, target, sizeof(target));
	if (ret)
		return ret;
	name = strrchr(target, '/');
	name = name ? name + 1 : target;
	if (!*name)
		return -EINVAL;
	if (strlen(name) >= size)
		return -EFBIG;
	memcpy(ret_name, name, strlen(name) + 1);
	return 0;
}

int root_write(const struct root *root, const char *path, const char *text)
{
	CLEANUP(cleanup_close) int fd = -1;
	size_t len = strlen(text);
	ssize_t n;
	int ret;

	if (root->write)
		return root->write(root, path, text);
	ret = root_openat(root, path, O_WRONLY, &fd);
	if (ret)
		return ret;
	/* An attribute takes one write as one request: never in pieces. */
	n = write(fd, text, len);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}
