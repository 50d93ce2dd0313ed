// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/lab/client/sysfs.h"

#define DEVICES "/sys/bus/pci/devices"

static void path_of(char *path, size_t size, const char *bdf, const char *attr)
{
	snprintf(path, size, DEVICES "/%s/%s", bdf, attr);
}

static int write_file(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, value, strlen(value)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

int sysfs_write(const char *bdf, const char *attr, const char *value)
{
	char path[256];

	path_of(path, sizeof(path), bdf, attr);
	return write_file(path, value);
}

int sysfs_read(const char *bdf, const char *attr, char *buf, size_t size)
{
	char path[256];
	ssize_t len;
	int fd;

	path_of(path, sizeof(path), bdf, attr);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = read(fd, buf, size - 1);
	if (len < 0) {
		len = -errno;
		close(fd);
		return (int)len;
	}
	close(fd);
	while (len && buf[len - 1] == '\n')
		len--;
	buf[len] = 0;
	return (int)len;
}

long sysfs_number(const char *bdf, const char *attr)
{
	char buf[64];
	int ret = sysfs_read(bdf, attr, buf, sizeof(buf));

	return ret < 0 ? ret : strtol(buf, NULL, 0);
}

int sysfs_link_name(const char *bdf, const char *link, char *buf, size_t size)
{
	char path[256], target[256];
	ssize_t len;

	path_of(path, sizeof(path), bdf, link);
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return -errno;
	target[len] = 0;
	snprintf(buf, size, "%s", basename(target));
	return 0;
}

bool sysfs_exists(const char *bdf, const char *attr)
{
	char path[256];

	path_of(path, sizeof(path), bdf, attr);
	return !access(path, F_OK);
}

int sysfs_bridge(const char *bdf, char *ret_bdf)
{
	char path[256], target[512], *at;
	ssize_t len;

	snprintf(path, sizeof(path), DEVICES "/%s", bdf);
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return -errno;
	target[len] = 0;
	at = strrchr(target, '/');
	if (!at)
		return -ENODEV;
	*at = 0;
	snprintf(ret_bdf, BDF_LEN, "%.15s", basename(target));
	return 0;
}

int sysfs_vf_bdf(const char *pf, unsigned int vf, char *ret_bdf)
{
	char link[32];

	snprintf(link, sizeof(link), "virtfn%u", vf);
	return sysfs_link_name(pf, link, ret_bdf, BDF_LEN);
}

int sysfs_driver(const char *bdf, char *buf, size_t size)
{
	return sysfs_link_name(bdf, "driver", buf, size);
}

int sysfs_unbind(const char *bdf)
{
	if (!sysfs_exists(bdf, "driver"))
		return 0;
	return sysfs_write(bdf, "driver/unbind", bdf);
}

/*
 * Bind to @driver alone; -ENODEV if the driver refuses. The override comes first: a
 * function that has just appeared may be about to be probed in the background, and
 * would bind to another driver between being found unbound and its override.
 */
int sysfs_bind(const char *bdf, const char *driver)
{
	char now[64];
	int ret;

	ret = sysfs_write(bdf, "driver_override", driver);
	if (ret < 0)
		return ret;
	ret = sysfs_unbind(bdf);
	if (ret < 0)
		return ret;
	ret = write_file("/sys/bus/pci/drivers_probe", bdf);
	if (ret < 0)
		return ret;
	ret = sysfs_driver(bdf, now, sizeof(now));
	return ret < 0 || strcmp(now, driver) ? -ENODEV : 0;
}

int sysfs_bind_default(const char *bdf)
{
	int ret = sysfs_unbind(bdf);

	if (!ret)
		ret = sysfs_write(bdf, "driver_override", "\n");
	return ret ? ret : write_file("/sys/bus/pci/drivers_probe", bdf);
}

int sysfs_config_read(const char *bdf, unsigned int offset, void *buf, size_t size)
{
	char path[256];
	ssize_t len;
	int fd;

	path_of(path, sizeof(path), bdf, "config");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = pread(fd, buf, size, offset);
	close(fd);
	return len == (ssize_t)size ? 0 : -EIO;
}

static bool there_yet(const char *bdf, const char *attr, const char *text)
{
	char buf[256];

	if (!text)
		return !sysfs_exists(bdf, attr);
	return sysfs_read(bdf, attr, buf, sizeof(buf)) >= 0 && strstr(buf, text);
}

/* sysfs has no event for most of what is awaited here: look every 10 ms. */
bool sysfs_await(const char *bdf, const char *attr, const char *text, unsigned int seconds)
{
	for (unsigned int i = 0; i < seconds * 100; i++) {
		if (there_yet(bdf, attr, text))
			return true;
		poll(NULL, 0, 10);
	}
	return there_yet(bdf, attr, text);
}
