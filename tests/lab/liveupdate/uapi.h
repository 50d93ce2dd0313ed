/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel interfaces for build hosts whose headers don't have them. */
#ifndef TESTS_LAB_LIVEUPDATE_UAPI_H
#define TESTS_LAB_LIVEUPDATE_UAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>
#include <linux/vfio.h>

/* include/uapi/linux/liveupdate.h, Linux 7.3 */
#define LUO_NAME_SIZE 64

struct luo_session {
	__u32 size;
	__s32 fd;
	__u8 name[LUO_NAME_SIZE];
};

struct luo_fd {
	__u32 size;
	__s32 fd;
	__aligned_u64 token;
};

struct luo_finish {
	__u32 size;
	__u32 reserved;
};

#define LUO_CREATE_SESSION   _IO(0xba, 0x00)
#define LUO_RETRIEVE_SESSION _IO(0xba, 0x01)
#define LUO_PRESERVE_FD	     _IO(0xba, 0x40)
#define LUO_RETRIEVE_FD	     _IO(0xba, 0x41)
#define LUO_FINISH	     _IO(0xba, 0x42)

/* include/uapi/linux/iommufd.h */
struct iommufd_ioas_alloc {
	__u32 size;
	__u32 flags;
	__u32 out_ioas_id;
};

struct iommufd_ioas_map {
	__u32 size;
	__u32 flags;
	__u32 ioas_id;
	__u32 reserved;
	__aligned_u64 user_va;
	__aligned_u64 length;
	__aligned_u64 iova;
};

struct iommufd_hwpt_alloc {
	__u32 size;
	__u32 flags;
	__u32 dev_id;
	__u32 pt_id;
	__u32 out_hwpt_id;
	__u32 reserved;
	__u32 data_type;
	__u32 data_len;
	__aligned_u64 data_uptr;
	__u32 fault_id;
	__u32 reserved2;
};

#define IOMMUFD_IOAS_ALLOC _IO(';', 0x81)
#define IOMMUFD_IOAS_MAP   _IO(';', 0x85)
#define IOMMUFD_HWPT_ALLOC _IO(';', 0x89)

#define IOMMUFD_MAP_FIXED_IOVA 1
#define IOMMUFD_MAP_WRITEABLE  2
#define IOMMUFD_MAP_READABLE   4

/* include/uapi/linux/vfio.h, the cdev's part; the token from 6.17 on */
struct vfio_bind {
	__u32 argsz;
	__u32 flags;
	__s32 iommufd;
	__u32 out_devid;
	__aligned_u64 token_uuid_ptr;
};

struct vfio_attach {
	__u32 argsz;
	__u32 flags;
	__u32 pt_id;
};

#define VFIO_BIND_TOKEN	  1
#define VFIO_BIND_IOMMUFD _IO(VFIO_TYPE, VFIO_BASE + 18)
#define VFIO_ATTACH_PT	  _IO(VFIO_TYPE, VFIO_BASE + 19)

#endif
