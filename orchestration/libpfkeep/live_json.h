/* SPDX-License-Identifier: GPL-2.0-only */
/* The record of a live update, word by word. What is read is hostile: -EBADMSG. */
#ifndef LIBPFKEEP_LIVE_JSON_H
#define LIBPFKEEP_LIVE_JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void json_put_text(struct json_object *o, const char *key, const char *text);
void json_put_number(struct json_object *o, const char *key, uint64_t value);
struct json_object *json_put_list(struct json_object *o, const char *key);
struct json_object *json_append(struct json_object *list);

int json_get_number(struct json_object *o, const char *key, uint64_t max, uint64_t *ret_value);
/* A text without a zero in it, shorter than size. */
bool json_fits(struct json_object *value, size_t size);
/* Not an empty one. */
int json_get_text(struct json_object *o, const char *key, char *ret_text, size_t size);
/* NULL: no list, or one that is too long. */
struct json_object *json_get_list(struct json_object *o, const char *key, size_t max);

#endif
