/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What pfkeepd must not forget: JSON objects by key, changed in transactions.
 * After a crash or a power cut the state is the one before or the one after the
 * last transaction, and one that state_commit() has reported is there.
 *
 * DIR/state is a journal of lines
 *
 *	CRC32C SERIAL JSON
 *
 * (8 hex digits, over the rest of the line; decimal; one object on one line).
 * The first is a snapshot, {"version":1,"put":{...}}; each further one a
 * transaction, {"put":{KEY:OBJECT,...},"delete":[KEY,...]}, its serial one
 * higher. A line is synced before the next is written, so a power cut damages
 * the last one at most: a damaged line with nothing valid behind it was never
 * reported and is dropped. Any other damage is refused, never mended by guess.
 * When the journal has outgrown its snapshot, a new one takes its place by
 * rename. DIR/lock keeps out a second writer.
 */
#ifndef PFKEEP_STATE_H
#define PFKEEP_STATE_H

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stdint.h>

#include "pfkeep/problem.h"

#define STATE_VERSION  1
#define STATE_KEY_MAX  128
#define STATE_FILE_MAX (64u << 20)
#define STATE_DEPTH    16 /* of nesting in a line */

struct state;

/* Transactions are built apart from the state and change nothing until committed. */
struct state_change {
	struct json_object *put;
	struct json_object *delete;
};

/*
 * Open the state in an existing directory for writing. -EBUSY if another process
 * has it, -EBADMSG if it is damaged, -ENOTSUP if its version isn't ours.
 */
int state_open(const char *dir, struct state **ret_state, struct problem *problem);
/* For looking only: takes no lock, mends nothing. */
int state_open_read(const char *dir, struct state **ret_state, struct problem *problem);
void state_close(struct state *state);
void cleanup_state(struct state **state);

/* A line that a power cut had damaged was dropped at open. */
bool state_was_torn(const struct state *state);
/* Number of transactions so far, over the whole life of the state. */
uint64_t state_serial(const struct state *state);

/* The caller's; NULL if there is none. */
struct json_object *state_get(const struct state *state, const char *key);
/*
 * All of it, borrowed: key to a text of JSON, packed, as a tree takes ten times the
 * room. state_unpack() makes the caller's object of a value; NULL without memory.
 */
struct json_object *state_all(const struct state *state);
struct json_object *state_unpack(struct json_object *packed);

int state_change_init(struct state_change *ret_change);
void state_change_release(struct state_change *change);
/*
 * Keys are 1 to STATE_KEY_MAX characters of [A-Za-z0-9._:/-]. Takes the caller's
 * reference to value, which must be an object, also on failure. A later put or
 * delete of the same key replaces an earlier one.
 */
int state_put(struct state_change *change, const char *key, struct json_object *value);
int state_delete(struct state_change *change, const char *key);
/*
 * All of the change or nothing. After an error that leaves open which of the
 * two the disk has, every further commit fails with -ESTALE: open it again.
 */
int state_commit(struct state *state, const struct state_change *change, struct problem *problem);

#endif
