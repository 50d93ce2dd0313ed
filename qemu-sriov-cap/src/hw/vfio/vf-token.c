/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VFIO PCI VF tokens
 *
 * The user of a PF and the users of its VFs prove with a shared UUID that they
 * belong together. On the group path the token is part of the device's name;
 * on the cdev path it goes with the bind to the iommufd (Linux 6.17).
 */

#include "qemu/osdep.h"
#include <linux/vfio.h>

#include "crypto/secret.h"
#include "hw/vfio/pci.h"
#include "hw/vfio/vf-token.h"
#include "qapi/error.h"

bool vfio_vf_token_load(VFIOPCIDevice *vdev, Error **errp)
{
    g_autofree char *text = NULL;

    if (!vdev->vf_token_secret) {
        return true;
    }

    if (!qemu_uuid_is_null(&vdev->vf_token)) {
        error_setg(errp, "vf-token and vf-token-secret can't both be set");
        return false;
    }

    text = qcrypto_secret_lookup_as_utf8(vdev->vf_token_secret, errp);
    if (!text) {
        return false;
    }

    /* The content is a secret: an error names the object only. */
    if (qemu_uuid_parse(g_strstrip(text), &vdev->vf_token) ||
        qemu_uuid_is_null(&vdev->vf_token)) {
        error_setg(errp, "secret '%s' does not hold a VF token (a UUID that is "
                   "not all zero)", vdev->vf_token_secret);
        return false;
    }

    return true;
}

void vfio_vf_token_bind(VFIODevice *vbasedev,
                        struct vfio_device_bind_iommufd *bind)
{
    VFIOPCIDevice *vdev = vfio_pci_from_vfio_device(vbasedev);

    if (!vdev || qemu_uuid_is_null(&vdev->vf_token)) {
        return;
    }

    bind->flags |= VFIO_DEVICE_BIND_FLAG_TOKEN;
    bind->token_uuid_ptr = (uintptr_t)vdev->vf_token.data;
}

void vfio_vf_token_hint(const struct vfio_device_bind_iommufd *bind, int err,
                        Error *const *errp)
{
    if (!errp) {
        return;
    }

    if (bind->flags & VFIO_DEVICE_BIND_FLAG_TOKEN && err == EINVAL) {
        error_append_hint(errp, "The host kernel may be too old for VF tokens "
                          "with iommufd (Linux 6.17 is needed)\n");
    } else if (err == EACCES) {
        error_append_hint(errp, "A VF whose PF is used through VFIO needs the "
                          "PF's token: see vf-token-secret\n");
    }
}
