/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef PFKEEP_BASE64_H
#define PFKEEP_BASE64_H

#include <stddef.h>

/* Allocated and terminated. Standard alphabet, padded, nothing else: -EINVAL. */
int base64_decode(const char *text, size_t max, char **ret_data, size_t *ret_len);
int base64_encode(const void *data, size_t len, char **ret_text);

#endif
