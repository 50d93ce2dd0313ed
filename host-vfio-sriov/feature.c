// SPDX-License-Identifier: GPL-2.0-only
/* VFIO_DEVICE_FEATURE: what a user can ask beyond vfio-pci (the uAPI header). */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "driver.h"

static void fill_bars(struct sriov_pf *pf, struct vfio_pci_sriov_info *info)
{
	unsigned int i;

	for (i = 0; i < VFIO_PCI_SRIOV_NUM_BARS; i++) {
		const struct sriov_cap_bar *bar = &pf->hardware.bars[i];

		info->bars[i].size = bar->size;
		info->bars[i].flags = (bar->is_64bit ? VFIO_PCI_SRIOV_BAR_64BIT : 0) |
				      (bar->prefetch ? VFIO_PCI_SRIOV_BAR_PREFETCH : 0);
		info->bars[i].region = sriov_region_index(pf, i);
	}
}

static void fill_capability(struct sriov_pf *pf, struct vfio_pci_sriov_info *info)
{
	u16 shown;

	spin_lock(&pf->cap_lock);
	if (sriov_cap_vf_enabled(&pf->cap))
		info->flags |= VFIO_PCI_SRIOV_VF_ENABLE;
	info->total_vfs = pf->cap.config.total_vfs;
	shown = sriov_cap_num_vfs(&pf->cap);
	spin_unlock(&pf->cap_lock);
	if (!info->num_vfs) {
		info->vf_offset = pf->geometry[shown].offset;
		info->vf_stride = pf->geometry[shown].stride;
	}
}

static void fill_state(struct sriov_pf *pf, struct vfio_pci_sriov_info *info)
{
	spin_lock(&pf->lock);
	if (pf->deferred)
		info->flags |= VFIO_PCI_SRIOV_DEFERRED;
	info->limit = pf->max_vfs;
	info->num_vfs = pf->num_vfs;
	info->num_held = pf->num_held;
	info->requests = pf->stats.requests;
	info->granted = pf->stats.granted;
	info->refused = pf->stats.refused;
	info->last_action = pf->stats.last_action;
	info->last_why = pf->stats.last_why;
	info->last_error = pf->stats.last_error;
	spin_unlock(&pf->lock);
	info->vf_offset = pf->geometry[info->num_vfs].offset;
	info->vf_stride = pf->geometry[info->num_vfs].stride;
}

static int feature_info(struct sriov_device *dev, u32 flags, void __user *arg, size_t argsz)
{
	struct vfio_pci_sriov_info info = {};
	struct sriov_pf *pf = dev->pf;
	int ret = vfio_check_feature(flags, argsz, VFIO_DEVICE_FEATURE_GET, sizeof(info));

	if (ret != 1)
		return ret;
	if (READ_ONCE(dev->keep_alive))
		info.flags |= VFIO_PCI_SRIOV_KEEP_ALIVE;
	info.cap_offset = pf->pos;
	info.hw_total_vfs = pf->hw_total_vfs;
	info.vf_device_id = pf->hardware.vf_device_id;
	fill_state(pf, &info);
	fill_capability(pf, &info);
	fill_bars(pf, &info);
	return copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}

static int copy_held(struct sriov_pf *pf, struct vfio_pci_sriov_held __user *arg, u16 num_vfs)
{
	unsigned int words = DIV_ROUND_UP(num_vfs, 64), i;
	u64 *bitmap = kcalloc(max(words, 1U), sizeof(*bitmap), GFP_KERNEL);
	int ret;

	if (!bitmap)
		return -ENOMEM;
	down_read(&pf->slice_lock);
	for_each_set_bit(i, pf->held, num_vfs)
		bitmap[i / 64] |= BIT_ULL(i % 64);
	up_read(&pf->slice_lock);
	ret = copy_to_user(arg->bitmap, bitmap, words * sizeof(*bitmap)) ? -EFAULT : 0;
	kfree(bitmap);
	return ret;
}

static int feature_held(struct sriov_device *dev, u32 flags, void __user *arg, size_t argsz)
{
	struct vfio_pci_sriov_held __user *user = arg;
	struct vfio_pci_sriov_held held;
	int ret = vfio_check_feature(flags, argsz, VFIO_DEVICE_FEATURE_GET, sizeof(held));
	u32 room;

	if (ret != 1)
		return ret;
	if (copy_from_user(&held, arg, sizeof(held)))
		return -EFAULT;
	if (held.reserved)
		return -EINVAL;
	room = held.num_vfs;
	held.num_vfs = READ_ONCE(dev->pf->num_vfs);
	if (copy_to_user(arg, &held, sizeof(held)))
		return -EFAULT;
	if (room < held.num_vfs ||
	    argsz < sizeof(held) + DIV_ROUND_UP(held.num_vfs, 64) * sizeof(u64))
		return -ENOSPC;
	return copy_held(dev->pf, user, held.num_vfs);
}

static int feature_event(struct sriov_device *dev, u32 flags, void __user *arg, size_t argsz)
{
	struct vfio_pci_sriov_event event;
	struct eventfd_ctx *ctx = NULL;
	struct sriov_pf *pf = dev->pf;
	int ret = vfio_check_feature(flags, argsz, VFIO_DEVICE_FEATURE_SET, sizeof(event));

	if (ret != 1)
		return ret;
	if (copy_from_user(&event, arg, sizeof(event)))
		return -EFAULT;
	if (event.reserved || event.fd < -1)
		return -EINVAL;
	if (event.fd >= 0) {
		ctx = eventfd_ctx_fdget(event.fd);
		if (IS_ERR(ctx))
			return PTR_ERR(ctx);
	}
	spin_lock(&pf->lock);
	swap(pf->event, ctx);
	spin_unlock(&pf->lock);
	if (ctx)
		eventfd_ctx_put(ctx);
	return 0;
}

static int feature_keep_alive(struct sriov_device *dev, u32 flags, void __user *arg, size_t argsz)
{
	struct vfio_pci_sriov_keep_alive ka = {};
	int ret = vfio_check_feature(flags, argsz,
				     VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET, sizeof(ka));

	if (ret != 1)
		return ret;
	if (flags & VFIO_DEVICE_FEATURE_SET) {
		if (copy_from_user(&ka, arg, sizeof(ka)))
			return -EFAULT;
		if (ka.flags & ~VFIO_PCI_SRIOV_KEEP_ALIVE_ON || ka.reserved)
			return -EINVAL;
		sriov_park_set_keep_alive(dev, ka.flags & VFIO_PCI_SRIOV_KEEP_ALIVE_ON);
		return 0;
	}
	ka.flags = READ_ONCE(dev->keep_alive) ? VFIO_PCI_SRIOV_KEEP_ALIVE_ON : 0;
	ka.parks = atomic_read(&dev->parks);
	ka.resumes = atomic_read(&dev->resumes);
	return copy_to_user(arg, &ka, sizeof(ka)) ? -EFAULT : 0;
}

struct feature {
	u16 number;
	bool pf_only;
	int (*handle)(struct sriov_device *dev, u32 flags, void __user *arg, size_t argsz);
};

static const struct feature features[] = {
	{ VFIO_DEVICE_FEATURE_SRIOV_INFO, true, feature_info },
	{ VFIO_DEVICE_FEATURE_SRIOV_HELD, true, feature_held },
	{ VFIO_DEVICE_FEATURE_SRIOV_EVENT, true, feature_event },
	{ VFIO_DEVICE_FEATURE_PCI_KEEP_ALIVE, false, feature_keep_alive },
};

int sriov_feature(struct vfio_device *core_vdev, u32 flags, void __user *arg, size_t argsz)
{
	struct sriov_device *dev = sriov_device(core_vdev);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(features); i++) {
		if ((flags & VFIO_DEVICE_FEATURE_MASK) != features[i].number)
			continue;
		if (features[i].pf_only && !dev->pf)
			return -ENOTTY;
		return features[i].handle(dev, flags, arg, argsz);
	}
	return vfio_pci_core_ioctl_feature(core_vdev, flags, arg, argsz);
}
