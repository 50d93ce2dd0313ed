// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/agent/proto.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* CRC-32 as in IEEE 802.3, four bits a step: short, and fast enough for a pipe. */
static uint32_t proto_crc32(const uint8_t *data, size_t len)
{
	static const uint32_t nibble[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
		0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < len; i++) {
		crc = (crc >> 4) ^ nibble[(crc ^ data[i]) & 0xf];
		crc = (crc >> 4) ^ nibble[(crc ^ (data[i] >> 4)) & 0xf];
	}
	return ~crc;
}

static void put_u32(uint8_t *dst, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		dst[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t get_u32(const uint8_t *src)
{
	return src[0] | (uint32_t)src[1] << 8 | (uint32_t)src[2] << 16 | (uint32_t)src[3] << 24;
}

/* Consistent overhead byte stuffing; dst holds len + len / 254 + 1 bytes. */
static size_t cobs_encode(const uint8_t *src, size_t len, uint8_t *dst)
{
	size_t code_at = 0, out = 1;
	uint8_t code = 1;

	for (size_t i = 0; i < len; i++) {
		if (src[i]) {
			dst[out++] = src[i];
			code++;
		}
		if (!src[i] || code == 0xff) {
			dst[code_at] = code;
			code = 1;
			code_at = out++;
		}
	}
	dst[code_at] = code;
	return out;
}

/* In place: the decoded form is never longer. -EBADMSG when a run leaves the frame. */
static int cobs_decode(uint8_t *buf, size_t len, size_t *ret_len)
{
	size_t in = 0, out = 0;

	while (in < len) {
		uint8_t code = buf[in++];

		if (!code || code - 1u > len - in)
			return -EBADMSG;
		memmove(buf + out, buf + in, code - 1u);
		out += code - 1u;
		in += code - 1u;
		if (code != 0xff && in < len)
			buf[out++] = 0;
	}
	*ret_len = out;
	return 0;
}

int proto_encode(enum proto_type type, const void *payload, size_t len, uint8_t *dst,
		 size_t *ret_len)
{
	uint8_t body[PROTO_BODY_MAX];
	size_t n;

	if (len > PROTO_PAYLOAD_MAX)
		return -EMSGSIZE;
	body[0] = (uint8_t)type;
	if (len)
		memcpy(body + 1, payload, len);
	put_u32(body + 1 + len, proto_crc32(body, 1 + len));
	n = cobs_encode(body, 1 + len + 4, dst);
	dst[n++] = 0;
	*ret_len = n;
	return 0;
}

void proto_decoder_reset(struct proto_decoder *dec)
{
	dec->len = 0;
	dec->overflow = false;
}

/* The bytes before a zero are complete: unstuff and check them. */
static int proto_finish(struct proto_decoder *dec, struct proto_frame *ret_frame)
{
	size_t len;
	int err;

	if (dec->overflow)
		return -EBADMSG;
	err = cobs_decode(dec->buf, dec->len, &len);
	if (err)
		return err;
	if (len < 5 || len > PROTO_BODY_MAX)
		return -EBADMSG;
	if (get_u32(dec->buf + len - 4) != proto_crc32(dec->buf, len - 4))
		return -EBADMSG;
	if (!dec->buf[0] || dec->buf[0] >= PROTO_TYPE_MAX)
		return -EBADMSG;
	ret_frame->type = dec->buf[0];
	ret_frame->payload = dec->buf + 1;
	ret_frame->len = len - 5;
	return 1;
}

int proto_decode(struct proto_decoder *dec, const uint8_t *data, size_t len, size_t *ret_used,
		 struct proto_frame *ret_frame)
{
	const uint8_t *end = len ? memchr(data, 0, len) : NULL;
	size_t n = end ? (size_t)(end - data) : len;
	int ret;

	*ret_used = end ? n + 1 : n;
	if (n > sizeof(dec->buf) - dec->len)
		dec->overflow = true;
	else if (n)
		memcpy(dec->buf + dec->len, data, n);
	if (!dec->overflow)
		dec->len += n;
	if (!end)
		return 0;
	/* Zeros in a row are padding, sent to end a dead client's frame. */
	ret = dec->len || dec->overflow ? proto_finish(dec, ret_frame) : 0;
	proto_decoder_reset(dec);
	return ret;
}

size_t proto_hello_pack(const struct proto_hello *hello, uint8_t *dst)
{
	put_u32(dst, hello->version);
	memcpy(dst + 4, hello->nonce, PROTO_NONCE);
	memset(dst + 4 + PROTO_NONCE, 0, PROTO_BOOT_ID);
	memcpy(dst + 4 + PROTO_NONCE, hello->boot_id, strnlen(hello->boot_id, PROTO_BOOT_ID - 1));
	return 4 + PROTO_NONCE + PROTO_BOOT_ID;
}

int proto_hello_parse(const uint8_t *payload, size_t len, struct proto_hello *ret_hello)
{
	if (len != 4 + PROTO_NONCE + PROTO_BOOT_ID || payload[len - 1])
		return -EBADMSG;
	ret_hello->version = get_u32(payload);
	memcpy(ret_hello->nonce, payload + 4, PROTO_NONCE);
	memcpy(ret_hello->boot_id, payload + 4 + PROTO_NONCE, PROTO_BOOT_ID);
	return 0;
}

static int append_string(uint8_t *dst, size_t size, size_t *pos, const char *text)
{
	size_t n = strlen(text) + 1;

	if (n > size - *pos)
		return -E2BIG;
	memcpy(dst + *pos, text, n);
	*pos += n;
	return 0;
}

int proto_exec_pack(const char *cwd, char *const *argv, char *const *envp, uint8_t *dst,
		    size_t size, size_t *ret_len)
{
	uint32_t argc = 0, envc = 0;
	size_t pos = 8;
	int err;

	if (size < pos)
		return -E2BIG;
	err = append_string(dst, size, &pos, cwd ? cwd : "");
	for (; !err && argv[argc]; argc++)
		err = append_string(dst, size, &pos, argv[argc]);
	for (; !err && envp && envp[envc]; envc++)
		err = append_string(dst, size, &pos, envp[envc]);
	if (err)
		return err;
	put_u32(dst, argc);
	put_u32(dst + 4, envc);
	*ret_len = pos;
	return 0;
}

/* Point vec[0..count) at successive strings; *text moves behind them. */
static void split_strings(char **text, char **vec, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		vec[i] = *text;
		*text += strlen(*text) + 1;
	}
	vec[count] = NULL;
}

static uint32_t count_strings(const uint8_t *data, size_t len)
{
	uint32_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += !data[i];
	return n;
}

int proto_exec_parse(const uint8_t *payload, size_t len, struct proto_exec *ret_exec)
{
	uint32_t argc, envc, strings;
	char *text;

	if (len < 9 || payload[len - 1])
		return -EBADMSG;
	argc = get_u32(payload);
	envc = get_u32(payload + 4);
	strings = count_strings(payload + 8, len - 8);
	if (!argc || argc > strings || envc > strings || 1 + argc + envc != strings)
		return -EBADMSG;

	ret_exec->storage = malloc((argc + envc + 2) * sizeof(char *) + len - 8);
	if (!ret_exec->storage)
		return -ENOMEM;
	ret_exec->argv = ret_exec->storage;
	ret_exec->envp = ret_exec->argv + argc + 1;
	text = (char *)(ret_exec->envp + envc + 1);
	memcpy(text, payload + 8, len - 8);
	ret_exec->cwd = text;
	text += strlen(text) + 1;
	split_strings(&text, ret_exec->argv, argc);
	split_strings(&text, ret_exec->envp, envc);
	return 0;
}

void proto_exec_release(struct proto_exec *exec)
{
	free(exec->storage);
	memset(exec, 0, sizeof(*exec));
}

int proto_path_pack(uint32_t mode, const char *path, uint8_t *dst, size_t size, size_t *ret_len)
{
	size_t pos = 4;
	int err;

	if (size < pos)
		return -E2BIG;
	put_u32(dst, mode);
	err = append_string(dst, size, &pos, path);
	if (!err)
		*ret_len = pos;
	return err;
}

int proto_path_parse(const uint8_t *payload, size_t len, uint32_t *ret_mode, const char **ret_path)
{
	if (len < 6 || payload[len - 1] || payload[4] != '/')
		return -EBADMSG;
	if (count_strings(payload + 4, len - 4) != 1)
		return -EBADMSG;
	*ret_mode = get_u32(payload);
	*ret_path = (const char *)payload + 4;
	return *ret_mode > 07777 ? -EBADMSG : 0;
}

size_t proto_u32_pack(uint32_t value, uint8_t *dst)
{
	put_u32(dst, value);
	return 4;
}

int proto_u32_parse(const uint8_t *payload, size_t len, uint32_t *ret_value)
{
	if (len != 4)
		return -EBADMSG;
	*ret_value = get_u32(payload);
	return 0;
}

size_t proto_exit_pack(const struct proto_exit *how, uint8_t *dst)
{
	dst[0] = how->signalled;
	put_u32(dst + 1, how->value);
	return 5;
}

int proto_exit_parse(const uint8_t *payload, size_t len, struct proto_exit *ret_how)
{
	if (len != 5 || payload[0] > 1)
		return -EBADMSG;
	ret_how->signalled = payload[0];
	ret_how->value = get_u32(payload + 1);
	return ret_how->value > 255 ? -EBADMSG : 0;
}

size_t proto_fail_pack(int error, const char *text, uint8_t *dst)
{
	size_t n = strlen(text);

	if (n > 512)
		n = 512;
	put_u32(dst, (uint32_t)error);
	memcpy(dst + 4, text, n);
	return 4 + n;
}

int proto_fail_parse(const uint8_t *payload, size_t len, int *ret_error, char *ret_text,
		     size_t size)
{
	size_t n;

	if (len < 4 || !size)
		return -EBADMSG;
	*ret_error = (int)get_u32(payload);
	n = len - 4 < size - 1 ? len - 4 : size - 1;
	for (size_t i = 0; i < n; i++) {
		uint8_t c = payload[4 + i];

		ret_text[i] = c < 0x20 || c == 0x7f ? '?' : (char)c;
	}
	ret_text[n] = '\0';
	return 0;
}
