// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "orchestration/libpfkeep/run.h"
#include "pfkeep/cleanup.h"

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* out -1: /dev/null */
static int start(char *const *argv, int out, pid_t *ret_pid)
{
	static char *const env[] = { (char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
				     (char *)"LC_ALL=C", NULL };
	posix_spawn_file_actions_t actions;
	int ret;

	ret = posix_spawn_file_actions_init(&actions);
	if (ret)
		return -ret;
	if (!(ret = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)) &&
	    !(ret = out < 0 ? posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY,
							       0)
			    : posix_spawn_file_actions_adddup2(&actions, out, 1)) &&
	    !(ret = posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)))
		ret = posix_spawn(ret_pid, argv[0], &actions, NULL, argv, env);
	posix_spawn_file_actions_destroy(&actions);
	return -ret;
}

/* Until the other end closes. */
static int collect(int fd, long deadline, char *text, size_t size)
{
	size_t len = 0;

	for (;;) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN };
		long left = deadline - now_ms();
		ssize_t n;
		int ret;

		ret = left > 0 ? poll(&pfd, 1, (int)left) : 0;
		if (ret < 0 && errno == EINTR)
			continue;
		if (ret <= 0)
			return ret ? -errno : -ETIMEDOUT;
		n = read(fd, text + len, size - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		len += (size_t)n;
		if (len == size)
			return -EFBIG;
	}
	text[len] = '\0';
	return 0;
}

/* It closed its output; that it ends, too, is waited for as long. */
static int reap(pid_t pid, long deadline, int *ret_status)
{
	CLEANUP(cleanup_close) int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd pfd = { .fd = pidfd, .events = POLLIN };
	long left = deadline - now_ms();
	int ret;

	if (pidfd < 0)
		return -errno;
	ret = poll(&pfd, 1, left > 0 ? (int)left : 0);
	if (ret <= 0)
		return ret ? -errno : -ETIMEDOUT;
	return waitpid(pid, ret_status, 0) == pid ? 0 : -errno;
}

static int finish(pid_t pid, long deadline)
{
	int status = 0, ret = reap(pid, deadline, &status);

	if (ret) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		return ret;
	}
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -ECHILD;
}

int run_aside(char *const *argv, pid_t *ret_pid)
{
	return start(argv, -1, ret_pid);
}

int run_end(pid_t pid, int timeout_ms)
{
	return finish(pid, now_ms() + timeout_ms);
}

int run_output(char *const *argv, int timeout_ms, char *ret_text, size_t size)
{
	CLEANUP(cleanup_close) int in = -1;
	CLEANUP(cleanup_close) int out = -1;
	long deadline = now_ms() + timeout_ms;
	int fds[2], ret;
	pid_t pid = -1;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	in = fds[0];
	out = fds[1];
	ret = start(argv, out, &pid);
	if (ret)
		return ret;
	close(take_fd(&out));
	ret = collect(in, deadline, ret_text, size);
	if (ret) {
		finish(pid, 0);
		return ret;
	}
	return finish(pid, deadline);
}
