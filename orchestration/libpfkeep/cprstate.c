// SPDX-License-Identifier: GPL-2.0-only
/* QEMU's migration stream, big endian: migration/cpr.c has its fields. */
#include "pfkeep/cprstate.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#define MAGIC	0x51435052
#define VERSION 1
#define FD_MAX	(1 << 20)

struct reader {
	const uint8_t *at, *end;
};

static int get_u8(struct reader *r, uint8_t *ret_value)
{
	if (r->at == r->end)
		return -EBADMSG;
	*ret_value = *r->at++;
	return 0;
}

static int get_u32(struct reader *r, uint32_t *ret_value)
{
	if (r->end - r->at < 4)
		return -EBADMSG;
	*ret_value = (uint32_t)r->at[0] << 24 | (uint32_t)r->at[1] << 16 | (uint32_t)r->at[2] << 8 |
		     r->at[3];
	r->at += 4;
	return 0;
}

/* Its length counts the terminator. */
static int get_name(struct reader *r, char *ret_name)
{
	uint32_t len;

	if (get_u32(r, &len) || !len || len > CPRSTATE_NAME || (size_t)(r->end - r->at) < len ||
	    r->at[len - 1] || memchr(r->at, 0, len - 1))
		return -EBADMSG;
	memcpy(ret_name, r->at, len);
	r->at += len;
	return 0;
}

static int get_fd(struct reader *r, struct cprstate_fd *ret_fd)
{
	uint32_t id, fd;

	if (get_name(r, ret_fd->name) || get_u32(r, &id) || get_u32(r, &fd) || fd > FD_MAX ||
	    id > FD_MAX)
		return -EBADMSG;
	ret_fd->id = (int)id;
	ret_fd->fd = (int)fd;
	return 0;
}

static int get_fds(struct reader *r, size_t max, struct cprstate_fd *ret_fds, size_t *ret_n)
{
	uint8_t more;

	for (*ret_n = 0;; (*ret_n)++) {
		struct cprstate_fd *fd = &ret_fds[*ret_n];

		if (get_u8(r, &more) || more > 1)
			return -EBADMSG;
		if (!more)
			return 0;
		if (*ret_n == max)
			return -E2BIG;
		if (get_fd(r, fd))
			return -EBADMSG;
		for (size_t i = 0; i < *ret_n; i++)
			if (ret_fds[i].fd == fd->fd)
				return -EBADMSG;
	}
}

int cprstate_parse(const void *data, size_t len, size_t max, struct cprstate_fd *ret_fds,
		   size_t *ret_n, struct problem *problem)
{
	struct reader r = { data, (const uint8_t *)data + len };
	uint32_t magic, version;
	int ret;

	if (get_u32(&r, &magic) || magic != MAGIC)
		return problem_set(problem, -EBADMSG, "QEMU's CPR state is none");
	if (get_u32(&r, &version) || version != VERSION)
		return problem_set(problem, -EBADMSG, "QEMU's CPR state has an unknown version");
	ret = get_fds(&r, max, ret_fds, ret_n);
	if (ret == -E2BIG)
		return problem_set(problem, ret, "QEMU keeps more than %zu descriptors", max);
	if (ret)
		return problem_set(problem, ret,
				   "QEMU's CPR state has a broken list of "
				   "descriptors");
	return 0;
}
