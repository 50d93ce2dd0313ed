/* SPDX-License-Identifier: GPL-2.0-only */
/* CRC-32C (Castagnoli), as iSCSI and ext4 use it. */
#ifndef PFKEEP_CRC32C_H
#define PFKEEP_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(const void *data, size_t len);

#endif
