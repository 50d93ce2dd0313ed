/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The agent's ports, each lent to one client at a time, byte for byte. labd holds
 * the ports for as long as the lab lives: between two clients it makes sure with
 * a HELLO of its own that the agent has ended what the last one left.
 */
#ifndef LABD_RELAY_H
#define LABD_RELAY_H

#include "tests/lab/agent/proto.h"
#include "tests/lab/labd/ctl.h"
#include "tests/lab/lib/loop.h"

#define RELAY_BUF     65536
#define RELAY_WAITERS CTL_CLIENTS

enum relay_state {
	RELAY_FREE,
	RELAY_LENT,
	RELAY_CLEANING, /* our HELLO is not answered yet */
};

struct relay_pipe {
	size_t len;
	uint8_t buf[RELAY_BUF];
};

struct relay;

struct relay_port {
	struct relay *relay;
	enum relay_state state;
	struct loop_source guest;
	struct loop_source client; /* fd -1: none */
	struct relay_pipe to_guest;
	struct relay_pipe to_client;
	struct proto_decoder dec; /* while cleaning */
	uint8_t nonce[PROTO_NONCE];
};

struct relay_waiter {
	struct ctl_client *client;
	uint32_t generation;
};

struct relay {
	struct loop *loop;
	struct relay_port ports[PROTO_PORTS];
	struct relay_waiter waiters[RELAY_WAITERS]; /* first come first */
	unsigned int n_waiters;
};

/* Takes the descriptor over. */
int relay_open_port(struct loop *loop, struct relay *relay, unsigned int i, int fd);
void relay_close(struct relay *relay);
/* Lend a port as soon as one is free: after the answer the socket is the port. */
void relay_request(struct relay *relay, struct ctl_client *client);
/* Another kernel runs: what was under way to the agent may be lost. */
void relay_booted(struct relay *relay);

#endif
