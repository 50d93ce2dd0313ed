/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VF tokens: whoever opens a VF must know its token. A domain has one token for
 * all of its VFs, a random UUID that lives in memory, in the driver and in files
 * below DIR, each known by the domain's UUID; never on a command line, in a log
 * or in XML:
 *
 *	UUID		root's alone
 *	UUID.qemu	for the user that QEMU runs as, from just before QEMU is
 *			started until it has read it
 *
 * A tenant's token is new at each start, so what an earlier start (or an earlier
 * owner of the VF) knew opens nothing. A PF VM's stays: the driver asks for it
 * when the PF is opened again while its VFs are held.
 */
#ifndef PFKEEP_TOKEN_H
#define PFKEEP_TOKEN_H

#include <stdbool.h>
#include <sys/types.h>

#include "pfkeep/bdf.h"
#include "pfkeep/problem.h"
#include "pfkeep/root.h"
#include "pfkeep/uuid.h"

#define TOKEN_DIR  "run/pfkeep/tokens"
#define TOKEN_PATH (sizeof(TOKEN_DIR) + UUID_TEXT + 16)

struct token {
	char text[UUID_TEXT];
};

void token_wipe(struct token *token);
#define TOKEN_AUTO __attribute__((cleanup(token_wipe)))

/* Make the directory; *ret_new: there was none, so the host has just booted. */
int token_prepare(const struct root *root, bool *ret_new, struct problem *problem);

/* Where QEMU finds it: an absolute path. Returns dst. */
const char *token_qemu_path(const char *uuid, char dst[static TOKEN_PATH]);

/*
 * Show the domain's token to QEMU's user; a new one if renew is set or there is
 * none yet. ret_token may be NULL.
 */
int token_show(const struct root *root, const char *uuid, bool renew, uid_t user,
	       struct token *ret_token, struct problem *problem);
/* From now on until *ret_keep is closed nobody hides it, however its domain looks. */
int token_keep_shown(const struct root *root, const char *uuid, int *ret_keep,
		     struct problem *problem);
/* QEMU has read it, or won't. 0, too, while somebody keeps it shown, who hides it then. */
int token_hide(const struct root *root, const char *uuid);
/* The domains whose tokens are shown; the list is the caller's. */
int token_list_shown(const struct root *root, char (**ret_uuids)[UUID_TEXT], size_t *ret_n);
/* -ENOENT if it has none. */
int token_read(const struct root *root, const char *uuid, struct token *ret_token,
	       struct problem *problem);
int token_forget(const struct root *root, const char *uuid);

/* From now on this token alone opens the VF. */
int token_set(const struct root *root, const struct bdf *vf, const struct token *token,
	      struct problem *problem);

#endif
