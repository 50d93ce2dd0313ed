/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VF tokens: whoever opens a VF must know its token. A token is a random UUID that
 * lives in memory, in the kernel and in a file that only root reads,
 * DIR/PF-INDEX; never on a command line, in a log or in XML.
 */
#ifndef PFKEEP_TOKEN_H
#define PFKEEP_TOKEN_H

#include "pfkeep/bdf.h"
#include "pfkeep/problem.h"
#include "pfkeep/root.h"
#include "pfkeep/uuid.h"

#define TOKEN_DIR "run/pfkeep/tokens"

struct token {
	char text[UUID_TEXT];
};

void token_wipe(struct token *token);
#define TOKEN_AUTO __attribute__((cleanup(token_wipe)))

/*
 * Make a new token for the VF, replacing the old one: first in its file, then in
 * the driver (its attribute vf_token). When this returns 0, the old one opens
 * nothing.
 */
int token_renew(const struct root *root, const struct bdf *pf, uint16_t index, const struct bdf *vf,
		struct problem *problem);
/* -ENOENT if it has none. */
int token_read(const struct root *root, const struct bdf *pf, uint16_t index,
	       struct token *ret_token, struct problem *problem);
/* No file any more; the driver keeps what it has, which nobody knows. */
int token_forget(const struct root *root, const struct bdf *pf, uint16_t index);

#endif
