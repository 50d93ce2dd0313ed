/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The SR-IOV extended capability as a user of the PF sees it: a pure state
 * machine over a register image. No I/O and no locks; compiled unchanged into
 * the kernel module, the unit tests and the fuzzers.
 *
 * Sections named here and in sriov_cap.c are those of the PCI Express Base
 * Specification, revision 5.0.
 */
#ifndef SRIOV_CAP_H
#define SRIOV_CAP_H

#ifdef __KERNEL__
#include <linux/types.h>
#include <linux/string.h>
#include <linux/errno.h>
#else
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
#endif

#include <uapi/linux/vfio_pci_sriov.h>

/* Byte offsets from the start of the capability (figure 9-9). */
enum sriov_cap_offset {
	SRIOV_CAP_HEADER = 0x00,
	SRIOV_CAP_CAPS = 0x04,
	SRIOV_CAP_CTRL = 0x08,
	SRIOV_CAP_STATUS = 0x0a,
	SRIOV_CAP_INITIAL_VFS = 0x0c,
	SRIOV_CAP_TOTAL_VFS = 0x0e,
	SRIOV_CAP_NUM_VFS = 0x10,
	SRIOV_CAP_FUNC_LINK = 0x12,
	SRIOV_CAP_VF_OFFSET = 0x14,
	SRIOV_CAP_VF_STRIDE = 0x16,
	SRIOV_CAP_VF_DEVICE_ID = 0x1a,
	SRIOV_CAP_SUP_PAGE_SIZES = 0x1c,
	SRIOV_CAP_SYS_PAGE_SIZE = 0x20,
	SRIOV_CAP_BAR0 = 0x24,
	SRIOV_CAP_MIGRATION = 0x3c,
	SRIOV_CAP_END = 0x40,
};

#define SRIOV_CAP_CTRL_VF_ENABLE 0x0001 /* 9.3.3.3.1 */
#define SRIOV_CAP_CTRL_VF_MSE    0x0008 /* 9.3.3.3.4 */
#define SRIOV_CAP_CTRL_ARI       0x0010 /* 9.3.3.3.5 */

#define SRIOV_CAP_CAPS_ARI_PRESERVED 0x00000002 /* 9.3.3.2.2 */

/* One VF BAR of the hardware; size 0: absent, or the upper half of a pair. */
struct sriov_cap_bar {
	u64 size;
	bool is_64bit;
	bool prefetch;
};

/* First VF Offset and VF Stride of the hardware for one value of NumVFs. */
struct sriov_cap_geometry {
	u16 offset;
	u16 stride;
};

/* What the hardware and the host's setting fix for as long as the PF is open. */
struct sriov_cap_config {
	u32 caps;
	bool ari;
	u16 total_vfs;
	u8 func_link;
	u16 vf_device_id;
	u32 supported_page_sizes;
	struct sriov_cap_bar bars[VFIO_PCI_SRIOV_NUM_BARS];
	/* total_vfs + 1 entries, by NumVFs; must outlive the capability */
	const struct sriov_cap_geometry *geometry;
};

struct sriov_cap {
	struct sriov_cap_config config;
	u8 regs[SRIOV_CAP_END];
};

/* What the host knows at the moment of a write. */
struct sriov_cap_host {
	u16 limit;   /* more VFs than this are not granted */
	u16 num_vfs; /* VFs that exist */
	bool held;   /* one of them is held */
};

/*
 * What a write asked for and what must follow. @request is NONE for a write
 * that asks for nothing. If @why isn't NONE, the request was refused and
 * nothing follows. Otherwise @todo is what the host must do now:
 *   ENABLE   create @num_vfs VFs (removing those that exist first), then report
 *            with sriov_cap_enable_done(); VF_Enable reads 0 until then
 *   DISABLE  remove the VFs; as soon as none is held if @deferred
 *   ADOPT    the existing VFs are the user's again: forget a deferred removal
 *   NONE     the image has all there is to it
 */
struct sriov_cap_verdict {
	enum vfio_pci_sriov_action request;
	enum vfio_pci_sriov_action todo;
	enum vfio_pci_sriov_why why;
	u16 num_vfs;
	bool deferred;
};

int sriov_cap_init(struct sriov_cap *cap, const struct sriov_cap_config *config);
void sriov_cap_attach(struct sriov_cap *cap, u16 num_vfs);
void sriov_cap_detach(struct sriov_cap *cap);

int sriov_cap_read(const struct sriov_cap *cap, unsigned int offset, unsigned int size,
		   u32 *ret_value);
int sriov_cap_write(struct sriov_cap *cap, unsigned int offset, unsigned int size, u32 value,
		    const struct sriov_cap_host *host, struct sriov_cap_verdict *ret_verdict);
void sriov_cap_enable_done(struct sriov_cap *cap, bool success);

bool sriov_cap_vf_enabled(const struct sriov_cap *cap);
bool sriov_cap_vf_memory(const struct sriov_cap *cap);
u16 sriov_cap_num_vfs(const struct sriov_cap *cap);

#endif /* SRIOV_CAP_H */
