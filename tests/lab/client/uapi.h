/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VFIO's cdev and iommufd interfaces, for build hosts whose kernel headers are
 * older than they are (6.6), or than the token on the cdev path (6.17).
 */
#ifndef TESTS_LAB_CLIENT_UAPI_H
#define TESTS_LAB_CLIENT_UAPI_H

#include <linux/types.h>
#include <linux/vfio.h>
#include "uapi/linux/vfio_pci_sriov.h"

struct client_bind {
	__u32 argsz;
	__u32 flags;
	__s32 iommufd;
	__u32 out_devid;
	__aligned_u64 token_uuid_ptr;
};

struct client_attach {
	__u32 argsz;
	__u32 flags;
	__u32 pt_id;
};

struct client_ioas_alloc {
	__u32 size;
	__u32 flags;
	__u32 out_ioas_id;
};

#define CLIENT_BIND_FLAG_TOKEN	     (1 << 0)
#define CLIENT_DEVICE_BIND_IOMMUFD   _IO(VFIO_TYPE, VFIO_BASE + 18)
#define CLIENT_DEVICE_ATTACH_IOMMUFD _IO(VFIO_TYPE, VFIO_BASE + 19)
#define CLIENT_IOMMU_IOAS_ALLOC	     _IO(';', 0x81)

#ifndef VFIO_DEVICE_FEATURE_PCI_VF_TOKEN
#define VFIO_DEVICE_FEATURE_PCI_VF_TOKEN 0
#endif

#endif
