// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/lab/liveupdate/lu.h"

#define DEVICES "/sys/bus/pci/devices"

int lu_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

int lu_read(const char *path, char *text, unsigned int size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return -errno;
	len = read(fd, text, size - 1);
	close(fd);
	if (len < 0)
		return -EIO;
	text[len] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return 0;
}

void lu_bind(const struct lu_bdf *bdf, const char *driver)
{
	char path[128];
	int ret;

	snprintf(path, sizeof(path), DEVICES "/%s/driver_override", bdf->text);
	ret = lu_write(path, driver);
	snprintf(path, sizeof(path), DEVICES "/%s/driver/unbind", bdf->text);
	if (!ret && !access(path, F_OK))
		ret = lu_write(path, bdf->text);
	if (!ret)
		ret = lu_write("/sys/bus/pci/drivers_probe", bdf->text);
	snprintf(path, sizeof(path), DEVICES "/%s/vfio-dev", bdf->text);
	if (ret || access(path, F_OK))
		lu_fail("%s can't be bound to %s: %d", bdf->text, driver, ret);
}

void lu_set_vfs(const struct lu_bdf *pf, unsigned int vfs)
{
	char path[128], text[16];

	snprintf(path, sizeof(path), DEVICES "/%s/sriov_drivers_autoprobe", pf->text);
	lu_write(path, "0");
	snprintf(path, sizeof(path), DEVICES "/%s/sriov_numvfs", pf->text);
	snprintf(text, sizeof(text), "%u", vfs);
	if (lu_write(path, text))
		lu_fail("%s: no %u VFs", pf->text, vfs);
}

struct lu_bdf lu_vf_bdf(const struct lu_bdf *pf, unsigned int vf)
{
	char path[128], target[PATH_MAX];
	struct lu_bdf bdf = { "" };
	ssize_t len;

	snprintf(path, sizeof(path), DEVICES "/%s/virtfn%u", pf->text, vf);
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return bdf;
	target[len] = '\0';
	snprintf(bdf.text, sizeof(bdf.text), "%.15s", strrchr(target, '/') + 1);
	return bdf;
}

/* All ones if it can't be read. */
unsigned int lu_config(const struct lu_bdf *bdf, unsigned int offset, unsigned int size)
{
	unsigned int value = 0;
	char path[128];
	int fd;

	snprintf(path, sizeof(path), DEVICES "/%s/config", bdf->text);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || pread(fd, &value, size, offset) != (ssize_t)size)
		value = ~0u;
	if (fd >= 0)
		close(fd);
	return value;
}

int lu_open_cdev(const struct lu_bdf *bdf)
{
	char path[320], name[256] = "";
	struct dirent *entry;
	DIR *dir;
	int fd;

	snprintf(path, sizeof(path), DEVICES "/%s/vfio-dev", bdf->text);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, "vfio", 4))
			snprintf(name, sizeof(name), "%s", entry->d_name);
	if (dir)
		closedir(dir);
	snprintf(path, sizeof(path), "/dev/vfio/devices/%s", name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		lu_fail("%s (%s): %d", bdf->text, path, errno);
	return fd;
}
