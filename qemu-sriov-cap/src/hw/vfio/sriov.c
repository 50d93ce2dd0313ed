/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SR-IOV capability of an assigned physical function
 *
 * The registers of the capability are the host driver's: a write goes to it,
 * and what is then read back is the truth, for the guest as for us. The copy
 * in PCIDevice.config serves the pcie_sriov core only, which shows and hides
 * the VFs. In the guest VFs are placeholders (see sriov-vf.c); the real ones
 * live on the host and belong to others.
 */

#include "qemu/osdep.h"
#include <linux/vfio.h>

#include "hw/pci/pci_bus.h"
#include "hw/pci/pcie_sriov.h"
#include "hw/vfio/pci.h"
#include "hw/vfio/sriov.h"
#include "migration/blocker.h"
#include "migration/options.h"
#include "migration/vmstate.h"
#include "qapi/error.h"
#include "qemu/bitops.h"
#include "qemu/error-report.h"
#include "qemu/range.h"
#include "trace.h"

/* The registers behind the header, which stays QEMU's for its next pointer */
#define VFIO_SRIOV_REGS     PCI_SRIOV_CAP
#define VFIO_SRIOV_REGS_LEN (PCI_EXT_CAP_SRIOV_SIZEOF - VFIO_SRIOV_REGS)

static uint8_t *vfio_sriov_regs(VFIOSriov *s)
{
    return PCI_DEVICE(s->vdev)->config + s->cap;
}

static int vfio_sriov_host_read(VFIODevice *vbasedev, uint32_t addr,
                                void *data, uint32_t len)
{
    int ret = vbasedev->io_ops->region_read(vbasedev,
                                            VFIO_PCI_CONFIG_REGION_INDEX,
                                            addr, len, data);

    return ret == len ? 0 : ret < 0 ? ret : -EIO;
}

static int vfio_sriov_host_write(VFIODevice *vbasedev, uint32_t addr,
                                 uint32_t val, uint32_t len)
{
    uint32_t data = cpu_to_le32(val);
    int ret = vbasedev->io_ops->region_write(vbasedev,
                                             VFIO_PCI_CONFIG_REGION_INDEX,
                                             addr, len, &data, false);

    return ret == len ? 0 : ret < 0 ? ret : -EIO;
}

/*
 * InitialVFs and TotalVFs stay ours: no more VFs than there are placeholders.
 */
static int vfio_sriov_fetch(VFIOSriov *s)
{
    uint8_t *regs = vfio_sriov_regs(s);
    uint8_t buf[PCI_EXT_CAP_SRIOV_SIZEOF];
    int ret;

    ret = vfio_sriov_host_read(&s->vdev->vbasedev, s->cap + VFIO_SRIOV_REGS,
                               buf + VFIO_SRIOV_REGS, VFIO_SRIOV_REGS_LEN);
    if (ret) {
        return ret;
    }

    if (s->total_vfs) {
        pci_set_word(buf + PCI_SRIOV_INITIAL_VF, s->total_vfs);
        pci_set_word(buf + PCI_SRIOV_TOTAL_VF, s->total_vfs);
    }
    memcpy(regs + VFIO_SRIOV_REGS, buf + VFIO_SRIOV_REGS, VFIO_SRIOV_REGS_LEN);
    return 0;
}

/* How many VFs have a routing ID on the PF's own bus? */
static uint16_t vfio_sriov_fit(PCIDevice *pdev, uint16_t offset,
                               uint16_t stride, uint16_t total)
{
    uint32_t first = (uint32_t)pdev->devfn + offset;

    if (!offset || first >= PCI_DEVFN_MAX) {
        return 0;
    }
    if (!stride) {
        return MIN(total, 1);
    }
    return MIN(total, (PCI_DEVFN_MAX - 1 - first) / stride + 1);
}

/*
 * First VF Offset and VF Stride may be unset as long as NumVFs is zero.
 */
static int vfio_sriov_fetch_layout(VFIOSriov *s)
{
    VFIODevice *vbasedev = &s->vdev->vbasedev;
    uint8_t *regs = vfio_sriov_regs(s);
    uint16_t num = pci_get_word(regs + PCI_SRIOV_TOTAL_VF);
    int ret, err;

    if (pci_get_word(regs + PCI_SRIOV_VF_OFFSET) ||
        pci_get_word(regs + PCI_SRIOV_CTRL) & PCI_SRIOV_CTRL_VFE) {
        return 0;
    }

    ret = vfio_sriov_host_write(vbasedev, s->cap + PCI_SRIOV_NUM_VF, num, 2);
    if (ret) {
        return ret;
    }
    ret = vfio_sriov_fetch(s);
    err = vfio_sriov_host_write(vbasedev, s->cap + PCI_SRIOV_NUM_VF, 0, 2);
    return ret ? ret : err;
}

static bool vfio_sriov_add_vfs(VFIOSriov *s, uint8_t cap_ver, Error **errp)
{
    PCIDevice *pdev = PCI_DEVICE(s->vdev);
    uint8_t *regs = vfio_sriov_regs(s);
    uint16_t total, fit;
    int ret;

    ret = vfio_sriov_fetch(s);
    if (!ret) {
        ret = vfio_sriov_fetch_layout(s);
    }
    if (ret) {
        error_setg_errno(errp, -ret, "failed to read the SR-IOV capability");
        return false;
    }

    total = pci_get_word(regs + PCI_SRIOV_TOTAL_VF);
    if (!total) {
        error_setg(errp, "sriov=on: the host allows this device no VFs");
        return false;
    }

    s->vf_offset = pci_get_word(regs + PCI_SRIOV_VF_OFFSET);
    s->vf_stride = pci_get_word(regs + PCI_SRIOV_VF_STRIDE);
    fit = vfio_sriov_fit(pdev, s->vf_offset, s->vf_stride, total);
    if (!fit) {
        error_setg(errp, "sriov=on: with First VF Offset %u, no VF of the "
                   "function %02x.%x is on its bus", s->vf_offset,
                   PCI_SLOT(pdev->devfn), PCI_FUNC(pdev->devfn));
        return false;
    }
    for (int i = 0; i < VFIO_SRIOV_NUM_BARS; i++) {
        if (s->bars[i].size && s->bars[i].slices < fit) {
            error_setg(errp, "the host driver's region for VF BAR %d has "
                       "slices for %u of %u VFs", i, s->bars[i].slices, fit);
            return false;
        }
    }
    if (fit < total) {
        warn_report(VFIO_MSG_PREFIX "only %u of %u VFs fit on the guest's bus",
                    s->vdev->vbasedev.name, fit, total);
    }

    /* From now on the registers in pdev->config are the core's copy. */
    if (!pcie_sriov_pf_init(pdev, s->cap, TYPE_VFIO_SRIOV_VF,
                            pci_get_word(regs + PCI_SRIOV_VF_DID), fit, fit,
                            s->vf_offset, s->vf_stride, errp)) {
        return false;
    }
    pdev->exp.sriov_pf.host_owned = true;
    s->vf = pdev->exp.sriov_pf.vf;
    s->total_vfs = fit;

    for (int i = 0; i < VFIO_SRIOV_NUM_BARS; i++) {
        if (s->bars[i].size) {
            pcie_sriov_pf_init_vf_bar(pdev, i, s->bars[i].type,
                                      s->bars[i].size);
        }
    }

    pci_set_long(regs, PCI_EXT_CAP(PCI_EXT_CAP_ID_SRIOV, cap_ver,
                                   PCI_EXT_CAP_NEXT(pci_get_long(regs))));
    memset(s->vdev->emulated_config_bits + s->cap + PCI_SRIOV_INITIAL_VF,
           0xff, 4);
    return true;
}

/*
 * With ARI, a function says which the next one is. On the host that may be a
 * function that the guest doesn't have.
 */
static void vfio_sriov_update_next_function(VFIOSriov *s)
{
    PCIDevice *pdev = PCI_DEVICE(s->vdev);
    PCIBus *bus = pci_get_bus(pdev);
    bool port = bus->parent_dev &&
                pci_is_express_downstream_port(bus->parent_dev);
    int last = port ? PCI_DEVFN_MAX - 1 : pdev->devfn | (PCI_FUNC_MAX - 1);
    uint8_t next = 0;

    if (!s->ari_cap) {
        return;
    }

    for (int devfn = pdev->devfn + 1; devfn <= last; devfn++) {
        PCIDevice *other = bus->devices[devfn];

        if (other && !pci_is_vf(other)) {
            next = devfn;
            break;
        }
    }

    pci_set_byte(pdev->config + s->ari_cap + PCI_ARI_CAP + 1, next);
}

static void vfio_sriov_add_ari(VFIOSriov *s, uint8_t cap_ver, uint16_t pos)
{
    PCIDevice *pdev = PCI_DEVICE(s->vdev);

    pcie_add_capability(pdev, PCI_EXT_CAP_ID_ARI, cap_ver, pos,
                        PCI_EXT_CAP_ARI_SIZEOF);
    s->ari_cap = pos;
    pci_set_byte(s->vdev->emulated_config_bits + pos + PCI_ARI_CAP + 1, 0xff);
    vfio_sriov_update_next_function(s);
}

bool vfio_sriov_add_ext_cap(VFIOPCIDevice *vdev, uint16_t cap_id,
                            uint8_t cap_ver, uint16_t pos, bool *ret_added,
                            Error **errp)
{
    VFIOSriov *s = vdev->sriov;

    *ret_added = s;
    if (!s) {
        return true;
    }

    if (cap_id == PCI_EXT_CAP_ID_ARI) {
        vfio_sriov_add_ari(s, cap_ver, pos);
        return true;
    }

    if (pos != s->cap) {
        error_setg(errp, "sriov=on: the device has two SR-IOV capabilities");
        return false;
    }
    if (!vfio_sriov_add_vfs(s, cap_ver, errp)) {
        return false;
    }

    error_setg(&s->migration_blocker, VFIO_MSG_PREFIX
               "a device with sriov=on can move to another QEMU by "
               "cpr-transfer and cpr-exec only", vdev->vbasedev.name);
    if (migrate_add_blocker_modes(&s->migration_blocker,
                                  BIT(MIG_MODE_NORMAL) |
                                  BIT(MIG_MODE_CPR_REBOOT), errp)) {
        return false;
    }

    trace_vfio_sriov_add(vdev->vbasedev.name, pos, s->total_vfs,
                         s->vf_offset, s->vf_stride);
    vfio_sriov_sync(vdev);
    return true;
}

/*
 * First VF Offset and VF Stride may change with NumVFs and with the ARI bit:
 * move the placeholders, all or none.
 */
static bool vfio_sriov_place(VFIOSriov *s, uint16_t offset, uint16_t stride)
{
    PCIDevice *pdev = PCI_DEVICE(s->vdev);
    PCIBus *bus = pci_get_bus(pdev);
    uint32_t first = (uint32_t)pdev->devfn + offset;

    if (offset == s->vf_offset && stride == s->vf_stride) {
        return true;
    }

    if (vfio_sriov_fit(pdev, offset, stride, s->total_vfs) < s->total_vfs) {
        return false;
    }
    for (int i = 0; i < s->total_vfs; i++) {
        PCIDevice *there = bus->devices[first + i * stride];

        if (there && pcie_sriov_get_pf(there) != pdev) {
            return false;
        }
    }

    for (int i = 0; i < s->total_vfs; i++) {
        bus->devices[s->vf[i]->devfn] = NULL;
    }
    for (int i = 0; i < s->total_vfs; i++) {
        s->vf[i]->devfn = first + i * stride;
        bus->devices[s->vf[i]->devfn] = s->vf[i];
    }
    s->vf_offset = offset;
    s->vf_stride = stride;
    return true;
}

/* Returns the number of VFs that the guest is to see. */
static uint16_t vfio_sriov_settle(VFIOSriov *s)
{
    uint8_t *regs = vfio_sriov_regs(s);
    uint16_t ctrl = pci_get_word(regs + PCI_SRIOV_CTRL);
    uint16_t num = pci_get_word(regs + PCI_SRIOV_NUM_VF);

    if (!(ctrl & PCI_SRIOV_CTRL_VFE)) {
        return 0;
    }

    if (!vfio_sriov_place(s, pci_get_word(regs + PCI_SRIOV_VF_OFFSET),
                          pci_get_word(regs + PCI_SRIOV_VF_STRIDE))) {
        warn_report(VFIO_MSG_PREFIX "the guest's bus has no room for VFs at "
                    "First VF Offset %u, VF Stride %u: the guest won't see "
                    "them", s->vdev->vbasedev.name,
                    pci_get_word(regs + PCI_SRIOV_VF_OFFSET),
                    pci_get_word(regs + PCI_SRIOV_VF_STRIDE));
        pci_set_word(regs + PCI_SRIOV_CTRL, ctrl & ~PCI_SRIOV_CTRL_VFE);
        return 0;
    }

    if (num > s->total_vfs) {
        num = s->total_vfs;
        pci_set_word(regs + PCI_SRIOV_NUM_VF, num);
    }
    return num;
}

void vfio_sriov_sync(VFIOPCIDevice *vdev)
{
    PCIDevice *pdev = PCI_DEVICE(vdev);
    VFIOSriov *s = vdev->sriov;
    uint16_t num, ctrl;
    int ret;

    if (!s || !s->total_vfs) {
        return;
    }

    ret = vfio_sriov_fetch(s);
    if (ret) {
        error_report_once(VFIO_MSG_PREFIX "failed to read the SR-IOV "
                          "capability: %s", vdev->vbasedev.name,
                          strerror(-ret));
        return;
    }

    memory_region_transaction_begin();
    num = vfio_sriov_settle(s);
    ctrl = pci_get_word(vfio_sriov_regs(s) + PCI_SRIOV_CTRL);
    trace_vfio_sriov_sync(vdev->vbasedev.name, ctrl, num);

    /* The core only ever shows more VFs, or hides all of them. */
    for (int i = num; i < s->total_vfs; i++) {
        pci_set_enabled(s->vf[i], false);
    }
    pcie_sriov_config_write(pdev, s->cap + PCI_SRIOV_CTRL, ctrl, 2);
    for (int i = 0; i < num; i++) {
        vfio_sriov_vf_set_memory(s->vf[i], ctrl & PCI_SRIOV_CTRL_MSE);
    }
    memory_region_transaction_commit();
}

/*
 * The host refuses to reset a PF while a VF is held. The guest must find the
 * capability as after a reset even so. Clearing VF_Enable takes the VFs from
 * the guest only: who holds one, keeps it.
 */
void vfio_sriov_pre_reset(VFIOPCIDevice *vdev)
{
    VFIOSriov *s = vdev->sriov;

    if (s && s->total_vfs &&
        pci_get_word(vfio_sriov_regs(s) + PCI_SRIOV_CTRL)) {
        vfio_sriov_config_write(vdev, s->cap + PCI_SRIOV_CTRL, 0, 2);
    }
}

void vfio_sriov_post_reset(VFIOPCIDevice *vdev)
{
    static const struct {
        uint8_t reg;
        uint8_t len;
        uint8_t val;
    } defaults[] = {
        { PCI_SRIOV_NUM_VF, 2, 0 },
        { PCI_SRIOV_SYS_PGSIZE, 4, 1 },
        { PCI_SRIOV_BAR, 4, 0 },
        { PCI_SRIOV_BAR + 4, 4, 0 },
        { PCI_SRIOV_BAR + 8, 4, 0 },
        { PCI_SRIOV_BAR + 12, 4, 0 },
        { PCI_SRIOV_BAR + 16, 4, 0 },
        { PCI_SRIOV_BAR + 20, 4, 0 },
    };
    VFIOSriov *s = vdev->sriov;

    if (!s || !s->total_vfs) {
        return;
    }

    for (int i = 0; i < ARRAY_SIZE(defaults); i++) {
        vfio_sriov_host_write(&vdev->vbasedev, s->cap + defaults[i].reg,
                              defaults[i].val, defaults[i].len);
    }
    vfio_sriov_update_next_function(s);
    vfio_sriov_sync(vdev);
}

/* NumVFs as a write of @len bytes at @off into the capability would make it */
static uint16_t vfio_sriov_num_vfs_after(VFIOSriov *s, uint32_t off,
                                         uint32_t val, int len)
{
    uint32_t num = pci_get_word(vfio_sriov_regs(s) + PCI_SRIOV_NUM_VF);

    for (int i = 0; i < len; i++) {
        uint32_t byte = off + i - PCI_SRIOV_NUM_VF;

        if (byte < 2) {
            num = deposit32(num, byte * 8, 8, extract32(val, i * 8, 8));
        }
    }
    return num;
}

bool vfio_sriov_config_write(VFIOPCIDevice *vdev, uint32_t addr, uint32_t val,
                             int len)
{
    VFIOSriov *s = vdev->sriov;
    uint32_t off;
    int ret;

    if (!s || !s->total_vfs || addr < s->cap ||
        addr - s->cap >= PCI_EXT_CAP_SRIOV_SIZEOF) {
        return false;
    }
    off = addr - s->cap;
    trace_vfio_sriov_write(vdev->vbasedev.name, off, val, len);

    /* The host may have room for more VFs than the guest's bus. */
    if (vfio_sriov_num_vfs_after(s, off, val, len) > s->total_vfs) {
        trace_vfio_sriov_write_dropped(vdev->vbasedev.name, off, val, len);
        return true;
    }

    ret = vfio_sriov_host_write(&vdev->vbasedev, addr, val, len);
    if (ret) {
        error_report_once(VFIO_MSG_PREFIX "failed to write 0x%x to the SR-IOV "
                          "capability at 0x%x: %s", vdev->vbasedev.name, val,
                          off, strerror(-ret));
    }
    vfio_sriov_sync(vdev);
    return true;
}

void vfio_sriov_exit(VFIOPCIDevice *vdev)
{
    VFIOSriov *s = vdev->sriov;

    if (!s) {
        return;
    }

    migrate_del_blocker(&s->migration_blocker);
    if (s->total_vfs) {
        pcie_sriov_pf_exit(PCI_DEVICE(vdev));
    }
    g_free(s);
    vdev->sriov = NULL;
}

static bool vfio_sriov_vmstate_needed(void *opaque)
{
    VFIOPCIDevice *vdev = opaque;

    return vdev->sriov && pcie_sriov_num_vfs(PCI_DEVICE(vdev));
}

static int vfio_sriov_state_pre_save(void *opaque)
{
    VFIOSriov *s = opaque;

    s->num_vfs = pcie_sriov_num_vfs(PCI_DEVICE(s->vdev));
    return 0;
}

static bool vfio_sriov_num_vfs_valid(void *opaque, int version_id)
{
    VFIOSriov *s = opaque;

    return s->num_vfs <= s->total_vfs;
}

/*
 * The host driver's VF BARs are its own. After a live update of the host it has
 * not heard what the guest wrote to them; else it has the same already.
 */
static void vfio_sriov_tell_bars(VFIOSriov *s)
{
    for (int i = 0; i < VFIO_SRIOV_NUM_BARS; i++) {
        uint32_t reg = PCI_SRIOV_BAR + i * 4;
        int ret = vfio_sriov_host_write(&s->vdev->vbasedev, s->cap + reg,
                                        pci_get_long(vfio_sriov_regs(s) + reg),
                                        4);

        if (ret) {
            warn_report(VFIO_MSG_PREFIX "failed to write VF BAR %d: %s",
                        s->vdev->vbasedev.name, i, strerror(-ret));
        }
    }
}

/* The registers came with the PF's own state; the host may know better. */
static int vfio_sriov_state_post_load(void *opaque, int version_id)
{
    VFIOSriov *s = opaque;

    vfio_sriov_tell_bars(s);
    vfio_sriov_sync(s->vdev);
    return 0;
}

static const VMStateDescription vfio_sriov_state_vmstate = {
    .name = "vfio-sriov-state",
    .version_id = 1,
    .minimum_version_id = 1,
    .pre_save = vfio_sriov_state_pre_save,
    .post_load = vfio_sriov_state_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT16(num_vfs, VFIOSriov),
        VMSTATE_VALIDATE("no more VFs than placeholders",
                         vfio_sriov_num_vfs_valid),
        {
            .name = "vf",
            .vmsd = &vmstate_pci_device,
            .num_offset = vmstate_offset_value(VFIOSriov, num_vfs, uint16_t),
            .size = sizeof(PCIDevice *),
            .flags = VMS_STRUCT | VMS_POINTER | VMS_VARRAY_UINT16 |
                     VMS_ARRAY_OF_POINTER,
            .offset = vmstate_offset_value(VFIOSriov, vf, PCIDevice **),
        },
        VMSTATE_END_OF_LIST()
    }
};

const VMStateDescription vfio_sriov_vmstate = {
    .name = "vfio-cpr-pci/sriov",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = vfio_sriov_vmstate_needed,
    .fields = (const VMStateField[]) {
        VMSTATE_STRUCT_POINTER(sriov, VFIOPCIDevice, vfio_sriov_state_vmstate,
                               VFIOSriov),
        VMSTATE_END_OF_LIST()
    }
};
