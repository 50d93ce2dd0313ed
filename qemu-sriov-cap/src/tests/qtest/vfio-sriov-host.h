/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's side of an assigned PF, for tests: a vfio-user server in a thread
 */
#ifndef TESTS_VFIO_SRIOV_HOST_H
#define TESTS_VFIO_SRIOV_HOST_H

#define SRIOV_HOST_ARI_CAP      0x100
#define SRIOV_HOST_SRIOV_CAP    0x140
#define SRIOV_HOST_DSN_CAP      0x180
#define SRIOV_HOST_TOTAL_VFS    8
#define SRIOV_HOST_BAR_SIZE     0x4000
#define SRIOV_HOST_VF_DEVICE_ID 0x10ca

typedef struct SriovHost SriovHost;

typedef struct SriovHostConfig {
    bool stock;             /* a host driver that knows nothing of SR-IOV */
    uint16_t total_vfs;     /* 0: SRIOV_HOST_TOTAL_VFS */
    uint16_t vf_offset;     /* 0: 128 */
    uint16_t vf_stride;     /* 0: 2 */
    uint32_t slice_size;    /* 0: SRIOV_HOST_BAR_SIZE */
} SriovHostConfig;

SriovHost *sriov_host_start(const SriovHostConfig *config);
void sriov_host_stop(SriovHost *host);
const char *sriov_host_socket(SriovHost *host);

/* From now on the host refuses: to enable VFs, to reset, this VF's slice. */
void sriov_host_refuse_enable(SriovHost *host, bool refuse);
void sriov_host_refuse_reset(SriovHost *host, bool refuse);
void sriov_host_refuse_slice(SriovHost *host, unsigned vf, bool refuse);

/* With VFs enabled, First VF Offset and VF Stride are these. */
void sriov_host_set_layout(SriovHost *host, uint16_t offset, uint16_t stride);

/* What the host has seen */
uint16_t sriov_host_num_vfs(SriovHost *host);
uint16_t sriov_host_reg(SriovHost *host, unsigned reg);
uint8_t *sriov_host_slice(SriovHost *host, unsigned vf);

#endif /* TESTS_VFIO_SRIOV_HOST_H */
