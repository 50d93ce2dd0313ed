// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device is attached to a hardware page table that already has all mappings:
 * what it reaches must not be less for a moment when it has been doing DMA.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "tests/lab/liveupdate/lu.h"
#include "tests/lab/liveupdate/uapi.h"

static const uint8_t token[16] = "live-update-test";

static uint32_t bind_device(struct lu_device *dev, bool vf)
{
	struct vfio_bind bind = {
		.argsz = sizeof(bind),
		.flags = vf ? VFIO_BIND_TOKEN : 0,
		.iommufd = dev->iommufd,
		.token_uuid_ptr = vf ? (uintptr_t)token : 0,
	};

	if (ioctl(dev->fd, VFIO_BIND_IOMMUFD, &bind))
		lu_fail("%s: bind: %d", dev->bdf.text, errno);
	return bind.out_devid;
}

static uint32_t map_memory(struct lu_device *dev)
{
	struct iommufd_ioas_alloc ioas = { .size = sizeof(ioas) };
	struct iommufd_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMUFD_MAP_FIXED_IOVA | IOMMUFD_MAP_WRITEABLE | IOMMUFD_MAP_READABLE,
		.user_va = (uintptr_t)dev->memory.base,
		.length = LU_MEMORY,
		.iova = LU_IOVA,
	};

	if (ioctl(dev->iommufd, IOMMUFD_IOAS_ALLOC, &ioas))
		lu_fail("no IOAS: %d", errno);
	map.ioas_id = ioas.out_ioas_id;
	if (ioctl(dev->iommufd, IOMMUFD_IOAS_MAP, &map))
		lu_fail("the memory can't be mapped for DMA: %d", errno);
	return ioas.out_ioas_id;
}

static void map_bar0(struct lu_device *dev)
{
	struct vfio_region_info info = { .argsz = sizeof(info),
					 .index = VFIO_PCI_BAR0_REGION_INDEX };
	void *base;

	if (ioctl(dev->fd, VFIO_DEVICE_GET_REGION_INFO, &info))
		lu_fail("%s: no BAR0: %d", dev->bdf.text, errno);
	base = mmap(NULL, info.size, PROT_READ | PROT_WRITE, MAP_SHARED, dev->fd,
		    (off_t)info.offset);
	if (base == MAP_FAILED)
		lu_fail("%s: BAR0 can't be mapped: %d", dev->bdf.text, errno);
	dev->bar0 = base;
}

/* dev->fd, dev->bdf and dev->memory are there. */
void lu_device_attach(struct lu_device *dev, bool vf)
{
	struct iommufd_hwpt_alloc hwpt = { .size = sizeof(hwpt) };
	struct vfio_attach attach = { .argsz = sizeof(attach) };

	dev->iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (dev->iommufd < 0)
		lu_fail("/dev/iommu: %d", errno);
	hwpt.dev_id = bind_device(dev, vf);
	hwpt.pt_id = map_memory(dev);
	if (ioctl(dev->iommufd, IOMMUFD_HWPT_ALLOC, &hwpt))
		lu_fail("%s: no page table: %d", dev->bdf.text, errno);
	attach.pt_id = hwpt.out_hwpt_id;
	if (ioctl(dev->fd, VFIO_ATTACH_PT, &attach))
		lu_fail("%s: attach: %d", dev->bdf.text, errno);
	map_bar0(dev);
}

void lu_device_set_token(const struct lu_device *pf)
{
	struct {
		struct vfio_device_feature feature;
		uint8_t uuid[16];
	} set = { .feature = { .argsz = sizeof(set),
			       .flags = VFIO_DEVICE_FEATURE_SET |
					VFIO_DEVICE_FEATURE_PCI_VF_TOKEN } };

	memcpy(set.uuid, token, sizeof(token));
	if (ioctl(pf->fd, VFIO_DEVICE_FEATURE, &set))
		lu_fail("%s: VF token: %d", pf->bdf.text, errno);
}

void lu_device_master(const struct lu_device *dev)
{
	struct vfio_region_info info = { .argsz = sizeof(info),
					 .index = VFIO_PCI_CONFIG_REGION_INDEX };
	uint16_t command = 0;

	if (ioctl(dev->fd, VFIO_DEVICE_GET_REGION_INFO, &info) ||
	    pread(dev->fd, &command, 2, (off_t)info.offset + PCI_COMMAND) != 2)
		lu_fail("%s: no config space: %d", dev->bdf.text, errno);
	command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	if (pwrite(dev->fd, &command, 2, (off_t)info.offset + PCI_COMMAND) != 2)
		lu_fail("%s: bus mastering: %d", dev->bdf.text, errno);
}
