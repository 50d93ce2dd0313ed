// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/harness/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct stream {
	int fd;
	char *text;
	size_t len, size;
	bool show;
	size_t shown; /* of text: whole lines */
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void child_exec(const char *const argv[], int out, int err)
{
	setpgid(0, 0);
	/* A test that is killed takes what it runs with it. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	int null = open("/dev/null", O_RDONLY);

	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
		_exit(126);
	execvp(argv[0], (char *const *)argv);
	dprintf(2, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static void show_lines(struct stream *s)
{
	char *end;

	while ((end = memchr(s->text + s->shown, '\n', s->len - s->shown))) {
		printf("# %.*s\n", (int)(end - s->text - s->shown), s->text + s->shown);
		s->shown = end - s->text + 1;
	}
	fflush(stdout);
}

/* Returns false at the end of the stream. */
static bool stream_read(struct stream *s)
{
	if (s->size - s->len < 4097) {
		size_t size = s->size * 2 + 8192;
		char *text = realloc(s->text, size);

		if (!text)
			return false;
		s->text = text;
		s->size = size;
	}
	ssize_t n = read(s->fd, s->text + s->len, s->size - s->len - 1);

	if (n < 0)
		return errno == EINTR;
	s->len += n;
	s->text[s->len] = '\0';
	if (s->show)
		show_lines(s);
	return n > 0;
}

/* Until the process has ended and both its streams have, or the time is up. */
static int collect(int pidfd, struct stream streams[2], int64_t deadline)
{
	struct pollfd fds[3] = {
		{ .fd = streams[0].fd, .events = POLLIN },
		{ .fd = streams[1].fd, .events = POLLIN },
		{ .fd = pidfd, .events = POLLIN },
	};

	while (fds[2].fd >= 0 || fds[0].fd >= 0 || fds[1].fd >= 0) {
		int64_t left = deadline - now_ms();
		/* Someone it left behind may hold the streams open: not waited for. */
		int n = poll(fds, 3, fds[2].fd < 0 ? 200 : left > 0 ? (int)left : 0);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return fds[2].fd < 0 ? 0 : -ETIMEDOUT;
		for (int i = 0; i < 2 && n > 0; i++)
			if (fds[i].revents && !stream_read(&streams[i]))
				fds[i].fd = -1;
		if (n > 0 && fds[2].revents)
			fds[2].fd = -1;
	}
	return 0;
}

static int finish(pid_t pid, int ret, int *ret_status)
{
	int status;

	if (ret) {
		kill(-pid, SIGTERM);
		kill(-pid, SIGCONT);
	}
	if (waitpid(pid, &status, ret ? WNOHANG : 0) == 0) {
		struct timespec grace = { .tv_sec = 5 };
		sigset_t chld;

		/* labctl ends what it started when told to; then it is killed. */
		sigemptyset(&chld);
		sigaddset(&chld, SIGCHLD);
		sigprocmask(SIG_BLOCK, &chld, NULL);
		while (waitpid(pid, &status, WNOHANG) == 0 &&
		       sigtimedwait(&chld, NULL, &grace) == SIGCHLD)
			;
		sigprocmask(SIG_UNBLOCK, &chld, NULL);
		kill(-pid, SIGKILL);
		waitpid(pid, &status, 0);
	}
	*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return ret;
}

static int run(const char *const argv[], unsigned int timeout_s, bool show,
	       struct proc_result *ret_result)
{
	int out[2] = { -1, -1 }, err[2] = { -1, -1 }, pidfd = -1, ret;
	struct stream streams[2] = { { .show = show }, { .show = show } };

	*ret_result = (struct proc_result){ .status = -1 };
	if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC)) {
		ret = -errno;
		goto out_close;
	}
	pid_t pid = fork();

	if (pid < 0) {
		ret = -errno;
		goto out_close;
	}
	if (pid == 0)
		child_exec(argv, out[1], err[1]);
	setpgid(pid, pid);
	close(out[1]);
	close(err[1]);
	out[1] = err[1] = -1;
	streams[0].fd = out[0];
	streams[1].fd = err[0];
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	ret = pidfd < 0 ? -errno : collect(pidfd, streams, now_ms() + timeout_s * 1000LL);
	ret = finish(pid, ret, &ret_result->status);
	ret_result->out = streams[0].text ? streams[0].text : strdup("");
	ret_result->err = streams[1].text ? streams[1].text : strdup("");
	if (!ret_result->out || !ret_result->err)
		ret = -ENOMEM;

out_close:
	for (int i = 0; i < 2; i++) {
		if (out[i] >= 0)
			close(out[i]);
		if (err[i] >= 0)
			close(err[i]);
	}
	if (pidfd >= 0)
		close(pidfd);
	return ret;
}

int proc_run(const char *const argv[], unsigned int timeout_s, struct proc_result *ret_result)
{
	return run(argv, timeout_s, false, ret_result);
}

int proc_show(const char *const argv[], unsigned int timeout_s, struct proc_result *ret_result)
{
	return run(argv, timeout_s, true, ret_result);
}

void proc_result_free(struct proc_result *result)
{
	free(result->out);
	free(result->err);
	*result = (struct proc_result){ 0 };
}
