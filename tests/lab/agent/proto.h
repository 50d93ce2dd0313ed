/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The lab agent's protocol, spoken over one virtio-serial port per session.
 * Both ends use this module; neither trusts the other's bytes.
 *
 * A frame is COBS(type, payload, crc32) followed by one zero byte. A zero
 * never occurs inside a frame, so a reader that joins in the middle of
 * somebody else's frame (a client died, the kernel was replaced) is back in
 * step at the next zero, and the checksum drops what was glued together.
 *
 * A session, as the client (L0) sees it:
 *
 *	HELLO(version, nonce)  ->
 *	                       <-  HELLO(version, same nonce, boot); older bytes are stale
 *	EXEC | PUSH | PULL     ->
 *	IN*, IN_EOF, SIGNAL    ->  at most the granted credit of IN bytes is under way
 *	                       <-  CREDIT*, OUT*, ERR*, then one EXIT or FAIL
 *
 * A new HELLO cancels what runs, and is answered when that has ended. labd says
 * one for a client that has hung up, before the next one gets the port.
 */
#ifndef LAB_PROTO_H
#define LAB_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROTO_VERSION	 1
#define PROTO_PORTS	 8
#define PROTO_PORT_NAME	 "org.pfkeep.lab."	 /* + 0..7 */
#define PROTO_EVENT_PORT "org.pfkeep.lab.events" /* agent to labd, EVENT frames only */
#define PROTO_NONCE	 16
#define PROTO_BOOT_ID	 37    /* text, terminated */
#define PROTO_CREDIT	 65536 /* IN bytes that a client may have under way */

/* Largest payload, and what a frame of it takes on the wire. */
#define PROTO_PAYLOAD_MAX 16384
#define PROTO_BODY_MAX	  (1 + PROTO_PAYLOAD_MAX + 4)
#define PROTO_WIRE_MAX	  (PROTO_BODY_MAX + PROTO_BODY_MAX / 254 + 2)

enum proto_type {
	PROTO_HELLO = 1,
	PROTO_EXEC,
	PROTO_PUSH,
	PROTO_PULL,
	PROTO_IN,
	PROTO_IN_EOF,
	PROTO_SIGNAL,
	PROTO_CREDIT_GRANT,
	PROTO_OUT,
	PROTO_ERR,
	PROTO_EXIT,
	PROTO_FAIL,
	PROTO_EVENT,
	PROTO_TYPE_MAX,
};

struct proto_frame {
	enum proto_type type;
	const uint8_t *payload; /* into the decoder; valid until it is fed again */
	size_t len;
};

struct proto_decoder {
	uint8_t buf[PROTO_WIRE_MAX];
	size_t len;
	bool overflow;
};

/*
 * Encode a frame into dst, which has room for PROTO_WIRE_MAX bytes. -EMSGSIZE
 * when the payload is too large.
 */
int proto_encode(enum proto_type type, const void *payload, size_t len, uint8_t *dst,
		 size_t *ret_len);

void proto_decoder_reset(struct proto_decoder *dec);
/*
 * Take bytes up to the end of one frame; *ret_used says how many. 1: a frame is
 * in ret_frame; 0: more bytes are needed; -EBADMSG: a damaged frame was dropped
 * and the next call continues behind it.
 */
int proto_decode(struct proto_decoder *dec, const uint8_t *data, size_t len, size_t *ret_used,
		 struct proto_frame *ret_frame);

/* HELLO */
struct proto_hello {
	uint32_t version;
	uint8_t nonce[PROTO_NONCE];
	char boot_id[PROTO_BOOT_ID]; /* of the kernel that answers; empty when asking */
};
size_t proto_hello_pack(const struct proto_hello *hello, uint8_t *dst);
int proto_hello_parse(const uint8_t *payload, size_t len, struct proto_hello *ret_hello);

/*
 * EXEC: strings cwd, argv..., env...; the vectors point into one allocation,
 * freed with proto_exec_release(). An empty cwd means the agent's own.
 */
struct proto_exec {
	char *cwd;
	char **argv;
	char **envp;
	void *storage;
};
int proto_exec_pack(const char *cwd, char *const *argv, char *const *envp, uint8_t *dst,
		    size_t size, size_t *ret_len);
int proto_exec_parse(const uint8_t *payload, size_t len, struct proto_exec *ret_exec);
void proto_exec_release(struct proto_exec *exec);

/* PUSH and PULL: a mode (0 for PULL) and an absolute path. */
int proto_path_pack(uint32_t mode, const char *path, uint8_t *dst, size_t size, size_t *ret_len);
/* *ret_path points into the payload. */
int proto_path_parse(const uint8_t *payload, size_t len, uint32_t *ret_mode, const char **ret_path);

/* SIGNAL, CREDIT_GRANT: one number. */
size_t proto_u32_pack(uint32_t value, uint8_t *dst);
int proto_u32_parse(const uint8_t *payload, size_t len, uint32_t *ret_value);

/* EXIT: how the command ended. */
struct proto_exit {
	bool signalled;
	uint32_t value; /* exit status or signal number */
};
size_t proto_exit_pack(const struct proto_exit *how, uint8_t *dst);
int proto_exit_parse(const uint8_t *payload, size_t len, struct proto_exit *ret_how);

/* FAIL: an errno and one line of text. */
size_t proto_fail_pack(int error, const char *text, uint8_t *dst);
/* ret_text always ends up a terminated, printable line. */
int proto_fail_parse(const uint8_t *payload, size_t len, int *ret_error, char *ret_text,
		     size_t size);

#endif
