/* SPDX-License-Identifier: GPL-2.0-only */
/* One line of the state's journal. Input is hostile. */
#ifndef LIBPFKEEP_STATE_LINE_H
#define LIBPFKEEP_STATE_LINE_H

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool state_line_key_ok(const char *key);

/* Could a line start here? Cheap, for looking through damaged text. */
bool state_line_starts(const char *text, size_t len);

/* Allocated, with its newline. */
int state_line_format(uint64_t serial, struct json_object *record, char **ret_line,
		      size_t *ret_len);

/*
 * Checks the sum, then the syntax of a line without its newline. -EILSEQ if the
 * sum is wrong (a damaged line), -EBADMSG if it is right but the content isn't.
 */
int state_line_parse(const char *line, size_t len, uint64_t *ret_serial,
		     struct json_object **ret_record);

/*
 * Apply what a record puts and deletes to all. -EBADMSG, all perhaps half
 * changed, if the record isn't one.
 */
int state_line_apply(struct json_object *all, struct json_object *record, bool snapshot);

#endif
