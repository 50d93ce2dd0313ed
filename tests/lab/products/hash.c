// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <nettle/sha2.h>

#include "tests/lab/products/hash.h"

struct hash {
	struct sha256_ctx sha;
};

struct hash *hash_new(void)
{
	struct hash *h = calloc(1, sizeof(*h));

	if (!h)
		abort(); /* no memory for a hundred bytes: nothing can go on */
	sha256_init(&h->sha);
	return h;
}

void hash_add(struct hash *h, const void *data, size_t len)
{
	sha256_update(&h->sha, len, data);
}

void hash_end(struct hash *h, char ret_hex[HASH_HEX + 1])
{
	uint8_t sum[SHA256_DIGEST_SIZE];

	sha256_digest(&h->sha, sizeof(sum), sum);
	for (size_t i = 0; i < sizeof(sum); i++)
		snprintf(ret_hex + 2 * i, 3, "%02x", sum[i]);
	free(h);
}

void hash_bytes(const void *data, size_t len, char ret_hex[HASH_HEX + 1])
{
	struct hash *h = hash_new();

	hash_add(h, data, len);
	hash_end(h, ret_hex);
}

int hash_file_at(int dirfd, const char *path, char ret_hex[HASH_HEX + 1])
{
	size_t size = 1 << 20;
	struct hash *h;
	ssize_t n;
	char *buf;
	int fd, ret = 0;

	fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	buf = malloc(size);
	if (!buf) {
		close(fd);
		return -ENOMEM;
	}
	posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	h = hash_new();
	while ((n = read(fd, buf, size)) > 0)
		hash_add(h, buf, n);
	if (n < 0)
		ret = -errno;
	hash_end(h, ret_hex);
	free(buf);
	close(fd);
	return ret;
}

int hash_link_at(int dirfd, const char *path, char ret_hex[HASH_HEX + 1])
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(dirfd, path, target, sizeof(target));

	if (n < 0)
		return -errno;
	hash_bytes(target, n, ret_hex);
	return 0;
}
