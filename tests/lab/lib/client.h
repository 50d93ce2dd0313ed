/* SPDX-License-Identifier: GPL-2.0-only */
/* Talking to a lab's supervisor. */
#ifndef LAB_CLIENT_H
#define LAB_CLIENT_H

#include <json-c/json.h>

#include "tests/lab/lib/jsonline.h"
#include "tests/lab/lib/rundir.h"
#include "tests/lab/lib/spec.h"

struct client {
	struct rundir dir;
	int fd; /* the control socket */
	struct jsonline in;
};

/*
 * Connect to the lab of that name. -ENOENT and a line that says how it ended
 * when it doesn't run.
 */
int client_open(const char *name, struct client *ret_client, struct lab_error *ret_error);
void client_close(struct client *client);
/* The lab hung up: wait for its end and say how it ended. */
void client_explain(const struct client *client, struct lab_error *ret_error);

/*
 * Send a command (members of extra, if any, go with it; it stays the caller's)
 * and wait for the answer. *ret_reply may be NULL if it isn't wanted.
 */
int client_call(struct client *client, const char *cmd, json_object *extra, json_object **ret_reply,
		struct lab_error *ret_error);
/* Send a command without waiting. */
int client_send(struct client *client, const char *cmd, json_object *extra);
#endif
