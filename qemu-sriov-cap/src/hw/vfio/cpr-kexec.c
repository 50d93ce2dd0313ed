/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An assigned device over a new host kernel
 *
 * The device ran on, with its vectors masked. The new kernel's VFIO knows no
 * eventfd of its yet, and what the device signalled meanwhile may be lost: so
 * each vector fires once when the guest runs, which drivers must bear.
 */

#include "qemu/osdep.h"
#include "hw/pci/msi.h"
#include "hw/pci/msix.h"
#include "hw/vfio/cpr-kexec.h"
#include "hw/vfio/pci.h"
#include "hw/vfio/vfio-cpr.h"
#include "migration/cpr-kexec.h"
#include "migration/vmstate.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "system/runstate.h"
#include "trace.h"

typedef struct VFIOKexecKick {
    VFIOPCIDevice *vdev;
    VMChangeStateEntry *entry;
} VFIOKexecKick;

static bool vfio_kexec_kick_vector(VFIOPCIDevice *vdev, int nr)
{
    VFIOMSIVector *vector = &vdev->msi_vectors[nr];
    bool masked = vdev->interrupt == VFIO_INT_MSIX &&
                  msix_is_masked(PCI_DEVICE(vdev), nr);

    if (!vector->use) {
        return false;
    }
    event_notifier_set(vector->virq < 0 || masked ? &vector->interrupt
                                                  : &vector->kvm_interrupt);
    return true;
}

/* Not before: the guest's interrupt controllers are loaded last of all. */
static void vfio_kexec_kick(void *opaque, bool running, RunState state)
{
    g_autofree VFIOKexecKick *kick = NULL;
    VFIOPCIDevice *vdev;
    int kicked = 0;

    if (!running) {
        return;
    }
    kick = opaque;
    vdev = kick->vdev;
    if (vdev->interrupt == VFIO_INT_MSIX || vdev->interrupt == VFIO_INT_MSI) {
        for (int i = 0; i < vdev->nr_vectors; i++) {
            kicked += vfio_kexec_kick_vector(vdev, i);
        }
    }
    trace_vfio_kexec_kick(vdev->vbasedev.name, kicked);
    qemu_del_vm_change_state_handler(kick->entry);
    object_unref(OBJECT(vdev));
}

/*
 * What a legacy container saves: nothing, but by this name. A device that was
 * opened by its group under the old kernel has an iommufd under the new one.
 */
static bool vfio_kexec_container_needed(void *opaque)
{
    return false;
}

static const VMStateDescription vfio_kexec_container_vmstate = {
    .name = "vfio-container",
    .version_id = 0,
    .minimum_version_id = 0,
    .needed = vfio_kexec_container_needed,
    .fields = (const VMStateField[]) {
        VMSTATE_END_OF_LIST()
    }
};

void vfio_cpr_kexec_register(void)
{
    static bool registered;

    if (!cpr_kernel_is_new() || registered) {
        return;
    }
    registered = true;
    vmstate_register(NULL, 0, &vfio_kexec_container_vmstate, &registered);
}

bool vfio_cpr_kexec_post_load(VFIOPCIDevice *vdev, Error **errp)
{
    bool msix = vdev->interrupt == VFIO_INT_MSIX;
    VFIOKexecKick *kick;
    int ret;

    if (!cpr_kernel_is_new()) {
        return true;
    }
    if (!vfio_iommufd_cpr_attach(&vdev->vbasedev, errp)) {
        return false;
    }
    if (msix || vdev->interrupt == VFIO_INT_MSI) {
        ret = vfio_pci_enable_vectors(vdev, msix);
        if (ret < 0) {
            error_setg_errno(errp, -ret, VFIO_MSG_PREFIX
                             "its interrupts can't be set in the new kernel",
                             vdev->vbasedev.name);
            return false;
        }
    }
    kick = g_new0(VFIOKexecKick, 1);
    kick->vdev = vdev;
    object_ref(OBJECT(vdev));
    kick->entry = qdev_add_vm_change_state_handler(DEVICE(vdev), vfio_kexec_kick,
                                                   NULL, kick);
    return true;
}
