/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Placeholder of a virtual function, on the bus of an assigned PF
 *
 * The guest's PCI core wants to find a function for each VF that it enables.
 * It finds this: a PCI Express endpoint with the VF's identity and BARs, and
 * no interrupts. What lies behind the BARs is nothing, or, with the PF's
 * property sriov-vf-bars=on, the VF's slice of the host's VF BAR region. That
 * is never mapped into the guest: the host takes a slice back when the VF gets
 * another owner, and a guest's access to it must then be harmless.
 */

#include "qemu/osdep.h"
#include <linux/vfio.h>

#include "hw/pci/pcie_sriov.h"
#include "hw/vfio/pci.h"
#include "hw/vfio/sriov.h"
#include "qapi/error.h"
#include "qemu/module.h"
#include "trace.h"

#define VFIO_SRIOV_VF_EXP_CAP   0x40
#define VFIO_SRIOV_VF_ARI_CAP   PCI_CONFIG_SPACE_SIZE

typedef struct VFIOSriovVFBAR {
    VFIOSriovVF *vf;
    MemoryRegion mr;
    uint64_t offset;    /* of the VF's slice, in the region */
    uint8_t region;
    uint8_t nr;
} VFIOSriovVFBAR;

struct VFIOSriovVF {
    PCIDevice parent_obj;

    VFIOPCIDevice *pf;  /* NULL when the PF is gone, or the BARs are empty */
    VFIOSriovVFBAR bars[VFIO_SRIOV_NUM_BARS];
};

static uint64_t vfio_sriov_vf_bar_read(void *opaque, hwaddr addr,
                                       unsigned size)
{
    VFIOSriovVFBAR *bar = opaque;
    VFIOPCIDevice *pf = bar->vf->pf;
    uint64_t data = 0;
    int ret;

    if (!pf) {
        return UINT64_MAX;
    }

    ret = pf->vbasedev.io_ops->region_read(&pf->vbasedev, bar->region,
                                           bar->offset + addr, size, &data);
    if (ret != size) {
        trace_vfio_sriov_vf_bar_denied(pf->vbasedev.name,
            pcie_sriov_vf_number(PCI_DEVICE(bar->vf)), bar->nr, addr, ret);
        return UINT64_MAX;
    }
    return le64_to_cpu(data);
}

static void vfio_sriov_vf_bar_write(void *opaque, hwaddr addr, uint64_t val,
                                    unsigned size)
{
    VFIOSriovVFBAR *bar = opaque;
    VFIOPCIDevice *pf = bar->vf->pf;
    uint64_t data = cpu_to_le64(val);
    int ret;

    if (!pf) {
        return;
    }

    ret = pf->vbasedev.io_ops->region_write(&pf->vbasedev, bar->region,
                                            bar->offset + addr, size, &data,
                                            false);
    if (ret != size) {
        trace_vfio_sriov_vf_bar_denied(pf->vbasedev.name,
            pcie_sriov_vf_number(PCI_DEVICE(bar->vf)), bar->nr, addr, ret);
    }
}

static const MemoryRegionOps vfio_sriov_vf_bar_ops = {
    .read = vfio_sriov_vf_bar_read,
    .write = vfio_sriov_vf_bar_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 8 },
    .impl = { .min_access_size = 1, .max_access_size = 8 },
};

void vfio_sriov_vf_set_memory(PCIDevice *pdev, bool on)
{
    uint16_t cmd = pci_get_word(pdev->config + PCI_COMMAND);

    cmd = on ? cmd | PCI_COMMAND_MEMORY : cmd & ~PCI_COMMAND_MEMORY;
    pci_set_word(pdev->config + PCI_COMMAND, cmd);

    /* A VF's own BAR registers are read-only: this just updates mappings. */
    pci_default_write_config(pdev, PCI_BASE_ADDRESS_0, 0, 4);
}

/* A VF's Memory Space Enable is the PF's VF MSE; its own bit is hardwired. */
static uint32_t vfio_sriov_vf_config_read(PCIDevice *pdev, uint32_t addr,
                                          int len)
{
    uint32_t val = pci_default_read_config(pdev, addr, len);

    if (addr == PCI_COMMAND) {
        val &= ~PCI_COMMAND_MEMORY;
    }
    return val;
}

static void vfio_sriov_vf_config_write(PCIDevice *pdev, uint32_t addr,
                                       uint32_t val, int len)
{
    pci_default_write_config(pdev, addr, val, len);
    pcie_cap_flr_write_config(pdev, addr, val, len);
}

static void vfio_sriov_vf_init_header(PCIDevice *pdev, PCIDevice *pf)
{
    /* Vendor and device ID are the pcie_sriov core's. */
    memcpy(pdev->config + PCI_CLASS_REVISION, pf->config + PCI_CLASS_REVISION,
           4);
    memcpy(pdev->config + PCI_SUBSYSTEM_VENDOR_ID,
           pf->config + PCI_SUBSYSTEM_VENDOR_ID, 4);

    pci_set_word(pdev->wmask + PCI_COMMAND, PCI_COMMAND_MASTER);
    pci_set_byte(pdev->wmask + PCI_INTERRUPT_LINE, 0);
}

static void vfio_sriov_vf_init_bars(VFIOSriovVF *vf, VFIOPCIDevice *pf)
{
    PCIDevice *pdev = PCI_DEVICE(vf);
    uint16_t num = pcie_sriov_vf_number(pdev);

    for (int i = 0; i < VFIO_SRIOV_NUM_BARS; i++) {
        VFIOSriovBAR *host = &pf->sriov->bars[i];
        VFIOSriovVFBAR *bar = &vf->bars[i];

        if (!host->size) {
            continue;
        }

        bar->vf = vf;
        bar->nr = i;
        bar->region = host->region;
        bar->offset = num * host->size;
        memory_region_init_io(&bar->mr, OBJECT(vf), &vfio_sriov_vf_bar_ops,
                              bar, "vfio-sriov-vf-bar", host->size);
        pci_register_bar(pdev, i, host->type, &bar->mr);
    }
}

static void vfio_sriov_vf_realize(PCIDevice *pdev, Error **errp)
{
    VFIOSriovVF *vf = VFIO_SRIOV_VF(pdev);
    VFIOPCIDevice *pf = VFIO_PCI_DEVICE(pcie_sriov_get_pf(pdev));

    /* Like the PF, it is already configured when we come in by CPR. */
    pdev->cap_present |= QEMU_PCI_SKIP_RESET_ON_CPR;

    vfio_sriov_vf_init_header(pdev, PCI_DEVICE(pf));
    if (pcie_endpoint_cap_init(pdev, VFIO_SRIOV_VF_EXP_CAP) < 0) {
        error_setg(errp, "failed to add a PCI Express capability to VF %u",
                   pcie_sriov_vf_number(pdev));
        return;
    }
    pcie_cap_flr_init(pdev);
    pcie_ari_init(pdev, VFIO_SRIOV_VF_ARI_CAP);

    vfio_sriov_vf_init_bars(vf, pf);
    vf->pf = pf->sriov_vf_bars ? pf : NULL;
}

/* A flat view may keep the BARs a little longer than the PF lives. */
static void vfio_sriov_vf_exit(PCIDevice *pdev)
{
    VFIO_SRIOV_VF(pdev)->pf = NULL;
    pcie_cap_exit(pdev);
}

static void vfio_sriov_vf_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *pdc = PCI_DEVICE_CLASS(klass);

    dc->desc = "Virtual function of an assigned device";
    dc->user_creatable = false;
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
    pdc->realize = vfio_sriov_vf_realize;
    pdc->exit = vfio_sriov_vf_exit;
    pdc->config_read = vfio_sriov_vf_config_read;
    pdc->config_write = vfio_sriov_vf_config_write;
}

static const TypeInfo vfio_sriov_vf_types[] = {
    {
        .name = TYPE_VFIO_SRIOV_VF,
        .parent = TYPE_PCI_DEVICE,
        .instance_size = sizeof(VFIOSriovVF),
        .class_init = vfio_sriov_vf_class_init,
        .interfaces = (const InterfaceInfo[]) {
            { INTERFACE_PCIE_DEVICE },
            { }
        },
    }
};

DEFINE_TYPES(vfio_sriov_vf_types)
