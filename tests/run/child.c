// SPDX-License-Identifier: GPL-2.0-only
#include "tests/run/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/run/clock.h"

#define CHILDREN_MAX 256

static void watched_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGCHLD);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
}

int child_setup(int *ret_signals)
{
	sigset_t set;
	int fd;

	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return -errno;
	watched_signals(&set);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	*ret_signals = fd;
	return 0;
}

/* Between fork and exec: only calls that are safe there. */
static void become(char *const argv[], int out)
{
	sigset_t set;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	watched_signals(&set);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	setsid();
	if (null >= 0)
		dup2(null, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	execvp(argv[0], argv);
	dprintf(STDOUT_FILENO, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

int child_start(char *const argv[], struct child *ret_child)
{
	int fds[2], r;
	pid_t pid;

	setenv("CMOCKA_MESSAGE_OUTPUT", "TAP", 1);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	/* Only our end: a test must not meet EAGAIN on its stdout. */
	if (fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0)
		goto fail;
	pid = fork();
	if (pid < 0)
		goto fail;
	if (pid == 0)
		become(argv, fds[1]);
	close(fds[1]);
	*ret_child = (struct child){ .pid = pid, .out = fds[0] };
	return 0;
fail:
	r = -errno;
	close(fds[0]);
	close(fds[1]);
	return r;
}

void child_signals(struct child *child, int signals)
{
	struct signalfd_siginfo info;

	while (read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo != SIGCHLD)
			child->interrupted = (int)info.ssi_signo;
	}
}

bool child_reap(struct child *child)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == child->pid) {
			child->exited = true;
			child->status = status;
		}
	}
	return pid == 0;
}

static size_t list_children(pid_t *pids, size_t max)
{
	char path[64], *word = NULL;
	size_t n = 0, size = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (n < max && getdelim(&word, &size, ' ', file) > 0) {
		long pid = strtol(word, NULL, 10);

		if (pid > 0)
			pids[n++] = (pid_t)pid;
	}
	free(word);
	fclose(file);
	return n;
}

static void process_name(pid_t pid, char *name, size_t size)
{
	char path[64];
	FILE *file;

	snprintf(name, size, "?");
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return;
	if (fgets(name, (int)size, file))
		name[strcspn(name, "\n")] = '\0';
	fclose(file);
}

void child_names(char *text, size_t size)
{
	pid_t pids[CHILDREN_MAX];
	size_t n = list_children(pids, CHILDREN_MAX), used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < n && used < size; i++) {
		char name[32];
		int len;

		process_name(pids[i], name, sizeof(name));
		len = snprintf(text + used, size - used, "%s%s (%d)", i ? ", " : "", name,
			       (int)pids[i]);
		used += (size_t)len;
	}
}

/* True when a signal (a child's end among them) came before the deadline. */
static bool await_signal(struct child *child, int signals, long long deadline_ms)
{
	struct pollfd fd = { .fd = signals, .events = POLLIN };
	long long left = deadline_ms - clock_ms();

	if (left <= 0 || poll(&fd, 1, (int)left) <= 0)
		return false;
	child_signals(child, signals);
	return true;
}

bool child_linger(struct child *child, int signals, int grace_ms)
{
	long long deadline = clock_ms() + grace_ms;

	while (child_reap(child)) {
		if (!await_signal(child, signals, deadline))
			return child_reap(child);
	}
	return false;
}

/* Each child is told once: a second SIGTERM may cut a clean-up short. */
static void terminate_new(pid_t *told, size_t *n_told)
{
	pid_t pids[CHILDREN_MAX];
	size_t n = list_children(pids, CHILDREN_MAX);

	for (size_t i = 0; i < n; i++) {
		bool known = false;

		for (size_t j = 0; j < *n_told; j++)
			known |= told[j] == pids[i];
		if (known || *n_told == CHILDREN_MAX)
			continue;
		told[(*n_told)++] = pids[i];
		kill(pids[i], SIGTERM);
	}
}

static void kill_all(struct child *child)
{
	pid_t pids[CHILDREN_MAX];
	size_t n = list_children(pids, CHILDREN_MAX);

	if (!child->exited)
		kill(-child->pid, SIGKILL);
	for (size_t i = 0; i < n; i++)
		kill(pids[i], SIGKILL);
}

void child_end(struct child *child, int signals, int grace_ms)
{
	long long deadline = clock_ms() + grace_ms;
	pid_t told[CHILDREN_MAX];
	size_t n_told = 0;

	/* The group's id is the program's: ours to signal until it is reaped. */
	if (!child->exited) {
		told[n_told++] = child->pid;
		kill(-child->pid, SIGTERM);
	}
	while (child_reap(child)) {
		terminate_new(told, &n_told);
		if (!await_signal(child, signals, deadline))
			break;
	}
	while (child_reap(child)) {
		kill_all(child);
		await_signal(child, signals, clock_ms() + 1000);
	}
}
