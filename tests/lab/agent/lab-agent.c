// SPDX-License-Identifier: GPL-2.0-only
/*
 * The lab host's agent: serves labctl's exec, push and pull over virtio-serial
 * and tells labd when the host is ready. The base image's qemu-guest-agent can
 * neither stream a command's output nor end it when its caller is gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "tests/lab/agent/events.h"
#include "tests/lab/agent/ports.h"
#include "tests/lab/agent/ready.h"
#include "tests/lab/agent/session.h"

struct agent {
	struct loop loop;
	struct ports ports;
	struct loop_source signals;
	struct events *events;
	const char *ready_path;
	char *const *ready_argv;
};

static void agent_port_found(void *data, const char *name, int fd)
{
	struct agent *agent = data;
	struct session *session;

	if (strcmp(name, PROTO_EVENT_PORT) != 0) {
		if (session_open(&agent->loop, fd, &session) < 0)
			close(fd);
		return;
	}
	if (events_open(&agent->loop, fd, &agent->events) < 0) {
		close(fd);
		return;
	}
	events_post_boot(agent->events);
	if (agent->ready_path)
		ready_watch(&agent->loop, agent->events, agent->ready_path, agent->ready_argv);
}

static void agent_signal(struct loop_source *src, uint32_t events)
{
	struct agent *agent = src->data;

	if (agent->events)
		events_post(agent->events, "event=stopping\n");
	agent->loop.stop = true;
}

static int agent_signals(struct agent *agent)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	agent->signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (agent->signals.fd < 0)
		return -errno;
	agent->signals.events = EPOLLIN;
	agent->signals.fn = agent_signal;
	agent->signals.data = agent;
	return loop_watch(&agent->loop, &agent->signals);
}

int main(int argc, char **argv)
{
	struct agent agent = { .ports = { .prefix = PROTO_PORT_NAME, .found = agent_port_found } };
	int err;

	if (argc == 2 || (argc > 1 && argv[1][0] != '/')) {
		fprintf(stderr, "usage: lab-agent [SOCKET COMMAND [ARG]...]\n"
				"Ready is when SOCKET exists and COMMAND ends with 0.\n");
		return 2;
	}
	agent.ready_path = argc > 2 ? argv[1] : NULL;
	agent.ready_argv = argv + 2;
	agent.ports.data = &agent;
	err = loop_open(&agent.loop);
	if (!err)
		err = agent_signals(&agent);
	if (!err)
		err = ports_watch(&agent.loop, &agent.ports);
	if (!err)
		err = loop_run(&agent.loop);
	if (err)
		fprintf(stderr, "lab-agent: %s\n", strerror(-err));
	return err ? 1 : 0;
}
