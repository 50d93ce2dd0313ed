// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/agent/ready.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct ready {
	struct loop *loop;
	struct events *events;
	struct loop_source watch; /* inotify, then the command's pidfd */
	const char *path;
	char *const *argv;
	pid_t pid;
};

static void ready_command_event(struct loop_source *src, uint32_t mask)
{
	struct ready *ready = src->data;
	siginfo_t how = { 0 };

	if (waitid(P_PID, (id_t)ready->pid, &how, WEXITED) < 0)
		return;
	loop_unwatch(ready->loop, src);
	close(src->fd);
	events_post(ready->events, "event=ready\nstatus=%d\n",
		    how.si_code == CLD_EXITED ? how.si_status : 128 + how.si_status);
	free(ready);
}

static int ready_run(struct ready *ready)
{
	int null;

	ready->pid = fork();
	if (ready->pid < 0)
		return -errno;
	if (ready->pid == 0) {
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0)
			_exit(126);
		execvp(ready->argv[0], ready->argv);
		_exit(127);
	}
	ready->watch.fd = (int)syscall(SYS_pidfd_open, ready->pid, 0);
	if (ready->watch.fd < 0)
		return -errno;
	ready->watch.events = EPOLLIN;
	ready->watch.fn = ready_command_event;
	return loop_watch(ready->loop, &ready->watch);
}

/* The deepest directory above path that exists. */
static void deepest_dir(const char *path, char dir[PATH_MAX])
{
	snprintf(dir, PATH_MAX, "%s", path);
	do {
		char *slash = strrchr(dir, '/');

		slash[slash == dir ? 1 : 0] = '\0';
	} while (access(dir, F_OK) < 0 && strcmp(dir, "/") != 0);
}

/*
 * Watch where the next part of the path will appear. Looked at again after the
 * watch stands, so nothing that appears in between is missed.
 */
static int ready_arm(struct ready *ready)
{
	char dir[PATH_MAX], after[PATH_MAX];

	do {
		if (access(ready->path, F_OK) == 0)
			return 1;
		deepest_dir(ready->path, dir);
		if (inotify_add_watch(ready->watch.fd, dir, IN_CREATE | IN_MOVED_TO) < 0)
			return -errno;
		deepest_dir(ready->path, after);
	} while (strcmp(dir, after) != 0);
	return access(ready->path, F_OK) == 0;
}

static void ready_path_event(struct loop_source *src, uint32_t mask)
{
	struct ready *ready = src->data;
	char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	int ret;

	while (read(src->fd, buf, sizeof(buf)) > 0)
		;
	ret = ready_arm(ready);
	if (ret == 0)
		return;
	loop_unwatch(ready->loop, src);
	close(src->fd);
	if (ret > 0)
		ret = ready_run(ready);
	if (ret < 0) {
		events_post(ready->events, "event=ready\nstatus=%d\n", -ret);
		free(ready);
	}
}

int ready_watch(struct loop *loop, struct events *events, const char *path, char *const *argv)
{
	struct ready *ready;

	if (path[0] != '/' || strlen(path) >= PATH_MAX)
		return -EINVAL;
	ready = calloc(1, sizeof(*ready));
	if (!ready)
		return -ENOMEM;
	ready->loop = loop;
	ready->events = events;
	ready->path = path;
	ready->argv = argv;
	ready->watch.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	ready->watch.events = EPOLLIN;
	ready->watch.fn = ready_path_event;
	ready->watch.data = ready;
	if (ready->watch.fd < 0 || loop_watch(loop, &ready->watch) < 0) {
		free(ready);
		return -EMFILE;
	}
	ready_path_event(&ready->watch, 0);
	return 0;
}
