// SPDX-License-Identifier: GPL-2.0-only
/*
 * wire-flow: a numbered flow between guests, accounted by the wire's own code, so
 * that tenant to tenant and wire to tenant are the same measure. Prints "ready on
 * PORT" when it can receive, and the account as one line of JSON on SIGUSR1 and
 * at its end (the count reached, or SIGTERM).
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "tests/lab/guest/flow_options.h"
#include "tests/lab/guest/udp.h"
#include "tests/lab/wire/report_flow.h"

#define NS_PER_S 1000000000ull
#define BURST	 64

struct run {
	struct flow_options options;
	struct flow *flow;
	int fd;
	int signals;
	int timer;
	uint64_t due_ns;   /* of the next datagram, or the end of draining; 0: nothing is due */
	uint64_t not_sent; /* the socket refused it, or we were too late */
	bool draining;
	bool done;
};

static enum flow_kind kind_of(const struct run *run)
{
	return run->options.mode == FLOW_MODE_ECHO ? FLOW_ECHO : FLOW_ONE_WAY;
}

static void print_report(const struct run *run)
{
	struct json_object *report;

	/* What became of a one-way flow only its receiver knows. */
	if (run->options.mode == FLOW_MODE_SEND) {
		report = json_object_new_object();
		json_object_object_add(report, "sent",
				       json_object_new_uint64(flow_sent(run->flow)));
	} else {
		report = report_flow(run->flow, run->done);
	}
	json_object_object_add(report, "id", json_object_new_int(run->options.id));
	json_object_object_add(report, "not_sent", json_object_new_uint64(run->not_sent));
	printf("%s\n", json_object_to_json_string_ext(report, JSON_C_TO_STRING_PLAIN));
	fflush(stdout);
	json_object_put(report);
}

static void send_one(struct run *run, uint64_t now_ns)
{
	struct flow_payload payload = {
		.kind = kind_of(run),
		.id = run->options.id,
		.number = run->flow->next,
		.sent_ns = now_ns,
	};
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(run->options.port),
		.sin_addr.s_addr = htonl(run->options.peer),
	};
	uint8_t data[FLOW_PAYLOAD_MAX];

	flow_payload_build(data, run->options.size, &payload);
	if (sendto(run->fd, data, run->options.size, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		run->not_sent++;
	else
		flow_send(run->flow, now_ns);
}

static void drain(struct run *run)
{
	run->draining = true;
	run->due_ns = udp_now() + run->options.drain_ms * 1000000;
}

static bool is_all_sent(const struct run *run)
{
	return run->options.count && flow_sent(run->flow) >= run->options.count;
}

/* Like the station's: a small burst to catch up, and what is later isn't sent. */
static void send_due(struct run *run)
{
	uint64_t interval_ns = NS_PER_S / run->options.rate, now_ns = udp_now(), missed;

	for (int i = 0; i < BURST && run->due_ns <= now_ns && !is_all_sent(run); i++) {
		send_one(run, now_ns);
		run->due_ns += interval_ns;
		now_ns = udp_now();
	}
	if (is_all_sent(run)) {
		drain(run);
	} else if (run->due_ns <= now_ns) {
		missed = (now_ns - run->due_ns) / interval_ns + 1;
		run->not_sent += missed;
		run->due_ns += missed * interval_ns;
	}
}

static void take(struct run *run, const uint8_t *data, size_t len)
{
	struct flow_payload payload;

	if (flow_payload_parse(data, len, &payload) < 0)
		flow_receive_corrupted(run->flow);
	else if (payload.id == run->options.id && payload.kind == kind_of(run))
		flow_receive(run->flow, &payload, udp_now());
}

static void receive_all(struct run *run)
{
	static uint8_t data[65536];
	struct udp_origin origin;
	ssize_t n;

	while ((n = udp_receive(run->fd, data, sizeof(data), &origin)) != -EAGAIN) {
		/* An error is an ICMP message about an earlier datagram. */
		if (n >= 0 && run->options.mode != FLOW_MODE_SEND)
			take(run, data, (size_t)n);
	}
	if (run->options.mode == FLOW_MODE_RECEIVE && run->options.count &&
	    run->flow->received >= run->options.count)
		run->done = true;
}

static void take_signal(struct run *run)
{
	struct signalfd_siginfo info;

	if (read(run->signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGUSR1)
		print_report(run);
	else if (run->options.mode != FLOW_MODE_ECHO || run->draining)
		run->done = true;
	else
		drain(run);
}

static bool is_drained(const struct run *run)
{
	bool complete = !flow_pending(run->flow) && !flow_lost(run->flow);

	return run->draining &&
	       (run->options.mode == FLOW_MODE_SEND || complete || run->due_ns <= udp_now());
}

static void look_at_time(struct run *run)
{
	struct itimerspec when = { 0 };
	uint64_t expirations;

	if (read(run->timer, &expirations, sizeof(expirations)) < 0 && errno != EAGAIN)
		run->done = true;
	if (run->due_ns && !run->draining)
		send_due(run);
	if (is_drained(run))
		run->done = true;
	when.it_value.tv_sec = (time_t)(run->due_ns / NS_PER_S);
	when.it_value.tv_nsec = (long)(run->due_ns % NS_PER_S);
	timerfd_settime(run->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static int loop(struct run *run)
{
	struct pollfd fds[] = {
		{ .fd = run->fd, .events = POLLIN },
		{ .fd = run->signals, .events = POLLIN },
		{ .fd = run->timer, .events = POLLIN },
	};

	look_at_time(run);
	while (!run->done) {
		if (poll(fds, 3, -1) < 0)
			return -errno;
		if (fds[0].revents)
			receive_all(run);
		if (fds[1].revents)
			take_signal(run);
		look_at_time(run);
	}
	print_report(run);
	return 0;
}

static int open_parts(struct run *run)
{
	bool receives = run->options.mode == FLOW_MODE_RECEIVE;
	uint16_t port = receives ? run->options.port : 0;
	int r = udp_signals(&run->signals);

	if (r < 0)
		return r;
	run->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (run->timer < 0)
		return -errno;
	run->flow = flow_new(!receives);
	if (!run->flow)
		return -ENOMEM;
	r = udp_open(run->options.bind, port, &run->fd);
	if (r == 0)
		r = udp_port(run->fd, &port);
	if (r < 0)
		return r;
	printf("ready on %u\n", port);
	fflush(stdout);
	run->due_ns = receives ? 0 : udp_now();
	return 0;
}

int main(int argc, char *argv[])
{
	struct run run = { 0 };
	int r = flow_options_parse(argc, argv, &run.options);

	if (r < 0) {
		fputs(flow_options_usage, stderr);
		return 2;
	}
	r = open_parts(&run);
	if (r == 0)
		r = loop(&run);
	free(run.flow);
	if (r < 0)
		fprintf(stderr, "wire-flow: %s\n", strerror(-r));
	return r < 0 ? 1 : 0;
}
