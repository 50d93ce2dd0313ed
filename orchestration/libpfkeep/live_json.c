// SPDX-License-Identifier: GPL-2.0-only
#include "orchestration/libpfkeep/live_json.h"

#include <errno.h>
#include <string.h>

void json_put_text(struct json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, json_object_new_string(text));
}

void json_put_number(struct json_object *o, const char *key, uint64_t value)
{
	json_object_object_add(o, key, json_object_new_uint64(value));
}

struct json_object *json_put_list(struct json_object *o, const char *key)
{
	struct json_object *list = json_object_new_array();

	json_object_object_add(o, key, list);
	return list;
}

struct json_object *json_append(struct json_object *list)
{
	struct json_object *o = json_object_new_object();

	json_object_array_add(list, o);
	return o;
}

int json_get_number(struct json_object *o, const char *key, uint64_t max, uint64_t *ret_value)
{
	struct json_object *value;
	uint64_t n;

	if (!json_object_object_get_ex(o, key, &value) ||
	    !json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0)
		return -EBADMSG;
	n = json_object_get_uint64(value);
	if (n > max)
		return -EBADMSG;
	*ret_value = n;
	return 0;
}

bool json_fits(struct json_object *value, size_t size)
{
	return json_object_is_type(value, json_type_string) &&
	       (size_t)json_object_get_string_len(value) < size &&
	       strlen(json_object_get_string(value)) == (size_t)json_object_get_string_len(value);
}

int json_get_text(struct json_object *o, const char *key, char *ret_text, size_t size)
{
	struct json_object *value;

	if (!json_object_object_get_ex(o, key, &value) || !json_fits(value, size) ||
	    !json_object_get_string_len(value))
		return -EBADMSG;
	memcpy(ret_text, json_object_get_string(value), strlen(json_object_get_string(value)) + 1);
	return 0;
}

struct json_object *json_get_list(struct json_object *o, const char *key, size_t max)
{
	struct json_object *list;

	if (!json_object_object_get_ex(o, key, &list) ||
	    !json_object_is_type(list, json_type_array) || json_object_array_length(list) > max)
		return NULL;
	return list;
}
