/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every difference between the kernels that the driver supports (6.12 to 7.3),
 * and nothing else. Code elsewhere doesn't ask for a kernel's version.
 */
#ifndef VFIO_PCI_SRIOV_COMPAT_H
#define VFIO_PCI_SRIOV_COMPAT_H

#include <linux/sched.h>
#include <linux/version.h>
#include <linux/vfio.h>
#include <linux/vfio_pci_core.h>

/* 6.17 took the token's check out of vfio_pci_core_match() into an operation. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
#define SRIOV_HAS_MATCH_TOKEN_UUID 1
#define SRIOV_OPS_TOKEN .match_token_uuid = sriov_token_match_uuid,
#else
#define SRIOV_HAS_MATCH_TOKEN_UUID 0
#define SRIOV_OPS_TOKEN
#endif

/* 6.15 added attaching by PASID. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 15, 0)
#define SRIOV_OPS_PASID                                                \
	.pasid_attach_ioas = vfio_iommufd_physical_pasid_attach_ioas, \
	.pasid_detach_ioas = vfio_iommufd_physical_pasid_detach_ioas,
#else
#define SRIOV_OPS_PASID
#endif

/* 6.19 made region info an operation and gave BARs to dma-buf. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0)
#define SRIOV_OPS_REGION_INFO .get_region_info_caps = vfio_pci_ioctl_get_region_info,

static const struct vfio_pci_device_ops sriov_dmabuf_ops = {
	.get_dmabuf_phys = vfio_pci_core_get_dmabuf_phys,
};

static inline void sriov_compat_set_pci_ops(struct vfio_pci_core_device *core)
{
	core->pci_ops = &sriov_dmabuf_ops;
}
#else
#define SRIOV_OPS_REGION_INFO

static inline void sriov_compat_set_pci_ops(struct vfio_pci_core_device *core)
{
}
#endif

/*
 * Before 6.17 a cdev is bound without a look at the token. The group path shows
 * it to .match in the same thread that then opens the device, so that the thread
 * which has matched is the one that may open.
 */
struct sriov_proof {
	const void *task;
	u64 start;
};

#if SRIOV_HAS_MATCH_TOKEN_UUID
static inline void sriov_proof_set(struct sriov_proof *proof)
{
}

static inline bool sriov_proof_take(struct sriov_proof *proof)
{
	return true;
}
#else
static inline void sriov_proof_set(struct sriov_proof *proof)
{
	proof->task = current;
	proof->start = current->start_boottime;
}

static inline bool sriov_proof_take(struct sriov_proof *proof)
{
	bool ok = proof->task == current && proof->start == current->start_boottime;

	proof->task = NULL;
	return ok;
}
#endif

/*
 * Our live-update series for the kernel (patches/) knows functions that have
 * been doing DMA since before a live update. Elsewhere there is none, nor the
 * option.
 */
#ifdef CONFIG_PCI_LIVEUPDATE
#include <linux/pci_liveupdate.h>

static inline bool sriov_compat_is_live(struct pci_dev *pdev)
{
	return pci_liveupdate_incoming(pdev);
}
#else
static inline bool sriov_compat_is_live(struct pci_dev *pdev)
{
	return false;
}
#endif

#endif /* VFIO_PCI_SRIOV_COMPAT_H */
