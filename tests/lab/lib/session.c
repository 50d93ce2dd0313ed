// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/lib/session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/lab/lib/client.h"
#include "tests/lab/lib/session_priv.h"

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int queue_frame(struct session *s, enum proto_type type, const void *payload, size_t len)
{
	size_t n;
	int err;

	if (sizeof(s->out) - s->out_len < PROTO_WIRE_MAX)
		return -ENOBUFS;
	err = proto_encode(type, payload, len, s->out + s->out_len, &n);
	if (!err)
		s->out_len += n;
	return err;
}

static int flush(struct session *s)
{
	ssize_t n = send(s->fd, s->out, s->out_len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -EPIPE;
	memmove(s->out, s->out + n, s->out_len - (size_t)n);
	s->out_len -= (size_t)n;
	return 0;
}

static int on_reply(struct session *s, const struct proto_frame *frame)
{
	struct proto_hello hello;

	/* What comes before our own HELLO was meant for somebody else. */
	if (frame->type != PROTO_HELLO ||
	    proto_hello_parse(frame->payload, frame->len, &hello) < 0 ||
	    memcmp(hello.nonce, s->nonce, PROTO_NONCE) != 0)
		return 0;
	if (hello.version != PROTO_VERSION) {
		lab_error_set(s->error, "the lab host's agent speaks version %u, not %u",
			      hello.version, PROTO_VERSION);
		return -EPROTO;
	}
	s->greeted = true;
	memcpy(s->boot_id, hello.boot_id, sizeof(s->boot_id));
	return queue_frame(s, s->request, s->payload, s->payload_len);
}

static int on_frame(struct session *s, const struct proto_frame *frame)
{
	struct session_result *result = s->result;
	uint32_t number;

	switch (frame->type) {
	case PROTO_HELLO:
		return 0; /* the answer to one that we repeated */
	case PROTO_CREDIT_GRANT:
		if (proto_u32_parse(frame->payload, frame->len, &number) < 0 ||
		    number > PROTO_CREDIT - s->credit)
			return -EPROTO;
		s->credit += number;
		return 0;
	case PROTO_OUT:
		return s->io->out ? s->io->out(s->io->data, frame->payload, frame->len) : 0;
	case PROTO_ERR:
		return s->io->err ? s->io->err(s->io->data, frame->payload, frame->len) : 0;
	case PROTO_EXIT:
		s->done = true;
		return proto_exit_parse(frame->payload, frame->len, &result->how) ? -EPROTO : 0;
	case PROTO_FAIL:
		s->done = true;
		if (proto_fail_parse(frame->payload, frame->len, &result->error, result->text,
				     sizeof(result->text)) < 0)
			return -EPROTO;
		return result->error ? 0 : -EPROTO;
	default:
		return -EPROTO;
	}
}

static int read_agent(struct session *s)
{
	struct proto_frame frame;
	uint8_t buf[32768], *p = buf;
	size_t used;
	ssize_t n;
	int err = 0;

	n = recv(s->fd, buf, sizeof(buf), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return -EPIPE;
	for (; !err && n > 0 && !s->done; p += used, n -= (ssize_t)used)
		if (proto_decode(&s->dec, p, (size_t)n, &used, &frame) == 1)
			err = s->greeted ? on_frame(s, &frame) : on_reply(s, &frame);
	return err;
}

static int greet(struct session *s)
{
	struct proto_hello hello = { .version = PROTO_VERSION };
	uint8_t payload[128];

	if (getrandom(s->nonce, sizeof(s->nonce), 0) != (ssize_t)sizeof(s->nonce))
		return -EIO;
	memcpy(hello.nonce, s->nonce, sizeof(hello.nonce));
	/* End whatever frame the port's last user left half-sent. */
	s->out[s->out_len++] = 0;
	return queue_frame(s, PROTO_HELLO, payload, proto_hello_pack(&hello, payload));
}

/* Another kernel runs: did ours, which runs our command, end? */
static int on_boot(struct session *s, const char *boot_id)
{
	/* Our HELLO may have gone down with the kernel before. */
	if (!s->greeted)
		return greet(s);
	return strcmp(s->boot_id, boot_id) == 0 ? 0 : -ESTALE;
}

static int on_event(struct session *s, json_object *event)
{
	const char *name = jsonline_string(event, "event", "");

	if (strcmp(name, "gone") == 0) {
		lab_error_set(s->error, "the lab ended: %s", jsonline_string(event, "text", ""));
		return -EPIPE;
	}
	if (strcmp(name, "boot") == 0)
		return on_boot(s, jsonline_string(event, "boot_id", ""));
	return 0;
}

static int handle_events(struct session *s)
{
	json_object *event;
	int err = 0;

	while (!err && jsonline_next(&s->client.in, &event) > 0) {
		err = on_event(s, event);
		json_object_put(event);
	}
	return err;
}

static int read_events(struct session *s)
{
	char buf[4096];
	ssize_t n;

	n = recv(s->client.fd, buf, sizeof(buf), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0 || jsonline_feed(&s->client.in, buf, (size_t)n) < 0)
		return -EPIPE;
	return handle_events(s);
}

static int read_input(struct session *s)
{
	uint8_t buf[PROTO_PAYLOAD_MAX];
	size_t max = s->credit < sizeof(buf) ? s->credit : sizeof(buf);
	ssize_t n = s->io->in_fd >= 0 ? read(s->io->in_fd, buf, max) : 0;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0 && s->request == PROTO_PUSH)
		return -errno;
	if (n <= 0) {
		s->in_done = true;
		return queue_frame(s, PROTO_IN_EOF, NULL, 0);
	}
	s->credit -= (uint32_t)n;
	return queue_frame(s, PROTO_IN, buf, (size_t)n);
}

static int read_signal(struct session *s)
{
	struct signalfd_siginfo info;
	uint8_t payload[4];

	if (read(s->io->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return 0;
	/* Before the command runs there is nobody to pass it on to. */
	if (!s->greeted)
		return -EINTR;
	return queue_frame(s, PROTO_SIGNAL, payload, proto_u32_pack(info.ssi_signo, payload));
}

static bool wants_input(const struct session *s)
{
	return s->greeted && !s->in_done && s->credit && !s->out_len;
}

/* Wait for the next event and deal with it. */
static int step(struct session *s)
{
	bool input = wants_input(s);
	struct pollfd fds[4] = {
		{ .fd = s->fd, .events = (short)(POLLIN | (s->out_len ? POLLOUT : 0)) },
		{ .fd = s->client.fd, .events = POLLIN },
		{ .fd = input ? s->io->in_fd : -1, .events = POLLIN },
		{ .fd = s->io->signal_fd, .events = POLLIN },
	};
	int64_t left = s->deadline ? s->deadline - now_ms() : -1;
	int n, err = 0;

	if (s->deadline && left <= 0)
		return -ETIMEDOUT;
	if (input && s->io->in_fd < 0)
		return read_input(s);
	n = poll(fds, 4, (int)left);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (fds[0].revents & POLLOUT)
		err = flush(s);
	if (!err && fds[0].revents & (POLLIN | POLLHUP | POLLERR))
		err = read_agent(s);
	if (!err && !s->done && fds[1].revents)
		err = read_events(s);
	if (!err && !s->done && fds[2].revents)
		err = read_input(s);
	if (!err && !s->done && fds[3].revents)
		err = read_signal(s);
	return err;
}

/* labd lends a port until we hang up; while all are lent it makes us wait. */
static int take_port(struct session *s, const char *lab)
{
	struct timeval limit = { .tv_sec = s->io->timeout_ms / 1000,
				 .tv_usec = s->io->timeout_ms % 1000 * 1000 };
	int err;

	err = client_open(lab, &s->port, s->error);
	if (err)
		return err;
	s->fd = s->port.fd;
	/* No limit when it is zero. */
	setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	err = client_call(&s->port, "session", NULL, NULL, s->error);
	if (err == -EAGAIN) {
		s->error->text[0] = '\0';
		return -ETIMEDOUT;
	}
	return err;
}

static void explain(struct session *s, int err)
{
	if (s->error->text[0])
		return;
	if (err == -ETIMEDOUT)
		lab_error_set(s->error, "not done within %u s", s->io->timeout_ms / 1000);
	else if (err == -ESTALE)
		lab_error_set(s->error, "the lab host booted anew meanwhile");
	else if (err == -EPIPE)
		client_explain(&s->client, s->error);
	else
		lab_error_set(s->error, "session with the lab host: %s", strerror(-err));
}

int session_run(struct session *s, const char *lab)
{
	int err;

	s->fd = -1;
	s->credit = PROTO_CREDIT;
	s->error->text[0] = '\0';
	memset(s->result, 0, sizeof(*s->result));
	if (s->io->timeout_ms)
		s->deadline = now_ms() + s->io->timeout_ms;
	s->port.fd = -1;
	err = client_open(lab, &s->client, s->error);
	if (err)
		return err;
	err = client_call(&s->client, "watch", NULL, NULL, s->error);
	if (!err)
		err = take_port(s, lab);
	if (!err)
		err = greet(s);
	/* Some may have come along with the answer to "watch". */
	if (!err)
		err = handle_events(s);
	while (!err && !s->done)
		err = step(s);
	if (err)
		explain(s, err);
	if (s->fd >= 0)
		client_close(&s->port);
	client_close(&s->client);
	return err;
}
