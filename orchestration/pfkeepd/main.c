// SPDX-License-Identifier: GPL-2.0-only
/* pfkeepd: the one writer of pfkeep's state. Lifecycle only. */
#include <errno.h>
#include <getopt.h>
#include <libvirt/libvirt.h>
#include <malloc.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "orchestration/pfkeepd/events.h"
#include "orchestration/pfkeepd/listener.h"
#include "orchestration/pfkeepd/service.h"
#include "orchestration/pfkeepd/uevents.h"
#include "orchestration/pfkeepd/watcher.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/doctor.h"
#include "pfkeep/number.h"
#include "pfkeep/virt.h"
#include "pfkeep/wire.h"

struct options {
	const char *state, *socket, *uri, *root, *qemu_user;
	struct core_config config;
};

static const char usage[] =
	"usage: pfkeepd [--agent-timeout S] [--connect URI] [--emulator FILE] [--image PATH]\n"
	"               [--memory MIB] [--qemu-user USER] [--root DIR] [--socket FILE] [--state "
	"DIR]\n"
	"               [--vm-type TYPE]\n";

/* To the journal, by way of standard error and systemd's prefixes. */
static void log_problem(const char *level, const struct problem *problem)
{
	fprintf(stderr, "%s%s\n", level, problem->text);
}

static void log_report(void *data, const struct problem *problem)
{
	log_problem(SD_WARNING, problem);
	events_tell_problem(problem);
}

static void log_stage(void *data, const char *stage, enum stages_event event,
		      const struct problem *problem)
{
	if (event == STAGES_FAILED || event == STAGES_STUCK)
		fprintf(stderr, SD_ERR "%s%s: %s\n", event == STAGES_STUCK ? "undo " : "", stage,
			problem->text);
}

static int parse_memory(const char *text, unsigned int *ret_memory)
{
	uint64_t memory;

	if (number_parse(text, 65536, &memory)) {
		fprintf(stderr, "pfkeepd: --memory %s: is a number of MiB up to 65536\n", text);
		return -EINVAL;
	}
	*ret_memory = (unsigned int)memory;
	return 0;
}

static int parse_agent_timeout(const char *text, unsigned int *ret_ms)
{
	uint64_t s;

	if (number_parse(text, 3600, &s) || !s) {
		fprintf(stderr, "pfkeepd: --agent-timeout %s: is a number of seconds, 1 to 3600\n",
			text);
		return -EINVAL;
	}
	*ret_ms = (unsigned int)s * 1000;
	return 0;
}

/* Who may read a token's file while QEMU starts. Nobody else if there is no such user. */
static uid_t find_user(const char *name)
{
	const struct passwd *user = getpwnam(name);

	if (!user)
		fprintf(stderr, SD_WARNING "there is no user %s, QEMU must run as root\n", name);
	return user ? user->pw_uid : geteuid();
}

static int parse(int argc, char **argv, struct options *options)
{
	static const struct option names[] = {
		{ "agent-timeout", required_argument, NULL, 'a' },
		{ "connect", required_argument, NULL, 'c' },
		{ "emulator", required_argument, NULL, 'e' },
		{ "image", required_argument, NULL, 'i' },
		{ "memory", required_argument, NULL, 'm' },
		{ "qemu-user", required_argument, NULL, 'u' },
		{ "root", required_argument, NULL, 'r' },
		{ "socket", required_argument, NULL, 's' },
		{ "state", required_argument, NULL, 'd' },
		{ "vm-type", required_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int opt, ret = 0;

	while (!ret && (opt = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (opt) {
		case 'a':
			ret = parse_agent_timeout(optarg, &options->config.agent_ms);
			break;
		case 'c':
			options->uri = optarg;
			break;
		case 'e':
			options->config.emulator = optarg;
			break;
		case 'i':
			options->config.image = optarg;
			break;
		case 'm':
			ret = parse_memory(optarg, &options->config.memory_mib);
			break;
		case 'u':
			options->qemu_user = optarg;
			break;
		case 'r':
			options->root = optarg;
			break;
		case 's':
			options->socket = optarg;
			break;
		case 'd':
			options->state = optarg;
			break;
		case 't':
			options->config.vm_type = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			ret = -EINVAL;
		}
	}
	if (ret || optind != argc) {
		fputs(usage, stderr);
		return -EINVAL;
	}
	return 0;
}

/* libvirt's own loop: keepalive and the agents' events. */
static void *run_libvirt(void *data)
{
	for (;;)
		if (virEventRunDefaultImpl() < 0)
			abort(); /* systemd starts us anew; the state is safe */
	return NULL;
}

static int start_libvirt(struct core *core, const char *uri, struct problem *problem)
{
	pthread_t thread;

	if (virEventRegisterDefaultImpl() || pthread_create(&thread, NULL, run_libvirt, NULL))
		return problem_set(problem, -EIO, "libvirt's event loop can't be started");
	pthread_detach(thread);
	return virt_connect(uri, &core->conn, problem);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
	return sd_event_exit(sd_event_source_get_event(source), 0);
}

static int add_signals(sd_event *event)
{
	sigset_t set;
	int ret;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	/* Before any thread is started, so that none takes them. */
	if (pthread_sigmask(SIG_BLOCK, &set, NULL))
		return -EINVAL;
	ret = sd_event_add_signal(event, NULL, SIGTERM, on_signal, NULL);
	return ret < 0 ? ret : sd_event_add_signal(event, NULL, SIGINT, on_signal, NULL);
}

/*
 * An operation that runs is let finish: it may have a PF half way. Nothing is
 * taken down under the threads that are left; the state is on disk.
 */
static _Noreturn void quit(struct service *service)
{
	sd_notify(0, "STOPPING=1");
	pthread_mutex_lock(&service->lock);
	pthread_mutex_lock(&service->core->books);
	_exit(0);
}

static void notify_ready(void)
{
	sd_notify(0, "READY=1");
}

/* By whoever asks, too: what has happened by then is in the answer. */
static void catch_up(void *data, struct vfcache *cache)
{
	uevents_drain(*(int *)data, cache);
}

static int on_uevent(sd_event_source *source, int fd, uint32_t revents, void *data)
{
	struct core *core = data;

	uevents_drain(fd, core->vfs);
	return 0;
}

/* The kernel speaks of its own sysfs; what lies below another root nobody speaks of. */
static int follow_host(sd_event *event, struct core *core, const struct options *options,
		       struct problem *problem)
{
	static int fd = -1;
	bool real = !strcmp(options->root, "/");
	int ret;

	ret = real ? uevents_open(&fd) : 0;
	if (!ret)
		ret = vfcache_new(core->root, real ? catch_up : NULL, &fd, &core->vfs);
	if (!ret && real)
		ret = sd_event_add_io(event, NULL, fd, EPOLLIN, on_uevent, core);
	return ret < 0 ? problem_set(problem, ret, "the kernel's events: %s", strerror(-ret)) : 0;
}

static int serve(sd_event *event, struct service *service, const struct options *options,
		 struct problem *problem)
{
	struct listener listener;
	int ret;

	ret = follow_host(event, service->core, options, problem);
	if (!ret)
		ret = listener_open(&listener, event, service, options->socket, problem);
	if (ret)
		return ret;
	/* The whole journal was parsed: give back what that took. */
	malloc_trim(0);
	/* Beside the loop, so that hooks are answered meanwhile. */
	ret = watcher_start(service, notify_ready, problem);
	if (!ret) {
		sd_event_set_watchdog(event, 1);
		ret = sd_event_loop(event);
	}
	listener_close(&listener);
	if (ret >= 0)
		quit(service);
	return ret;
}

static int run(sd_event *event, const struct options *options, struct problem *problem)
{
	struct core core = { .config = &options->config, .watch = log_stage, .tell = events_tell };
	struct service service = { .core = &core,
				   .uri = options->uri,
				   .report = log_report,
				   .lock = PTHREAD_MUTEX_INITIALIZER };
	struct root root;
	int ret;

	ret = root_open(options->root, &root);
	if (ret)
		return problem_set(problem, ret, "%s: %s", options->root, strerror(-ret));
	core.root = &root;
	ret = state_open(options->state, &core.state, problem);
	if (ret)
		goto close_root;
	if (state_was_torn(core.state))
		fprintf(stderr, SD_NOTICE "the state's last line was cut short and is dropped\n");
	ret = start_libvirt(&core, options->uri, problem);
	if (!ret)
		ret = core_load(&core, problem);
	if (!ret) {
		ret = serve(event, &service, options, problem);
		core_unload(&core);
	}
	if (core.conn)
		virConnectClose(core.conn);
	state_close(core.state);
close_root:
	root_close(&root);
	return ret;
}

int main(int argc, char **argv)
{
	struct options options = {
		.state = "/var/lib/pfkeep",
		.socket = WIRE_SOCKET,
		.uri = "qemu:///system",
		.root = "/",
		.qemu_user = "libvirt-qemu",
		.config = { .vm_type = "kvm",
			    .emulator = DOCTOR_QEMU,
			    .image = "/var/lib/pfkeep/images/pf-vm",
			    .memory_mib = 128,
			    .agent_ms = 300000,
			    .driver_ms = 30000 },
	};
	struct problem problem = { "" };
	sd_event *event = NULL;
	int ret;

	if (parse(argc, argv, &options))
		return 2;
	options.config.qemu_user = find_user(options.qemu_user);
	ret = sd_event_default(&event);
	if (ret >= 0)
		ret = add_signals(event);
	if (ret >= 0)
		ret = run(event, &options, &problem);
	if (ret < 0 && !*problem.text)
		problem_set(&problem, ret, "%s", strerror(-ret));
	if (ret < 0)
		log_problem(SD_ERR, &problem);
	sd_event_unref(event);
	return ret < 0;
}
