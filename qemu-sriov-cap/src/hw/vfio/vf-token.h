/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VFIO PCI VF tokens
 */
#ifndef HW_VFIO_VF_TOKEN_H
#define HW_VFIO_VF_TOKEN_H

typedef struct VFIODevice VFIODevice;
typedef struct VFIOPCIDevice VFIOPCIDevice;
struct vfio_device_bind_iommufd;

/**
 * vfio_vf_token_load: Take the token from the secret object, if one is named.
 *
 * @vdev: device whose "vf-token-secret" property is looked at
 * @errp: where the error goes
 *
 * The secret's content is the token as a UUID string; white space around it
 * is ignored, so that a file with a newline at its end is good enough.
 *
 * Returns: true if no secret is named or its content is now @vdev's token.
 */
bool vfio_vf_token_load(VFIOPCIDevice *vdev, Error **errp);

/**
 * vfio_vf_token_bind: Put the device's token, if it has one, into @bind.
 *
 * @vbasedev: device about to be bound to an iommufd; may be other than PCI
 * @bind: the request that is about to be made; points into @vbasedev
 */
void vfio_vf_token_bind(VFIODevice *vbasedev,
                        struct vfio_device_bind_iommufd *bind);

/**
 * vfio_vf_token_hint: Say what a failed bind may have to do with the token.
 *
 * @bind: the request that failed
 * @err: the errno that it failed with
 * @errp: an error that is already set
 */
void vfio_vf_token_hint(const struct vfio_device_bind_iommufd *bind, int err,
                        Error *const *errp);

#endif /* HW_VFIO_VF_TOKEN_H */
