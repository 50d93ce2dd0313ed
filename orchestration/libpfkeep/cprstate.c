// SPDX-License-Identifier: GPL-2.0-only
/* QEMU's migration stream, big endian: migration/cpr.c has its fields. */
#include "pfkeep/cprstate.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC	0x51435052
#define VERSION 1
#define FD_MAX	(1 << 20)
#define BESIDE	' ' /* what is sent with a descriptor */

struct reader {
	const uint8_t *at, *end;
	bool sent;
};

struct writer {
	uint8_t *at;
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

static int get_number(struct reader *r, int next, uint32_t *ret_fd)
{
	uint8_t beside;

	if (!r->sent)
		return get_u32(r, ret_fd);
	*ret_fd = (uint32_t)next;
	return get_u8(r, &beside) || beside != BESIDE ? -EBADMSG : 0;
}

static int get_fd(struct reader *r, int next, struct cprstate_fd *ret_fd)
{
	uint32_t id, fd;

	if (get_name(r, ret_fd->name) || get_u32(r, &id) || get_number(r, next, &fd) ||
	    fd > FD_MAX || id > FD_MAX)
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
		if (get_fd(r, (int)*ret_n, fd))
			return -EBADMSG;
		for (size_t i = 0; i < *ret_n; i++)
			if (ret_fds[i].fd == fd->fd)
				return -EBADMSG;
	}
}

static int parse(struct reader *r, size_t max, struct cprstate_fd *ret_fds, size_t *ret_n,
		 struct problem *problem)
{
	uint32_t magic, version;
	int ret;

	if (get_u32(r, &magic) || magic != MAGIC)
		return problem_set(problem, -EBADMSG, "QEMU's CPR state is none");
	if (get_u32(r, &version) || version != VERSION)
		return problem_set(problem, -EBADMSG, "QEMU's CPR state has an unknown version");
	ret = get_fds(r, max, ret_fds, ret_n);
	if (ret == -E2BIG)
		return problem_set(problem, ret, "QEMU keeps more than %zu descriptors", max);
	if (ret)
		return problem_set(problem, ret,
				   "QEMU's CPR state has a broken list of "
				   "descriptors");
	return 0;
}

int cprstate_parse(const void *data, size_t len, size_t max, struct cprstate_fd *ret_fds,
		   size_t *ret_n, struct problem *problem)
{
	struct reader r = { data, (const uint8_t *)data + len, false };

	return parse(&r, max, ret_fds, ret_n, problem);
}

int cprstate_parse_sent(const void *data, size_t len, size_t max, struct cprstate_fd *ret_fds,
			size_t *ret_n, size_t *ret_rest, struct problem *problem)
{
	struct reader r = { data, (const uint8_t *)data + len, true };
	int ret = parse(&r, max, ret_fds, ret_n, problem);

	*ret_rest = (size_t)(r.at - (const uint8_t *)data);
	return ret;
}

static void put(struct writer *w, const void *data, size_t len)
{
	memcpy(w->at, data, len);
	w->at += len;
}

static void put_u32(struct writer *w, uint32_t value)
{
	const uint8_t bytes[] = { (uint8_t)(value >> 24), (uint8_t)(value >> 16),
				  (uint8_t)(value >> 8), (uint8_t)value };

	put(w, bytes, sizeof(bytes));
}

int cprstate_format(const struct cprstate_fd *fds, size_t n, const void *rest, size_t rest_len,
		    char **ret_data, size_t *ret_len)
{
	const uint8_t more = 1, end = 0;
	size_t size = 8 + 1 + rest_len;
	struct writer w;

	for (size_t i = 0; i < n; i++)
		size += 1 + 4 + strlen(fds[i].name) + 1 + 4 + 4;
	*ret_data = malloc(size);
	if (!*ret_data)
		return -ENOMEM;
	w.at = (uint8_t *)*ret_data;
	put_u32(&w, MAGIC);
	put_u32(&w, VERSION);
	for (size_t i = 0; i < n; i++) {
		put(&w, &more, 1);
		put_u32(&w, (uint32_t)strlen(fds[i].name) + 1);
		put(&w, fds[i].name, strlen(fds[i].name) + 1);
		put_u32(&w, (uint32_t)fds[i].id);
		put_u32(&w, (uint32_t)fds[i].fd);
	}
	put(&w, &end, 1);
	put(&w, rest, rest_len);
	*ret_len = size;
	return 0;
}
