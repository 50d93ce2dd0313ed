// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the lab host: runs a shell script in a VM that has the lab's agent, over the
 * socket of its channel org.pfkeep.lab.0. The script comes on standard input; its
 * streams and exit status are ours. Without a VM that answers, or at the time
 * limit, the status is 125.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "tests/lab/agent/proto.h"

#define FAILED	 125
#define ARGS_MAX 16

struct conversation {
	int fd;
	int64_t deadline; /* ms */
	struct proto_decoder dec;
	uint8_t nonce[PROTO_NONCE];
	uint8_t request[PROTO_PAYLOAD_MAX];
	size_t request_len;
	bool greeted;
	int status; /* -1: runs */
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static int send_frame(struct conversation *c, enum proto_type type, const void *payload, size_t len)
{
	static uint8_t wire[PROTO_WIRE_MAX];
	size_t n;
	int err = proto_encode(type, payload, len, wire, &n);

	return err ? err : write_all(c->fd, wire, n);
}

/* A zero first: it ends what our predecessor may have left half-sent. */
static int greet(struct conversation *c)
{
	struct proto_hello hello = { .version = PROTO_VERSION };
	uint8_t payload[128];
	int err;

	if (getrandom(c->nonce, sizeof(c->nonce), 0) != (ssize_t)sizeof(c->nonce))
		return -EIO;
	memcpy(hello.nonce, c->nonce, sizeof(hello.nonce));
	err = write_all(c->fd, "", 1);
	return err ? err : send_frame(c, PROTO_HELLO, payload, proto_hello_pack(&hello, payload));
}

static int on_hello(struct conversation *c, const struct proto_frame *frame)
{
	struct proto_hello hello;
	int err;

	if (proto_hello_parse(frame->payload, frame->len, &hello) ||
	    memcmp(hello.nonce, c->nonce, sizeof(c->nonce)) != 0)
		return 0;
	c->greeted = true;
	err = send_frame(c, PROTO_EXEC, c->request, c->request_len);
	return err ? err : send_frame(c, PROTO_IN_EOF, NULL, 0);
}

static int on_exit_frame(struct conversation *c, const struct proto_frame *frame)
{
	struct proto_exit how;

	if (proto_exit_parse(frame->payload, frame->len, &how))
		return -EPROTO;
	c->status = (int)(how.signalled ? 128 + how.value : how.value);
	return 0;
}

static int on_fail(struct conversation *c, const struct proto_frame *frame)
{
	char text[256];
	int error;

	if (proto_fail_parse(frame->payload, frame->len, &error, text, sizeof(text)))
		return -EPROTO;
	fprintf(stderr, "guest-exec: %s\n", text);
	c->status = FAILED;
	return 0;
}

static int on_frame(struct conversation *c, const struct proto_frame *frame)
{
	/* What comes before the answer to our HELLO was meant for somebody else. */
	if (!c->greeted)
		return frame->type == PROTO_HELLO ? on_hello(c, frame) : 0;
	switch (frame->type) {
	case PROTO_OUT:
		return write_all(1, frame->payload, frame->len);
	case PROTO_ERR:
		return write_all(2, frame->payload, frame->len);
	case PROTO_EXIT:
		return on_exit_frame(c, frame);
	case PROTO_FAIL:
		return on_fail(c, frame);
	default:
		return 0;
	}
}

static int feed(struct conversation *c, const uint8_t *data, size_t len)
{
	struct proto_frame frame;
	size_t used;
	int err = 0;

	for (; !err && len && c->status < 0; data += used, len -= used)
		if (proto_decode(&c->dec, data, len, &used, &frame) == 1)
			err = on_frame(c, &frame);
	return err;
}

static int converse(struct conversation *c)
{
	uint8_t buf[32768];
	int err = greet(c);

	while (!err && c->status < 0) {
		struct pollfd pfd = { .fd = c->fd, .events = POLLIN };
		int64_t left = c->deadline - now_ms();
		int n = left > 0 ? poll(&pfd, 1, (int)left) : 0;

		if (n == 0)
			return -ETIMEDOUT;
		if (n < 0)
			continue; /* EINTR: no other is possible */
		ssize_t len = read(c->fd, buf, sizeof(buf));

		if (len <= 0)
			return len ? -errno : -EPIPE;
		err = feed(c, buf, (size_t)len);
	}
	return err;
}

static int connect_to(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof(addr.sun_path))
		return fd < 0 ? -errno : -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	return connect(fd, (struct sockaddr *)&addr, sizeof(addr)) ? -errno : fd;
}

/* PREFIX... sh -ec SCRIPT */
static int pack_request(struct conversation *c, char **prefix, int n_prefix)
{
	static char *const env[] = { (char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", (char *)"HOME=/",
				     (char *)"LC_ALL=C", NULL };
	static char script[PROTO_PAYLOAD_MAX];
	char *argv[ARGS_MAX + 4] = { 0 };
	size_t len = fread(script, 1, sizeof(script) - 1, stdin);

	if (len == sizeof(script) - 1 || n_prefix > ARGS_MAX)
		return -E2BIG;
	memcpy(argv, prefix, (size_t)n_prefix * sizeof(*argv));
	argv[n_prefix] = (char *)"sh";
	argv[n_prefix + 1] = (char *)"-ec";
	argv[n_prefix + 2] = script;
	return proto_exec_pack("", argv, env, c->request, sizeof(c->request), &c->request_len);
}

int main(int argc, char **argv)
{
	static struct conversation c = { .status = -1 };
	int err;

	if (argc < 3) {
		fprintf(stderr, "usage: guest-exec SOCKET SECONDS [PREFIX]... <SCRIPT\n");
		return 2;
	}
	c.deadline = now_ms() + strtol(argv[2], NULL, 10) * 1000;
	proto_decoder_reset(&c.dec);
	err = pack_request(&c, argv + 3, argc - 3);
	if (!err) {
		c.fd = connect_to(argv[1]);
		err = c.fd < 0 ? c.fd : converse(&c);
	}
	if (err)
		fprintf(stderr, "guest-exec: %s: %s%s\n", argv[1], strerror(-err),
			err == -ETIMEDOUT && !c.greeted ? " (the guest's agent is silent)" : "");
	return err ? FAILED : c.status;
}
