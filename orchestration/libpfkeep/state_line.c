// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <json-c/printbuf.h>
#include <stdio.h>
#include <string.h>

#include "orchestration/libpfkeep/state_line.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/crc32c.h"
#include "pfkeep/number.h"
#include "pfkeep/state.h"

#define SUM_LEN	   8
#define SERIAL_MAX 20 /* digits of a 64-bit number */

bool state_line_key_ok(const char *key)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/-";
	size_t n = strlen(key);

	return n && n <= STATE_KEY_MAX && strspn(key, allowed) == n;
}

bool state_line_starts(const char *text, size_t len)
{
	if (len < SUM_LEN + 2 || text[SUM_LEN] != ' ' || text[SUM_LEN + 1] < '0' ||
	    text[SUM_LEN + 1] > '9')
		return false;
	for (int i = 0; i < SUM_LEN; i++)
		if (!text[i] || !strchr("0123456789abcdef", text[i]))
			return false;
	return true;
}

int state_line_format(uint64_t serial, struct json_object *record, char **ret_line, size_t *ret_len)
{
	const char *json = json_object_to_json_string_ext(
		record, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	char *line;
	int n;

	if (!json)
		return -ENOMEM;
	n = asprintf(&line, "%08x %" PRIu64 " %s\n", 0u, serial, json);
	if (n < 0)
		return -ENOMEM;
	/* The sum covers what follows it, without the newline. */
	snprintf(line, SUM_LEN + 1, "%08x", crc32c(line + SUM_LEN + 1, (size_t)n - SUM_LEN - 2));
	line[SUM_LEN] = ' ';
	*ret_line = line;
	*ret_len = (size_t)n;
	return 0;
}

static int check_sum(const char *line, size_t len)
{
	char sum[SUM_LEN + 1];

	if (len < SUM_LEN + 1 || line[SUM_LEN] != ' ')
		return -EILSEQ;
	snprintf(sum, sizeof(sum), "%08x", crc32c(line + SUM_LEN + 1, len - SUM_LEN - 1));
	return memcmp(sum, line, SUM_LEN) ? -EILSEQ : 0;
}

static int parse_json(const char *text, size_t len, struct json_object **ret_record)
{
	struct json_tokener *tok = json_tokener_new_ex(STATE_DEPTH);
	struct json_object *record;
	bool whole;

	if (!tok)
		return -ENOMEM;
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	record = json_tokener_parse_ex(tok, text, (int)len);
	whole = record && json_tokener_get_parse_end(tok) == len;
	json_tokener_free(tok);
	if (!whole || !json_object_is_type(record, json_type_object)) {
		json_object_put(record);
		return -EBADMSG;
	}
	*ret_record = record;
	return 0;
}

int state_line_parse(const char *line, size_t len, uint64_t *ret_serial,
		     struct json_object **ret_record)
{
	const char *serial = line + SUM_LEN + 1, *space;
	char digits[SERIAL_MAX + 1];
	size_t n;
	int ret;

	ret = check_sum(line, len);
	if (ret)
		return ret;
	space = memchr(serial, ' ', len - SUM_LEN - 1);
	n = space ? (size_t)(space - serial) : 0;
	if (!n || n > SERIAL_MAX || len > STATE_FILE_MAX)
		return -EBADMSG;
	memcpy(digits, serial, n);
	digits[n] = '\0';
	if (number_parse(digits, UINT64_MAX - 1, ret_serial))
		return -EBADMSG;
	return parse_json(space + 1, len - (size_t)(space + 1 - line), ret_record);
}

/* A packed value prints itself as it is, so that a snapshot needs no tree either. */
static int print_packed(struct json_object *packed, struct printbuf *out, int level, int flags)
{
	return printbuf_memappend(out, json_object_get_string(packed),
				  json_object_get_string_len(packed));
}

static struct json_object *pack(struct json_object *value)
{
	const char *text = json_object_to_json_string_ext(
		value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	struct json_object *packed = text ? json_object_new_string(text) : NULL;

	if (packed)
		json_object_set_serializer(packed, print_packed, NULL, NULL);
	return packed;
}

static int apply_put(struct json_object *all, struct json_object *put)
{
	struct json_object *packed;

	if (!json_object_is_type(put, json_type_object))
		return -EBADMSG;
	json_object_object_foreach(put, key, value) {
		if (!state_line_key_ok(key) || !json_object_is_type(value, json_type_object))
			return -EBADMSG;
		packed = pack(value);
		if (!packed || json_object_object_add(all, key, packed)) {
			json_object_put(packed);
			return -ENOMEM;
		}
	}
	return 0;
}

static int apply_delete(struct json_object *all, struct json_object *delete)
{
	if (!json_object_is_type(delete, json_type_array))
		return -EBADMSG;
	for (size_t i = 0; i < json_object_array_length(delete); i++) {
		struct json_object *key = json_object_array_get_idx(delete, i);

		if (!json_object_is_type(key, json_type_string))
			return -EBADMSG;
		json_object_object_del(all, json_object_get_string(key));
	}
	return 0;
}

static int check_version(struct json_object *version)
{
	if (!json_object_is_type(version, json_type_int))
		return -EBADMSG;
	return json_object_get_int64(version) == STATE_VERSION ? 0 : -ENOTSUP;
}

int state_line_apply(struct json_object *all, struct json_object *record, bool snapshot)
{
	bool versioned = false;
	int ret;

	/* The version first: what it says decides what the rest means. */
	if (snapshot) {
		ret = check_version(json_object_object_get(record, "version"));
		if (ret)
			return ret;
	}
	json_object_object_foreach(record, name, value) {
		if (!strcmp(name, "put"))
			ret = apply_put(all, value);
		else if (!strcmp(name, "delete") && !snapshot)
			ret = apply_delete(all, value);
		else if (!strcmp(name, "version") && snapshot)
			ret = versioned ? -EBADMSG : (versioned = true, 0);
		else
			ret = -EBADMSG;
		if (ret)
			return ret;
	}
	return 0;
}
