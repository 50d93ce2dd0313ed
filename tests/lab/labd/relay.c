// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/labd/relay.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

static void relay_serve(struct relay *relay);

/* Watch src for input as long as the pipe that it fills is empty, and for room. */
static void update(struct relay *relay, struct loop_source *src, const struct relay_pipe *fills,
		   const struct relay_pipe *drains)
{
	uint32_t events = (fills->len ? 0 : EPOLLIN) | (drains->len ? EPOLLOUT : 0);

	if (src->fd < 0 || (src->added && events == src->events))
		return;
	src->events = events;
	loop_watch(relay->loop, src);
}

static void update_port(struct relay_port *port)
{
	update(port->relay, &port->guest, &port->to_client, &port->to_guest);
	update(port->relay, &port->client, &port->to_guest, &port->to_client);
}

/* False when the other side hung up. */
static bool fill(int fd, struct relay_pipe *pipe)
{
	ssize_t n;

	if (pipe->len)
		return true;
	n = recv(fd, pipe->buf, sizeof(pipe->buf), MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	pipe->len = (size_t)n;
	return n > 0;
}

static bool drain(int fd, struct relay_pipe *pipe)
{
	ssize_t n;

	if (!pipe->len)
		return true;
	n = send(fd, pipe->buf, pipe->len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	memmove(pipe->buf, pipe->buf + n, pipe->len - (size_t)n);
	pipe->len -= (size_t)n;
	return true;
}

/* Queue a zero, which ends a frame that was cut, and a HELLO of our own. */
static void send_hello(struct relay_port *port)
{
	struct proto_hello hello = { .version = PROTO_VERSION };
	uint8_t payload[128];
	size_t n;

	if (getrandom(port->nonce, sizeof(port->nonce), 0) != (ssize_t)sizeof(port->nonce))
		return;
	memcpy(hello.nonce, port->nonce, sizeof(hello.nonce));
	port->to_guest.buf[0] = 0;
	if (proto_encode(PROTO_HELLO, payload, proto_hello_pack(&hello, payload),
			 port->to_guest.buf + 1, &n) == 0)
		port->to_guest.len = 1 + n;
}

static void take_back(struct relay_port *port)
{
	loop_unwatch(port->relay->loop, &port->client);
	close(port->client.fd);
	port->client.fd = -1;
	port->to_client.len = 0;
	port->state = RELAY_CLEANING;
	proto_decoder_reset(&port->dec);
	send_hello(port);
	update_port(port);
}

/* True when the agent has answered our HELLO. */
static bool is_clean(struct relay_port *port)
{
	const uint8_t *p = port->to_client.buf;
	size_t len = port->to_client.len, used;
	struct proto_frame frame;
	struct proto_hello hello;

	port->to_client.len = 0;
	for (; len; p += used, len -= used) {
		if (proto_decode(&port->dec, p, len, &used, &frame) == 1 &&
		    frame.type == PROTO_HELLO &&
		    proto_hello_parse(frame.payload, frame.len, &hello) == 0 &&
		    memcmp(hello.nonce, port->nonce, PROTO_NONCE) == 0)
			return true;
	}
	return false;
}

static void guest_event(struct loop_source *src, uint32_t events)
{
	struct relay_port *port = src->data;

	if (!fill(src->fd, &port->to_client) || !drain(src->fd, &port->to_guest)) {
		/* QEMU is gone; its exit is dealt with elsewhere. */
		loop_unwatch(port->relay->loop, src);
		return;
	}
	if (port->state != RELAY_LENT && is_clean(port) && port->state == RELAY_CLEANING) {
		port->state = RELAY_FREE;
		relay_serve(port->relay);
	}
	if (port->state == RELAY_LENT && !drain(port->client.fd, &port->to_client))
		take_back(port);
	update_port(port);
}

static void client_event(struct loop_source *src, uint32_t events)
{
	struct relay_port *port = src->data;
	bool ok;

	ok = fill(src->fd, &port->to_guest) && drain(src->fd, &port->to_client);
	/* Hung up with its pipe still full: it will read no answer either. */
	if (events & (EPOLLHUP | EPOLLERR))
		ok = false;
	if (!ok) {
		take_back(port);
		return;
	}
	drain(port->guest.fd, &port->to_guest);
	update_port(port);
}

static void lend(struct relay_port *port, struct ctl_client *client)
{
	ctl_reply(client, NULL);
	if (client->src.fd < 0)
		return;
	port->client.fd = ctl_steal(client);
	port->state = RELAY_LENT;
	port->to_guest.len = 0;
	port->to_client.len = 0;
	update_port(port);
}

/* Give what is free to those who wait. */
static void relay_serve(struct relay *relay)
{
	struct relay_waiter waiter;
	int i = 0;

	while (relay->n_waiters) {
		while (i < PROTO_PORTS && relay->ports[i].state != RELAY_FREE)
			i++;
		if (i == PROTO_PORTS)
			return;
		waiter = relay->waiters[0];
		memmove(relay->waiters, relay->waiters + 1,
			--relay->n_waiters * sizeof(relay->waiters[0]));
		if (waiter.client->src.fd >= 0 && waiter.client->generation == waiter.generation)
			lend(&relay->ports[i], waiter.client);
	}
}

void relay_request(struct relay *relay, struct ctl_client *client)
{
	if (relay->n_waiters == RELAY_WAITERS) {
		ctl_fail(client, "too many sessions wait for the lab host");
		return;
	}
	relay->waiters[relay->n_waiters++] = (struct relay_waiter){ client, client->generation };
	relay_serve(relay);
}

void relay_booted(struct relay *relay)
{
	for (int i = 0; i < PROTO_PORTS; i++) {
		if (relay->ports[i].state != RELAY_CLEANING)
			continue;
		send_hello(&relay->ports[i]);
		update_port(&relay->ports[i]);
	}
}

int relay_open_port(struct loop *loop, struct relay *relay, unsigned int i, int fd)
{
	struct relay_port *port = &relay->ports[i];

	relay->loop = loop;
	port->relay = relay;
	port->guest = (struct loop_source){ fd, EPOLLIN, guest_event, port, false };
	port->client = (struct loop_source){ -1, EPOLLIN, client_event, port, false };
	return loop_watch(loop, &port->guest);
}

void relay_close(struct relay *relay)
{
	for (int i = 0; i < PROTO_PORTS; i++) {
		struct relay_port *port = &relay->ports[i];

		if (!port->relay)
			continue;
		loop_unwatch(relay->loop, &port->guest);
		close(port->guest.fd);
		if (port->client.fd >= 0) {
			loop_unwatch(relay->loop, &port->client);
			close(port->client.fd);
		}
	}
}
