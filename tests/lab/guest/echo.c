// SPDX-License-Identifier: GPL-2.0-only
/*
 * wire-echo [PORT]: sends every UDP datagram back to where it came from. Runs in
 * guests, static, with nothing else around. Prints "listening on PORT" once it
 * does, and its counts as one line of JSON on SIGUSR1 and when it ends (SIGTERM).
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "tests/lab/guest/udp.h"
#include "tests/lab/wire/flow.h"

struct counts {
	uint64_t received;
	uint64_t echoed;
	uint64_t failed;
	uint64_t refused; /* from our own port: two echo programs would never end */
};

static void print_counts(const struct counts *counts)
{
	printf("{\"received\":%" PRIu64 ",\"echoed\":%" PRIu64 ",\"failed\":%" PRIu64
	       ",\"refused\":%" PRIu64 "}\n",
	       counts->received, counts->echoed, counts->failed, counts->refused);
	fflush(stdout);
}

static void echo_all(int fd, uint16_t port, struct counts *counts)
{
	static char data[65536];
	struct udp_origin origin;
	ssize_t n;

	while ((n = udp_receive(fd, data, sizeof(data), &origin)) != -EAGAIN) {
		if (n < 0)
			continue; /* a late ICMP error of an earlier reply */
		counts->received++;
		if (ntohs(origin.from.sin_port) == port)
			counts->refused++;
		else if (udp_reply(fd, data, (size_t)n, &origin) < 0)
			counts->failed++;
		else
			counts->echoed++;
	}
}

static int serve(int fd, int signals, uint16_t port)
{
	struct pollfd fds[] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = signals, .events = POLLIN },
	};
	struct counts counts = { 0 };
	struct signalfd_siginfo info = { 0 };

	for (;;) {
		if (poll(fds, 2, -1) < 0)
			return -errno;
		if (fds[0].revents)
			echo_all(fd, port, &counts);
		if (!fds[1].revents || read(signals, &info, sizeof(info)) != sizeof(info))
			continue;
		print_counts(&counts);
		if (info.ssi_signo != SIGUSR1)
			return 0;
	}
}

static int parse_port(const char *text, uint16_t *ret_port)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);

	if (end == text || *end || *text == '-' || port > UINT16_MAX)
		return -EINVAL;
	*ret_port = (uint16_t)port;
	return 0;
}

int main(int argc, char *argv[])
{
	uint16_t port = FLOW_ECHO_PORT;
	int fd, signals, r;

	if (argc > 2 || (argc == 2 && parse_port(argv[1], &port) < 0)) {
		fprintf(stderr, "usage: wire-echo [PORT]\n");
		return 2;
	}
	r = udp_signals(&signals);
	if (r == 0)
		r = udp_open(0, port, &fd);
	if (r == 0)
		r = udp_port(fd, &port);
	if (r == 0) {
		printf("listening on %u\n", port);
		fflush(stdout);
		r = serve(fd, signals, port);
	}
	if (r < 0)
		fprintf(stderr, "wire-echo: port %u: %s\n", port, strerror(-r));
	return r < 0 ? 1 : 0;
}
