/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An assigned device over a new host kernel
 */

#ifndef HW_VFIO_CPR_KEXEC_H
#define HW_VFIO_CPR_KEXEC_H

struct VFIOPCIDevice;

/*
 * The device's state is loaded: interrupts as before. Nothing for the old
 * kernel.
 */
bool vfio_cpr_kexec_post_load(struct VFIOPCIDevice *vdev, Error **errp);

/* An iommufd is there: can load what a device by a group has saved, too. */
void vfio_cpr_kexec_register(void);

#endif
