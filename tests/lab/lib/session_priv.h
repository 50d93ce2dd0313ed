/* SPDX-License-Identifier: GPL-2.0-only */
/* One session, shared by session.c (the conversation) and transfer.c, exec.c. */
#ifndef LAB_SESSION_PRIV_H
#define LAB_SESSION_PRIV_H

#include "tests/lab/lib/client.h"
#include "tests/lab/lib/session.h"

struct session {
	const struct session_io *io;
	struct session_result *result;
	struct lab_error *error;
	enum proto_type request;
	uint8_t payload[PROTO_PAYLOAD_MAX];
	size_t payload_len;

	struct client client; /* labd's events */
	struct client port;   /* then the agent's port */
	int fd;		      /* of port */
	char boot_id[PROTO_BOOT_ID];
	struct proto_decoder dec;
	uint8_t nonce[PROTO_NONCE];
	bool greeted;
	bool in_done;
	bool done;
	uint32_t credit;
	int64_t deadline; /* ms; 0: none */
	size_t out_len;
	uint8_t out[3 * PROTO_WIRE_MAX];
};

/* io, result, error, request and payload are set, all else is zero. */
int session_run(struct session *s, const char *lab);

#endif
