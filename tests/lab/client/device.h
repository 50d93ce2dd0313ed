/* SPDX-License-Identifier: GPL-2.0-only */
/* One VFIO device, driven directly: by its group or by its cdev. */
#ifndef TESTS_LAB_CLIENT_DEVICE_H
#define TESTS_LAB_CLIENT_DEVICE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "tests/lab/client/uapi.h"

enum device_mode { DEVICE_GROUP, DEVICE_CDEV };

struct device {
	int fd;
	int keeper[2];	 /* container and group, or iommufd; -1: none */
	uint64_t config; /* file offset of config space */
};

/* -errno; a closed device has fd -1. @token: NULL for none. */
int device_open(struct device *dev, const char *bdf, enum device_mode mode, const char *token);
void device_close(struct device *dev);

uint32_t device_config(const struct device *dev, unsigned int offset, unsigned int size);
int device_config_set(const struct device *dev, unsigned int offset, unsigned int size,
		      uint32_t value);
int device_feature(const struct device *dev, uint32_t flags, void *data, size_t size);
int device_info(const struct device *dev, struct vfio_pci_sriov_info *ret_info);
int device_set_pf_token(const struct device *dev, const char *token);
int device_reset(const struct device *dev);
int device_region(const struct device *dev, unsigned int index, struct vfio_region_info *ret_info,
		  struct vfio_region_info_cap_sriov_vf_bar *ret_cap);
/* Let the first interrupt of an index (VFIO_PCI_*_IRQ_INDEX) signal @fd. */
int device_set_eventfd(const struct device *dev, unsigned int index, int fd);

#endif
