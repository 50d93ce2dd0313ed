// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tests/lab/client/device.h"
#include "tests/lab/client/sysfs.h"

static int parse_uuid(const char *text, uint8_t *uuid)
{
	static const int at[16] = { 0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34 };

	for (int i = 0; i < 16; i++) {
		unsigned int byte;

		if (sscanf(text + at[i], "%2x", &byte) != 1)
			return -EINVAL;
		uuid[i] = (uint8_t)byte;
	}
	return 0;
}

/* A group without an IOMMU has another name and another type of container. */
static int open_group(struct device *dev, const char *bdf, int *ret_iommu)
{
	char group[32], path[64];
	int ret = sysfs_link_name(bdf, "iommu_group", group, sizeof(group));

	if (ret)
		return ret;
	*ret_iommu = VFIO_TYPE1v2_IOMMU;
	snprintf(path, sizeof(path), "/dev/vfio/%s", group);
	if (access(path, F_OK)) {
		*ret_iommu = VFIO_NOIOMMU_IOMMU;
		snprintf(path, sizeof(path), "/dev/vfio/noiommu-%s", group);
	}
	dev->keeper[1] = open(path, O_RDWR | O_CLOEXEC);
	return dev->keeper[1] < 0 ? -errno : 0;
}

static int open_container(struct device *dev, const char *bdf)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	int iommu, ret = open_group(dev, bdf, &iommu);

	if (ret)
		return ret;
	dev->keeper[0] = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (dev->keeper[0] < 0)
		return -errno;
	if (ioctl(dev->keeper[1], VFIO_GROUP_GET_STATUS, &status))
		return -errno;
	if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE))
		return -EPERM;
	if (ioctl(dev->keeper[1], VFIO_GROUP_SET_CONTAINER, &dev->keeper[0]))
		return -errno;
	return ioctl(dev->keeper[0], VFIO_SET_IOMMU, iommu) ? -errno : 0;
}

static int open_by_group(struct device *dev, const char *bdf, const char *token)
{
	char name[128];
	int ret = open_container(dev, bdf);

	if (ret)
		return ret;
	if (token)
		snprintf(name, sizeof(name), "%s vf_token=%s", bdf, token);
	else
		snprintf(name, sizeof(name), "%s", bdf);
	dev->fd = ioctl(dev->keeper[1], VFIO_GROUP_GET_DEVICE_FD, name);
	return dev->fd < 0 ? -errno : 0;
}

static int open_cdev(struct device *dev, const char *bdf)
{
	char path[512];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev", bdf);
	dir = opendir(path);
	if (!dir)
		return -errno;
	path[0] = 0;
	while ((entry = readdir(dir)))
		if (!strncmp(entry->d_name, "vfio", 4))
			snprintf(path, sizeof(path), "/dev/vfio/devices/%s", entry->d_name);
	closedir(dir);
	if (!path[0])
		return -ENOENT;
	dev->fd = open(path, O_RDWR | O_CLOEXEC);
	return dev->fd < 0 ? -errno : 0;
}

static int open_by_cdev(struct device *dev, const char *bdf, const char *token)
{
	struct client_ioas_alloc ioas = { .size = sizeof(ioas) };
	struct client_bind bind = { .argsz = sizeof(bind) };
	struct client_attach attach = { .argsz = sizeof(attach) };
	uint8_t uuid[16];
	int ret = open_cdev(dev, bdf);

	if (ret)
		return ret;
	dev->keeper[0] = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (dev->keeper[0] < 0)
		return -errno;
	bind.iommufd = dev->keeper[0];
	if (token) {
		if (parse_uuid(token, uuid))
			return -EINVAL;
		bind.flags = CLIENT_BIND_FLAG_TOKEN;
		bind.token_uuid_ptr = (uintptr_t)uuid;
	}
	if (ioctl(dev->fd, CLIENT_DEVICE_BIND_IOMMUFD, &bind))
		return -errno;
	if (ioctl(dev->keeper[0], CLIENT_IOMMU_IOAS_ALLOC, &ioas))
		return -errno;
	attach.pt_id = ioas.out_ioas_id;
	return ioctl(dev->fd, CLIENT_DEVICE_ATTACH_IOMMUFD, &attach) ? -errno : 0;
}

int device_open(struct device *dev, const char *bdf, enum device_mode mode, const char *token)
{
	struct vfio_region_info config = { .argsz = sizeof(config),
					   .index = VFIO_PCI_CONFIG_REGION_INDEX };
	int ret;

	*dev = (struct device){ .fd = -1, .keeper = { -1, -1 } };
	ret = mode == DEVICE_GROUP ? open_by_group(dev, bdf, token) : open_by_cdev(dev, bdf, token);
	if (!ret && ioctl(dev->fd, VFIO_DEVICE_GET_REGION_INFO, &config))
		ret = -errno;
	if (ret)
		device_close(dev);
	dev->config = config.offset;
	return ret;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void device_close(struct device *dev)
{
	close_fd(&dev->fd);
	close_fd(&dev->keeper[1]);
	close_fd(&dev->keeper[0]);
}

/* All ones if it can't be read, as on a bus. */
uint32_t device_config(const struct device *dev, unsigned int offset, unsigned int size)
{
	uint32_t value = 0;

	if (pread(dev->fd, &value, size, (off_t)(dev->config + offset)) != (ssize_t)size)
		return 0xffffffff;
	return value;
}

int device_config_set(const struct device *dev, unsigned int offset, unsigned int size,
		      uint32_t value)
{
	ssize_t len = pwrite(dev->fd, &value, size, (off_t)(dev->config + offset));

	return len < 0 ? -errno : len == (ssize_t)size ? 0 : -EIO;
}

int device_feature(const struct device *dev, uint32_t flags, void *data, size_t size)
{
	struct vfio_device_feature *feature = calloc(1, sizeof(*feature) + size);
	int ret = 0;

	if (!feature)
		return -ENOMEM;
	feature->argsz = (uint32_t)(sizeof(*feature) + size);
	feature->flags = flags;
	if (size)
		memcpy(feature->data, data, size);
	if (ioctl(dev->fd, VFIO_DEVICE_FEATURE, feature))
		ret = -errno;
	if (size)
		memcpy(data, feature->data, size);
	free(feature);
	return ret;
}

int device_info(const struct device *dev, struct vfio_pci_sriov_info *ret_info)
{
	memset(ret_info, 0, sizeof(*ret_info));
	return device_feature(dev, VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SRIOV_INFO,
			      ret_info, sizeof(*ret_info));
}

int device_set_pf_token(const struct device *dev, const char *token)
{
	uint8_t uuid[16];

	if (parse_uuid(token, uuid))
		return -EINVAL;
	return device_feature(dev, VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_PCI_VF_TOKEN, uuid,
			      sizeof(uuid));
}

int device_reset(const struct device *dev)
{
	return ioctl(dev->fd, VFIO_DEVICE_RESET) ? -errno : 0;
}

/* Region @index with its VF BAR capability; a zeroed @ret_cap if it has none. */
int device_region(const struct device *dev, unsigned int index, struct vfio_region_info *ret_info,
		  struct vfio_region_info_cap_sriov_vf_bar *ret_cap)
{
	union {
		struct vfio_region_info info;
		uint8_t bytes[1024];
	} u = { .info = { .argsz = sizeof(u), .index = index } };
	uint32_t at;

	memset(ret_cap, 0, sizeof(*ret_cap));
	if (ioctl(dev->fd, VFIO_DEVICE_GET_REGION_INFO, &u.info))
		return -errno;
	*ret_info = u.info;
	at = u.info.flags & VFIO_REGION_INFO_FLAG_CAPS ? u.info.cap_offset : 0;
	while (at && at + sizeof(struct vfio_info_cap_header) <= sizeof(u)) {
		struct vfio_info_cap_header header;

		memcpy(&header, u.bytes + at, sizeof(header));
		if (header.id == VFIO_REGION_INFO_CAP_SRIOV_VF_BAR)
			memcpy(ret_cap, u.bytes + at, sizeof(*ret_cap));
		at = header.next;
	}
	return 0;
}

int device_set_eventfd(const struct device *dev, unsigned int index, int fd)
{
	union {
		struct vfio_irq_set set;
		uint8_t bytes[sizeof(struct vfio_irq_set) + sizeof(int)];
	} u = { .set = { .argsz = sizeof(u.bytes),
			 .flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
			 .index = index,
			 .count = 1 } };

	memcpy(u.set.data, &fd, sizeof(fd));
	return ioctl(dev->fd, VFIO_DEVICE_SET_IRQS, &u.set) ? -errno : 0;
}
