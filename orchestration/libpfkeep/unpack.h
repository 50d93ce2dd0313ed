/* SPDX-License-Identifier: GPL-2.0-only */
/* What a kernel or its initramfs is packed with, found by its first bytes. */
#ifndef LIBPFKEEP_UNPACK_H
#define LIBPFKEEP_UNPACK_H

#include <stddef.h>
#include <stdint.h>

/* "gzip", "xz", ...; NULL: it isn't packed in a way that Linux knows. */
const char *unpack_format(const uint8_t *data, size_t len);

/*
 * One stream, whatever follows it; *ret_used says where it ends. The data is
 * hostile: no more than max bytes come out (-EFBIG). -EOPNOTSUPP: packed in a way
 * that we can't unpack; -EBADMSG: damaged, or cut short.
 */
int unpack(const uint8_t *data, size_t len, size_t max, uint8_t **ret_data, size_t *ret_len,
	   size_t *ret_used);

#endif
