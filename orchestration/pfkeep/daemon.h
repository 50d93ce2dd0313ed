/* SPDX-License-Identifier: GPL-2.0-only */
/* Commands that pfkeepd does. */
#ifndef PFKEEP_DAEMON_H
#define PFKEEP_DAEMON_H

#include <json-c/json_object.h>

#include "orchestration/pfkeep/command.h"

/*
 * Call the method; takes over parameters. With --json the answer is printed. The
 * command is done if it returns COMMAND_DONE; ret_answer may be NULL.
 */
enum command_status daemon_call(const struct command_input *input, const char *method,
				struct json_object *parameters, struct json_object **ret_answer);

/*
 * The domains that VFs belong to, by the VF's name (PF/INDEX); NULL if pfkeepd doesn't
 * answer, which is no failure of a listing.
 */
struct json_object *daemon_owners(const struct command_input *input);

/* Prints the table that pfkeepd keeps, of one PF or (NULL) all; -ENOTCONN: it doesn't answer. */
int daemon_show_vfs(const struct command_input *input, const char *pf, struct problem *problem);

#endif
