/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SR-IOV capability of an assigned physical function: what the host offers
 */

#include "qemu/osdep.h"
#include <linux/vfio.h>
#include <linux/vfio_pci_sriov.h>

#include "hw/pci/pci_bus.h"
#include "hw/pci/pcie.h"
#include "hw/vfio/pci.h"
#include "hw/vfio/sriov.h"
#include "migration/cpr.h"
#include "qapi/error.h"
#include "qemu/bitops.h"
#include "vfio-helpers.h"

/*
 * What the host says about a VF BAR ends up in assertions of the PCI core,
 * and in offsets into the region: believe nothing.
 */
static bool
vfio_sriov_probe_bar(VFIOSriov *s, const struct vfio_region_info *info,
                     const struct vfio_region_info_cap_sriov_vf_bar *cap,
                     Error **errp)
{
    const uint8_t known = PCI_BASE_ADDRESS_MEM_TYPE_64 |
                          PCI_BASE_ADDRESS_MEM_PREFETCH;
    const uint8_t *regs = PCI_DEVICE(s->vdev)->config + s->cap + PCI_SRIOV_BAR;
    uint8_t type, below;
    uint64_t max;

    if (cap->bar >= VFIO_SRIOV_NUM_BARS || s->bars[cap->bar].size) {
        error_setg(errp, "the host driver has a region for VF BAR %u, which "
                   "%s", cap->bar, cap->bar >= VFIO_SRIOV_NUM_BARS ?
                   "does not exist" : "has one already");
        return false;
    }

    type = regs[cap->bar * 4] & ~PCI_BASE_ADDRESS_MEM_MASK;
    below = cap->bar ? regs[cap->bar * 4 - 4] : 0;
    max = BIT_ULL(type & PCI_BASE_ADDRESS_MEM_TYPE_64 ? 62 : 31);
    if (!is_power_of_2(cap->stride) || cap->stride < 16 || cap->stride > max ||
        !cap->slices || info->size / cap->slices < cap->stride ||
        type & ~known ||
        (type & PCI_BASE_ADDRESS_MEM_TYPE_64 &&
         cap->bar == VFIO_SRIOV_NUM_BARS - 1) ||
        (below & PCI_BASE_ADDRESS_MEM_TYPE_64 && s->bars[cap->bar - 1].size)) {
        error_setg(errp, "the host driver's description of VF BAR %u makes no "
                   "sense (type 0x%x, %u slices of 0x%" PRIx64 " bytes in a "
                   "region of 0x%" PRIx64 ")", cap->bar, type, cap->slices,
                   (uint64_t)cap->stride, (uint64_t)info->size);
        return false;
    }

    s->bars[cap->bar].size = cap->stride;
    s->bars[cap->bar].slices = cap->slices;
    s->bars[cap->bar].type = type;
    s->bars[cap->bar].region = info->index;
    return true;
}

static bool vfio_sriov_probe_type(struct vfio_region_info *info)
{
    struct vfio_info_cap_header *hdr;
    struct vfio_region_info_cap_type *type;

    hdr = vfio_get_region_info_cap(info, VFIO_REGION_INFO_CAP_TYPE);
    if (!hdr) {
        return false;
    }
    type = container_of(hdr, struct vfio_region_info_cap_type, header);
    return type->type == VFIO_REGION_TYPE_PCI_SRIOV &&
           type->subtype == VFIO_REGION_SUBTYPE_PCI_SRIOV_VF_BAR;
}

/*
 * The VF BARs' regions tell us both that the driver is the right one, and the
 * sizes of the BARs. (Sizing them the usual way won't do: they may be in use.)
 */
static bool vfio_sriov_probe_bars(VFIOSriov *s, Error **errp)
{
    VFIODevice *vbasedev = &s->vdev->vbasedev;
    bool found = false;

    for (int i = VFIO_PCI_NUM_REGIONS; i < vbasedev->num_initial_regions; i++) {
        struct vfio_region_info *info;
        struct vfio_info_cap_header *hdr;

        if (vfio_device_get_region_info(vbasedev, i, &info) ||
            !vfio_sriov_probe_type(info)) {
            continue;
        }

        hdr = vfio_get_region_info_cap(info, VFIO_REGION_INFO_CAP_SRIOV_VF_BAR);
        if (!hdr) {
            error_setg(errp, "the host driver does not say which VF BAR its "
                       "region %d is", i);
            return false;
        }
        if (!vfio_sriov_probe_bar(s, info, container_of(hdr,
                                struct vfio_region_info_cap_sriov_vf_bar,
                                header), errp)) {
            return false;
        }
        found = true;
    }

    if (!found) {
        error_setg(errp, "sriov=on: the device's host driver keeps SR-IOV to "
                   "itself; bind the device to vfio-pci-sriov");
    }
    return found;
}

/*
 * The host doesn't reset a PF on close while its VFs are in use. If our
 * predecessor was killed, its interrupts are still set up, and ours can't be.
 */
static void vfio_sriov_probe_clear_irqs(VFIODevice *vbasedev)
{
    if (cpr_is_incoming()) {
        return;
    }

    vfio_device_irq_disable(vbasedev, VFIO_PCI_MSIX_IRQ_INDEX);
    vfio_device_irq_disable(vbasedev, VFIO_PCI_MSI_IRQ_INDEX);
    vfio_device_irq_disable(vbasedev, VFIO_PCI_INTX_IRQ_INDEX);
}

bool vfio_sriov_probe(VFIOPCIDevice *vdev, Error **errp)
{
    PCIDevice *pdev = PCI_DEVICE(vdev);
    g_autofree VFIOSriov *s = NULL;

    if (!vdev->sriov_on) {
        return true;
    }

    if (!pci_is_express(pdev) || !pci_bus_is_express(pci_get_bus(pdev))) {
        error_setg(errp, "sriov=on: device and bus must be PCI Express");
        return false;
    }

    s = g_new0(VFIOSriov, 1);
    s->vdev = vdev;

    /* The copy of the host's configuration space is not touched yet. */
    s->cap = pcie_find_capability(pdev, PCI_EXT_CAP_ID_SRIOV);
    if (!s->cap || s->cap > PCIE_CONFIG_SPACE_SIZE - PCI_EXT_CAP_SRIOV_SIZEOF) {
        error_setg(errp, "sriov=on: the device has no SR-IOV capability");
        return false;
    }
    if (!vfio_sriov_probe_bars(s, errp)) {
        return false;
    }

    vfio_sriov_probe_clear_irqs(&vdev->vbasedev);
    vdev->sriov = g_steal_pointer(&s);
    return true;
}
