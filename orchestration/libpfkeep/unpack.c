// SPDX-License-Identifier: GPL-2.0-only
#include "orchestration/libpfkeep/unpack.h"

#define ZLIB_CONST
#include <errno.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define GROW	   (1 << 20)
#define XZ_MEMORY  (512ULL << 20)
#define LZ4_MIN	   4 /* of a match */
#define LZ4_WINDOW 65535

struct output {
	uint8_t *data;
	size_t len, size, max;
};

/* There is room for one byte more at least. */
static int reserve(struct output *out, size_t more)
{
	size_t size = out->size ? out->size : GROW;
	uint8_t *data;

	if (more > out->max - out->len)
		return -EFBIG;
	while (size - out->len < more)
		size *= 2;
	if (size > out->max)
		size = out->max;
	if (size == out->size)
		return 0;
	data = realloc(out->data, size);
	if (!data)
		return -ENOMEM;
	out->data = data;
	out->size = size;
	return 0;
}

static int unpack_gzip(const uint8_t *data, size_t len, struct output *out, size_t *ret_used)
{
	z_stream z = { .next_in = data, .avail_in = (uInt)len };
	int ret, err;

	if (inflateInit2(&z, 15 + 16) != Z_OK)
		return -ENOMEM;
	do {
		err = reserve(out, 1);
		if (err)
			break;
		z.next_out = out->data + out->len;
		z.avail_out = (uInt)(out->size - out->len);
		ret = inflate(&z, Z_NO_FLUSH);
		out->len = out->size - z.avail_out;
		err = ret == Z_OK || ret == Z_STREAM_END ? 0 : -EBADMSG;
	} while (!err && ret != Z_STREAM_END);
	*ret_used = len - z.avail_in;
	inflateEnd(&z);
	return err;
}

static int unpack_xz(const uint8_t *data, size_t len, struct output *out, size_t *ret_used)
{
	lzma_stream x = LZMA_STREAM_INIT;
	lzma_ret ret;
	int err;

	if (lzma_stream_decoder(&x, XZ_MEMORY, 0) != LZMA_OK)
		return -ENOMEM;
	x.next_in = data;
	x.avail_in = len;
	do {
		err = reserve(out, 1);
		if (err)
			break;
		x.next_out = out->data + out->len;
		x.avail_out = out->size - out->len;
		ret = lzma_code(&x, LZMA_RUN);
		out->len = out->size - x.avail_out;
		err = ret == LZMA_OK || ret == LZMA_STREAM_END ? 0 : -EBADMSG;
	} while (!err && ret != LZMA_STREAM_END);
	*ret_used = len - x.avail_in;
	lzma_end(&x);
	return err;
}

static int unpack_zstd(const uint8_t *data, size_t len, struct output *out, size_t *ret_used)
{
	ZSTD_DStream *z = ZSTD_createDStream();
	ZSTD_inBuffer in = { data, len, 0 };
	size_t left = 1;
	int err = z ? 0 : -ENOMEM;

	while (!err && left) {
		ZSTD_outBuffer to;
		size_t was = in.pos;

		err = reserve(out, 1);
		if (err)
			break;
		to = (ZSTD_outBuffer){ out->data, out->size, out->len };
		left = ZSTD_decompressStream(z, &to, &in);
		/* All is in, and nothing comes out any more. */
		if (ZSTD_isError(left) || (left && in.pos == was && to.pos == out->len))
			err = -EBADMSG;
		out->len = to.pos;
	}
	*ret_used = in.pos;
	ZSTD_freeDStream(z);
	return err;
}

/* A length that goes on in bytes of 255 each. */
static int lz4_length(const uint8_t **p, const uint8_t *end, size_t *length)
{
	uint8_t byte;

	if (*length != 15)
		return 0;
	do {
		if (*p == end)
			return -EBADMSG;
		byte = *(*p)++;
		*length += byte;
	} while (byte == 255);
	return 0;
}

/* A block on its own: literals, then a copy of what came out before, and so on. */
static int lz4_block(const uint8_t *p, size_t len, struct output *out)
{
	const uint8_t *end = p + len;
	size_t start = out->len;

	while (p < end) {
		size_t literals = *p >> 4, match = *p & 15, offset;
		int ret;

		p++;
		if (lz4_length(&p, end, &literals) || literals > (size_t)(end - p))
			return -EBADMSG;
		ret = reserve(out, literals);
		if (ret)
			return ret;
		if (literals)
			memcpy(out->data + out->len, p, literals);
		out->len += literals;
		p += literals;
		if (p == end)
			return 0;
		if (end - p < 2)
			return -EBADMSG;
		offset = (size_t)p[0] | (size_t)p[1] << 8;
		p += 2;
		if (lz4_length(&p, end, &match) || !offset || offset > out->len - start)
			return -EBADMSG;
		match += LZ4_MIN;
		ret = reserve(out, match);
		if (ret)
			return ret;
		for (; match; match--, out->len++)
			out->data[out->len] = out->data[out->len - offset];
	}
	return 0;
}

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/*
 * The format of `lz4 -l`, as the kernel takes it: blocks with their lengths. It has
 * no end of its own: behind it is nothing, or zeros, or the size that a kernel's
 * build appends, which is the length of no block then.
 */
static int unpack_lz4(const uint8_t *data, size_t len, struct output *out, size_t *ret_used)
{
	size_t at = 4;
	int ret = 0;

	while (!ret && len - at > 4) {
		uint32_t block = le32(data + at);

		if (!block)
			break;
		if (block > len - at - 4)
			return -EBADMSG;
		ret = lz4_block(data + at + 4, block, out);
		at += 4 + (size_t)block;
	}
	*ret_used = at;
	return ret;
}

static const struct format {
	const char *name;
	size_t n;
	uint8_t magic[9];
	int (*run)(const uint8_t *data, size_t len, struct output *out, size_t *ret_used);
} formats[] = {
	{ "gzip", 2, { 0x1f, 0x8b }, unpack_gzip },
	{ "xz", 6, { 0xfd, '7', 'z', 'X', 'Z', 0 }, unpack_xz },
	{ "zstd", 4, { 0x28, 0xb5, 0x2f, 0xfd }, unpack_zstd },
	{ "lz4", 4, { 0x02, 0x21, 0x4c, 0x18 }, unpack_lz4 },
	{ "bzip2", 3, { 'B', 'Z', 'h' }, NULL },
	{ "lzma", 3, { 0x5d, 0, 0 }, NULL },
	{ "lzo", 9, { 0x89, 'L', 'Z', 'O', 0, '\r', '\n', 0x1a, '\n' }, NULL },
};

static const struct format *format_of(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (len >= formats[i].n && !memcmp(data, formats[i].magic, formats[i].n))
			return &formats[i];
	return NULL;
}

const char *unpack_format(const uint8_t *data, size_t len)
{
	const struct format *format = format_of(data, len);

	return format ? format->name : NULL;
}

int unpack(const uint8_t *data, size_t len, size_t max, uint8_t **ret_data, size_t *ret_len,
	   size_t *ret_used)
{
	const struct format *format = format_of(data, len);
	struct output out = { .max = max };
	int ret;

	if (!format || !format->run)
		return -EOPNOTSUPP;
	if (len > UINT32_MAX)
		return -EFBIG;
	ret = format->run(data, len, &out, ret_used);
	if (ret) {
		free(out.data);
		return ret;
	}
	*ret_data = out.data;
	*ret_len = out.len;
	return 0;
}
