// SPDX-License-Identifier: GPL-2.0-only
#include "orchestration/libpfkeep/initrd.h"

#include <errno.h>
#include <string.h>

#include "orchestration/libpfkeep/kernelimage.h"
#include "orchestration/libpfkeep/unpack.h"
#include "pfkeep/cleanup.h"

#define UNPACKED_MAX (2ULL << 30)
#define ENTRY	     110 /* bytes of a header: a magic of 6, 13 numbers of 8 */
#define SIZE_FIELD   6
#define NAME_FIELD   11
#define END	     "TRAILER!!!"
#define RESTORE	     "pfkeep-restore"

static bool is_cpio(const uint8_t *data, size_t len)
{
	return len >= 6 && (!memcmp(data, "070701", 6) || !memcmp(data, "070702", 6));
}

/* The kernel takes letters of both cases and nothing else. */
static int field(const uint8_t *entry, size_t i, size_t *ret_value)
{
	const uint8_t *p = entry + 6 + i * 8;

	*ret_value = 0;
	for (size_t k = 0; k < 8; k++) {
		static const char digits[] = "0123456789abcdefABCDEF";
		const char *at = memchr(digits, p[k], sizeof(digits) - 1);
		size_t digit = at ? (size_t)(at - digits) : 0;

		if (!at)
			return -EBADMSG;
		*ret_value = *ret_value * 16 + (digit > 15 ? digit - 6 : digit);
	}
	return 0;
}

static size_t align(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

static bool is_restore(const char *name, size_t len)
{
	size_t n = strlen(RESTORE);

	return len >= n && !memcmp(name + len - n, RESTORE, n) &&
	       (len == n || name[len - n - 1] == '/');
}

/* One archive, as far as its last entry. */
static int walk(const uint8_t *data, size_t len, struct initrd *initrd, size_t *ret_used)
{
	size_t at = 0;

	while (len - at >= ENTRY && is_cpio(data + at, len - at)) {
		const char *name = (const char *)data + at + ENTRY;
		size_t size, name_len, body;

		if (field(data + at, SIZE_FIELD, &size) || field(data + at, NAME_FIELD, &name_len))
			return -EBADMSG;
		if (!name_len || name_len > len - at - ENTRY || name[name_len - 1])
			return -EBADMSG;
		body = align(at + ENTRY + name_len);
		if (!strcmp(name, END)) {
			*ret_used = body < len ? body : len;
			return 0;
		}
		initrd->files++;
		initrd->restore |= size && is_restore(name, strlen(name));
		at = align(body + size);
		if (at > len)
			return -EBADMSG;
	}
	return -EBADMSG;
}

static int part(const uint8_t *data, size_t len, bool inner, struct initrd *initrd,
		size_t *ret_used);

static int all(const uint8_t *data, size_t len, bool inner, struct initrd *initrd)
{
	size_t at = 0, used = 0;

	for (;;) {
		int ret;

		while (at < len && !data[at])
			at++;
		if (at == len)
			return 0;
		ret = part(data + at, len - at, inner, initrd, &used);
		if (ret)
			return ret;
		at += used;
	}
}

/* Packed ones hold archives, not packed ones again. */
static int part(const uint8_t *data, size_t len, bool inner, struct initrd *initrd,
		size_t *ret_used)
{
	CLEANUP(cleanup_free) uint8_t *whole = NULL;
	size_t size;
	int ret;

	if (is_cpio(data, len))
		return walk(data, len, initrd, ret_used);
	if (inner || !unpack_format(data, len))
		return -EBADMSG;
	ret = unpack(data, len, UNPACKED_MAX, &whole, &size, ret_used);
	if (ret == -EOPNOTSUPP) {
		initrd->opaque = true;
		*ret_used = len;
		return 0;
	}
	return ret ? ret : all(whole, size, true, initrd);
}

int initrd_parse(const uint8_t *data, size_t len, struct initrd *ret_initrd,
		 struct problem *problem)
{
	int ret;

	memset(ret_initrd, 0, sizeof(*ret_initrd));
	if (!len || (!is_cpio(data, len) && !unpack_format(data, len)))
		return problem_set(problem, -EBADMSG,
				   "it is no initramfs: neither a cpio archive nor a packed one");
	ret = all(data, len, false, ret_initrd);
	if (ret)
		return problem_set(problem, ret,
				   "it is damaged or cut short: no cpio archive to its end");
	return 0;
}

int initrd_check(const char *path, struct initrd *ret_initrd, struct problem *problem)
{
	CLEANUP(cleanup_free) uint8_t *data = NULL;
	size_t len = 0;
	int ret = kernelimage_slurp(path, &data, &len);

	if (ret)
		return problem_set(problem, ret, "initrd %s: %s", path,
				   ret == -EINVAL ? "no file" : strerror(-ret));
	ret = initrd_parse(data, len, ret_initrd, problem);
	return ret ? problem_prefix(problem, ret, "initrd %s", path) : 0;
}
