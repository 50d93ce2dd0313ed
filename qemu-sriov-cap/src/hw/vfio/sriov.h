/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SR-IOV capability of an assigned physical function
 */
#ifndef HW_VFIO_SRIOV_H
#define HW_VFIO_SRIOV_H

#include "hw/pci/pci_device.h"
#include "hw/vfio/types.h"
#include "qom/object.h"

#define VFIO_SRIOV_NUM_BARS 6

typedef struct VFIOPCIDevice VFIOPCIDevice;

/* One VF BAR, as the host driver describes it; constant while we run. */
typedef struct VFIOSriovBAR {
    uint64_t size;      /* one VF's slice; 0: no such BAR */
    uint32_t slices;    /* in the region, one after the other */
    uint8_t type;       /* low bits of the register */
    uint8_t region;     /* VFIO region with the slices of all VFs */
} VFIOSriovBAR;

/* Protected by BQL */
typedef struct VFIOSriov {
    VFIOPCIDevice *vdev;
    uint16_t cap;           /* offset of the SR-IOV capability */
    uint16_t ari_cap;       /* offset of the ARI capability; 0: none */
    uint16_t total_vfs;     /* placeholders made */
    uint16_t vf_offset;     /* where the placeholders lie now */
    uint16_t vf_stride;
    VFIOSriovBAR bars[VFIO_SRIOV_NUM_BARS];
    PCIDevice **vf;         /* owned by the pcie_sriov core */
    uint16_t num_vfs;       /* enabled; for migration only */
    Error *migration_blocker;
} VFIOSriov;

#define TYPE_VFIO_SRIOV_VF "vfio-sriov-vf"
OBJECT_DECLARE_SIMPLE_TYPE(VFIOSriovVF, VFIO_SRIOV_VF)

/**
 * vfio_sriov_add_ext_cap: Show an SR-IOV or ARI capability to the guest.
 *
 * @vdev: the PF
 * @cap_id: the capability's identifier
 * @cap_ver: its version
 * @pos: its offset
 * @ret_added: set to whether the capability is now in the guest's chain
 * @errp: where the error goes
 *
 * Returns: false on an error. Without sriov=on, nothing is added.
 */
bool vfio_sriov_add_ext_cap(VFIOPCIDevice *vdev, uint16_t cap_id,
                            uint8_t cap_ver, uint16_t pos, bool *ret_added,
                            Error **errp);

/**
 * vfio_sriov_config_write: The guest writes to the PF's configuration space.
 *
 * Returns: true if the write was one to the SR-IOV capability: it is done.
 */
bool vfio_sriov_config_write(VFIOPCIDevice *vdev, uint32_t addr, uint32_t val,
                             int len);

/**
 * vfio_sriov_sync: Make the guest's VFs what the host says they are.
 *
 * To be called after anything that may have changed the capability on the
 * host: a write to it, a reset, an incoming migration.
 */
void vfio_sriov_sync(VFIOPCIDevice *vdev);

/* The PF is about to be reset, and has been or the host has refused to. */
void vfio_sriov_pre_reset(VFIOPCIDevice *vdev);
void vfio_sriov_post_reset(VFIOPCIDevice *vdev);

/* vfio_sriov_exit: Undo vfio_sriov_probe() and vfio_sriov_add_ext_cap(). */
void vfio_sriov_exit(VFIOPCIDevice *vdev);

/* Subsection of the PF's state for CPR: the placeholders' own state. */
extern const VMStateDescription vfio_sriov_vmstate;

/* sriov-probe.c */

/**
 * vfio_sriov_probe: Find out whether the host driver lets us own SR-IOV.
 *
 * Does nothing unless the device has sriov=on. To be called when the regions
 * and the copy of the configuration space are there.
 *
 * Returns: false, with @errp set, if the user wants what the host can't do.
 */
bool vfio_sriov_probe(VFIOPCIDevice *vdev, Error **errp);

/* sriov-vf.c */

/**
 * vfio_sriov_vf_set_memory: Switch a placeholder's BARs on or off.
 *
 * Also moves them to where the PF's VF BAR registers put them now.
 */
void vfio_sriov_vf_set_memory(PCIDevice *pdev, bool on);

#endif /* HW_VFIO_SRIOV_H */
