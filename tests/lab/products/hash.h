/* SPDX-License-Identifier: GPL-2.0-only */
/* SHA-256 of bytes, files and trees, as lower-case hex. */
#ifndef PRODUCTS_HASH_H
#define PRODUCTS_HASH_H

#include <stddef.h>

#define HASH_HEX 64

struct hash;

struct hash *hash_new(void);
void hash_add(struct hash *h, const void *data, size_t len);
/* Ends the hash and frees it. */
void hash_end(struct hash *h, char ret_hex[HASH_HEX + 1]);

void hash_bytes(const void *data, size_t len, char ret_hex[HASH_HEX + 1]);
int hash_file_at(int dirfd, const char *path, char ret_hex[HASH_HEX + 1]);
int hash_link_at(int dirfd, const char *path, char ret_hex[HASH_HEX + 1]);

#endif
