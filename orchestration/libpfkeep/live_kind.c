// SPDX-License-Identifier: GPL-2.0-only
/* What a descriptor is, and so how it gets into the next kernel. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "orchestration/libpfkeep/live_take.h"

/* By what it is: one that a live update has brought has lost its name. */
static bool is_memfd(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISREG(st.st_mode) && !st.st_nlink &&
	       fcntl(fd, F_GET_SEALS) >= 0;
}

/* Not by its name: that of one which was opened in an initramfs lost its folder with it. */
static bool is_iommu(int fd)
{
	struct stat st, iommu;

	return !fstat(fd, &st) && S_ISCHR(st.st_mode) && !stat("/dev/iommu", &iommu) &&
	       st.st_rdev == iommu.st_rdev;
}

int live_kind_of(int fd, enum live_kind *ret_kind)
{
	static const struct {
		const char *prefix;
		enum live_kind kind;
	} names[] = {
		{ "/dev/vfio/devices/", LIVE_DEVICE },
		{ "anon_inode:[vfio-device]", LIVE_DEVICE },
		{ "anon_inode:[eventfd]", LIVE_EVENT },
	};
	char path[64], target[256];
	ssize_t len;

	*ret_kind = LIVE_MEMORY;
	if (is_memfd(fd))
		return 0;
	*ret_kind = LIVE_IOMMU;
	if (is_iommu(fd))
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return -errno;
	target[len] = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		*ret_kind = names[i].kind;
		if (!strncmp(target, names[i].prefix, strlen(names[i].prefix)))
			return 0;
	}
	return -EOPNOTSUPP;
}
