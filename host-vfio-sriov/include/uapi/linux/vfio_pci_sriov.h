/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * vfio-pci-sriov: what a user of a physical function's VFIO device can ask of
 * this driver beyond vfio-pci. Shared with userspace (QEMU, the tests).
 */
#ifndef _UAPI_LINUX_VFIO_PCI_SRIOV_H
#define _UAPI_LINUX_VFIO_PCI_SRIOV_H

#include <linux/types.h>
#include <linux/vfio.h>

/**
 * DOC: Finding the driver
 *
 * Probe %VFIO_DEVICE_FEATURE_SRIOV_INFO with VFIO_DEVICE_FEATURE_PROBE |
 * VFIO_DEVICE_FEATURE_GET. It succeeds on a PF with an SR-IOV capability that is
 * bound to vfio-pci-sriov; -ENOTTY means stock vfio-pci, a VF, or a function
 * without SR-IOV. The features below use the top of the 16-bit feature space,
 * so that they don't meet those of a later kernel.
 */

/**
 * DOC: The SR-IOV capability in config space
 *
 * The capability (at @cap_offset of &struct vfio_pci_sriov_info) is read and
 * written with pread and pwrite on the config region, in any size and alignment.
 * The first dword (the capability header) and everything outside the capability
 * behave as with vfio-pci.
 *
 * A write returns its length whether or not the request in it was granted, as a
 * posted write on hardware would; read the register back to learn what came of
 * it, and %VFIO_DEVICE_FEATURE_SRIOV_INFO for the reason of the last refusal.
 * A pwrite longer than 4 bytes is taken as naturally aligned pieces of at most
 * 4 bytes, in ascending order.
 *
 * - Setting VF_Enable is synchronous: when the write returns, VF_Enable reads
 *   back 1 and the VFs exist on the host, or it reads back 0 and none was made.
 *   The write takes at least the 100 ms that the specification gives the device.
 *   A fatal signal ends the wait; the VFs may still appear.
 * - Clearing VF_Enable always reads back 0. If no VF is held, the VFs are gone
 *   when the write returns (the specification's 1 s included). If one is held,
 *   the VFs stay on the host and their removal is deferred
 *   (%VFIO_PCI_SRIOV_DEFERRED) until the last holder lets go.
 * - Setting VF_Enable while VFs from before exist on the host (a deferred
 *   removal, or the device's user was replaced) takes those VFs over if NumVFs
 *   is their number. It is refused with %VFIO_PCI_SRIOV_WHY_HELD if not and one
 *   is held; otherwise the old ones are removed first.
 * - A newly opened device reads VF_Enable = 1 and their NumVFs if VFs exist on
 *   the host and none of their removals is pending. So a VMM that starts anew
 *   finds its VFs; if its guest shall start from reset, it clears VF_Enable,
 *   which costs no held VF anything.
 * - NumVFs, System Page Size are frozen while VF_Enable is set. NumVFs above
 *   TotalVFs or above the host's limit is refused: the old value stays.
 * - TotalVFs and InitialVFs read as the host's limit at open time.
 * - VF_MSE gates the VF BAR regions below and nothing else; the hardware's is
 *   the host's.
 * - The VF BARs hold what was written to them; they size (all ones) to one VF's
 *   BAR, never less than the System Page Size. The hardware's are the host's.
 * - ARI Capable Hierarchy, First VF Offset, VF Stride and VF Device ID are the
 *   hardware's. Migration and 10-bit-tag bits read as 0.
 */

/**
 * DOC: Held VFs
 *
 * A VF is held while a process has it open (an opened, not yet bound cdev
 * counts), while a driver other than vfio-pci-sriov is bound to it, and while it
 * is parked by keep-alive. While any VF of a PF is held:
 *
 * - VFIO_DEVICE_RESET and VFIO_DEVICE_PCI_HOT_RESET of the PF fail with -EBUSY;
 *   a config write that sets Initiate FLR loses that byte;
 * - closing the PF's last fd doesn't reset it; unless keep-alive is on, its
 *   interrupts end and its bus mastering is cleared. Its VFs keep theirs;
 * - opening the PF again doesn't reset it;
 * - the reset follows when no VF is held and nobody has the PF open.
 */

/* Size of the SR-IOV extended capability, header included. */
#define VFIO_PCI_SRIOV_CAP_SIZE		0x40
#define VFIO_PCI_SRIOV_NUM_BARS		6

/**
 * enum vfio_pci_sriov_action - what a config write to the capability asked for
 * @VFIO_PCI_SRIOV_ACT_NONE: nothing yet
 * @VFIO_PCI_SRIOV_ACT_ENABLE: VF_Enable was set: create VFs
 * @VFIO_PCI_SRIOV_ACT_DISABLE: VF_Enable was cleared: remove VFs
 * @VFIO_PCI_SRIOV_ACT_ADOPT: VF_Enable was set: take over the VFs that exist
 * @VFIO_PCI_SRIOV_ACT_NUM_VFS: NumVFs was written
 * @VFIO_PCI_SRIOV_ACT_PAGE_SIZE: System Page Size was written
 * @VFIO_PCI_SRIOV_ACT_RESET: a reset of the PF was asked for
 */
enum vfio_pci_sriov_action {
	VFIO_PCI_SRIOV_ACT_NONE		= 0,
	VFIO_PCI_SRIOV_ACT_ENABLE	= 1,
	VFIO_PCI_SRIOV_ACT_DISABLE	= 2,
	VFIO_PCI_SRIOV_ACT_ADOPT	= 3,
	VFIO_PCI_SRIOV_ACT_NUM_VFS	= 4,
	VFIO_PCI_SRIOV_ACT_PAGE_SIZE	= 5,
	VFIO_PCI_SRIOV_ACT_RESET	= 6,
};

/**
 * enum vfio_pci_sriov_why - why the last refused request was refused
 * @VFIO_PCI_SRIOV_WHY_NONE: no request was refused since the device was opened
 * @VFIO_PCI_SRIOV_WHY_TOTAL: NumVFs above TotalVFs
 * @VFIO_PCI_SRIOV_WHY_LIMIT: NumVFs above the host's limit
 * @VFIO_PCI_SRIOV_WHY_FROZEN: the register can't change while VF_Enable is set
 * @VFIO_PCI_SRIOV_WHY_PAGE_SIZE: not exactly one of the supported page sizes
 * @VFIO_PCI_SRIOV_WHY_HELD: a VF is held
 * @VFIO_PCI_SRIOV_WHY_REMOVING: the device is being unbound or unplugged
 * @VFIO_PCI_SRIOV_WHY_BUSY: the host held the device's locks for too long
 * @VFIO_PCI_SRIOV_WHY_HOST: the host could not create the VFs (see @last_error)
 */
enum vfio_pci_sriov_why {
	VFIO_PCI_SRIOV_WHY_NONE		= 0,
	VFIO_PCI_SRIOV_WHY_TOTAL	= 1,
	VFIO_PCI_SRIOV_WHY_LIMIT	= 2,
	VFIO_PCI_SRIOV_WHY_FROZEN	= 3,
	VFIO_PCI_SRIOV_WHY_PAGE_SIZE	= 4,
	VFIO_PCI_SRIOV_WHY_HELD		= 5,
	VFIO_PCI_SRIOV_WHY_REMOVING	= 6,
	VFIO_PCI_SRIOV_WHY_BUSY		= 7,
	VFIO_PCI_SRIOV_WHY_HOST		= 8,
};

/* Bits of vfio_pci_sriov_vf_bar.flags */
#define VFIO_PCI_SRIOV_BAR_64BIT	(1 << 0)
#define VFIO_PCI_SRIOV_BAR_PREFETCH	(1 << 1)

/* vfio_pci_sriov_vf_bar.region of a BAR without a region */
#define VFIO_PCI_SRIOV_NO_REGION	(~0U)

/**
 * struct vfio_pci_sriov_vf_bar - one VF BAR
 * @size: bytes of it that one VF has; 0 for an absent BAR and for the upper
 *	half of a 64-bit one. Also the stride of the slices in its region.
 * @flags: VFIO_PCI_SRIOV_BAR_*
 * @region: index of its VFIO region, or %VFIO_PCI_SRIOV_NO_REGION
 */
struct vfio_pci_sriov_vf_bar {
	__aligned_u64 size;
	__u32 flags;
	__u32 region;
};

/* Bits of vfio_pci_sriov_info.flags */
#define VFIO_PCI_SRIOV_VF_ENABLE	(1 << 0) /* VF_Enable as the user sees it */
#define VFIO_PCI_SRIOV_DEFERRED		(1 << 1) /* VFs go when their last holder does */
#define VFIO_PCI_SRIOV_KEEP_ALIVE	(1 << 2) /* keep-alive is on */

/**
 * struct vfio_pci_sriov_info - state of the PF's SR-IOV
 * @flags: VFIO_PCI_SRIOV_*
 * @cap_offset: config space offset of the SR-IOV extended capability
 * @hw_total_vfs: TotalVFs of the hardware
 * @total_vfs: TotalVFs that the capability shows
 * @limit: the host's present limit (sysfs max_vfs); more is refused
 * @num_vfs: VFs that exist on the host now, whatever VF_Enable shows
 * @num_held: how many of these are held
 * @vf_offset: First VF Offset for @num_vfs (for NumVFs if @num_vfs is 0)
 * @vf_stride: VF Stride for the same
 * @vf_device_id: VF Device ID
 * @reserved: 0
 * @requests: requests (enum vfio_pci_sriov_action) seen since the device was bound
 * @granted: of these granted (a deferred removal counts as granted)
 * @refused: of these refused
 * @last_action: enum vfio_pci_sriov_action of the last refused one
 * @last_why: enum vfio_pci_sriov_why of the last refused one
 * @last_error: errno (positive) behind %VFIO_PCI_SRIOV_WHY_HOST, or 0
 * @bars: VF BAR0 to BAR5
 *
 * The routing ID of VF i (from 0) on the host is the PF's + @vf_offset +
 * i * @vf_stride.
 */
struct vfio_pci_sriov_info {
	__u32 flags;
	__u16 cap_offset;
	__u16 hw_total_vfs;
	__u16 total_vfs;
	__u16 limit;
	__u16 num_vfs;
	__u16 num_held;
	__u16 vf_offset;
	__u16 vf_stride;
	__u16 vf_device_id;
	__u16 reserved;
	__u32 requests;
	__u32 granted;
	__u32 refused;
	__u32 last_action;
	__u32 last_why;
	__u32 last_error;
	struct vfio_pci_sriov_vf_bar bars[VFIO_PCI_SRIOV_NUM_BARS];
};

/**
 * VFIO_DEVICE_FEATURE_SRIOV_INFO - GET a &struct vfio_pci_sriov_info
 *
 * PF only. Later versions may append fields: an argsz that covers this struct
 * is enough, and the tail that the kernel doesn't know is left untouched.
 */
#define VFIO_DEVICE_FEATURE_SRIOV_INFO		0xf500

/**
 * struct vfio_pci_sriov_held - which VFs are held
 * @num_vfs: in: bits that @bitmap has room for; out: VFs that exist
 * @reserved: 0
 * @bitmap: bit i % 64 of word i / 64 is VF i (from 0): 1 = held
 */
struct vfio_pci_sriov_held {
	__u32 num_vfs;
	__u32 reserved;
	__aligned_u64 bitmap[];
};

/**
 * VFIO_DEVICE_FEATURE_SRIOV_HELD - GET a &struct vfio_pci_sriov_held
 *
 * PF only. -ENOSPC, with @num_vfs filled in, if the bitmap is too short.
 */
#define VFIO_DEVICE_FEATURE_SRIOV_HELD		0xf501

/**
 * struct vfio_pci_sriov_event - eventfd for changes that the host makes
 * @fd: an eventfd, or -1 to take the present one away
 * @reserved: 0
 */
struct vfio_pci_sriov_event {
	__s32 fd;
	__u32 reserved;
};

/**
 * VFIO_DEVICE_FEATURE_SRIOV_EVENT - SET a &struct vfio_pci_sriov_event
 *
 * PF only. The eventfd is signalled when a VF becomes held or free, and when
 * VFs appear or vanish by another hand than the user's (sysfs, a deferred
 * removal). Read SRIOV_INFO and SRIOV_HELD to learn what changed. It goes with
 * the last close of the device.
 */
#define VFIO_DEVICE_FEATURE_SRIOV_EVENT		0xf502

/* Bits of vfio_pci_sriov_keep_alive.flags */
#define VFIO_PCI_SRIOV_KEEP_ALIVE_ON	(1 << 0)

/**
 * struct vfio_pci_sriov_keep_alive - keep-alive of one device
 * @flags: in and out: VFIO_PCI_SRIOV_KEEP_ALIVE_ON
 * @parks: out: how often a close left the function running
 * @resumes: out: how often an open took a running function over
 * @reserved: 0
 */
struct vfio_pci_sriov_keep_alive {
	__u32 flags;
	__u32 parks;
	__u32 resumes;
	__u32 reserved;
};

/**
 * VFIO_DEVICE_FEATURE_PCI_KEEP_ALIVE - GET or SET a &struct vfio_pci_sriov_keep_alive
 *
 * PF, VF or any other function bound to vfio-pci-sriov; also as the sysfs
 * attribute keep_alive. With it, the last close leaves the function as it is: no
 * reset, bus mastering, BARs, MSI-X and power state untouched; the next open
 * takes it over so. A reset that a user asks for is done as ever. Without an IOMMU
 * its DMA goes on while nobody has it open: the memory must stay. -EINVAL for
 * unknown flags.
 */
#define VFIO_DEVICE_FEATURE_PCI_KEEP_ALIVE	0xf503

/**
 * DOC: VF BAR regions
 *
 * Each VF BAR is a device region of the PF of type
 * %VFIO_REGION_TYPE_PCI_SRIOV, subtype %VFIO_REGION_SUBTYPE_PCI_SRIOV_VF_BAR,
 * with a %VFIO_REGION_INFO_CAP_SRIOV_VF_BAR capability. Slice i, from i * stride,
 * is the BAR of VF i. pread, pwrite (within one slice, naturally aligned, 1, 2, 4
 * or 8 bytes) and mmap are offered for the whole region from open on; a slice is
 * live while VF_Enable and VF_MSE are set, its VF exists and is not held. A dead
 * slice refuses pread and pwrite with -EBUSY and its mappings raise SIGBUS (a
 * mapping made while live is revoked when it dies, and lives again later).
 */
#define VFIO_REGION_TYPE_PCI_SRIOV		(VFIO_REGION_TYPE_PCI_VENDOR_TYPE | 0xffff)
#define VFIO_REGION_SUBTYPE_PCI_SRIOV_VF_BAR	1

#define VFIO_REGION_INFO_CAP_SRIOV_VF_BAR	0xf500

/**
 * struct vfio_region_info_cap_sriov_vf_bar - which VF BAR a region shows
 * @header: id %VFIO_REGION_INFO_CAP_SRIOV_VF_BAR, version 1
 * @bar: VF BAR number, 0 to 5
 * @slices: number of slices: the hardware's TotalVFs
 * @stride: bytes of one slice
 */
struct vfio_region_info_cap_sriov_vf_bar {
	struct vfio_info_cap_header header;
	__u32 bar;
	__u32 slices;
	__aligned_u64 stride;
};

#endif /* _UAPI_LINUX_VFIO_PCI_SRIOV_H */
