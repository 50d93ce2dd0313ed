// SPDX-License-Identifier: GPL-2.0-only
#include "orchestration/libpfkeep/vmm_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "orchestration/libpfkeep/vmm_model.h"
#include "pfkeep/cleanup.h"

#define FD_BASE VMM_FD_MAX /* where ours are while theirs are put in place */

int vmm_fd_of(int pidfd, int fd, int *ret_fd)
{
	*ret_fd = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	return *ret_fd < 0 ? -errno : 0;
}

static int place(const struct vmm_pass *passes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fcntl(passes[i].fd, F_DUPFD, FD_BASE + (int)i) != FD_BASE + (int)i)
			return -EMFILE;
	for (size_t i = 0; i < n; i++)
		if (dup2(FD_BASE + (int)i, passes[i].as) < 0)
			return -errno;
	return close_range(FD_BASE, FD_BASE + (unsigned int)n, CLOSE_RANGE_UNSHARE) ? -errno : 0;
}

/* In the child; its errno goes to the parent, on a pipe that exec closes. */
static int turn_into(const struct vmm_model *m, int pidfd, char *const *argv,
		     const struct vmm_pass *passes, size_t n)
{
	int ret = vmm_cgroup_write(m->cgroup, "cgroup.procs", "0");

	if (ret)
		return ret;
	setsid();
	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	if (setns(pidfd, CLONE_NEWNS) || chdir("/") || close_range(3, ~0U, CLOSE_RANGE_CLOEXEC))
		return -errno;
	ret = place(passes, n);
	if (!ret)
		ret = vmm_model_become(m);
	if (!ret)
		ret = vmm_model_set_label(m);
	if (ret)
		return ret;
	execve(argv[0], argv, m->env);
	return -errno;
}

/* 0 when exec has closed the pipe. */
static int outcome(int fd)
{
	int err = 0;
	ssize_t n = read(fd, &err, sizeof(err));

	return n == (ssize_t)sizeof(err) ? err : n ? -EIO : 0;
}

static int start(const struct vmm_model *m, int pidfd, char *const *argv,
		 const struct vmm_pass *passes, size_t n, pid_t *ret_pid, int *ret_pidfd)
{
	CLEANUP(cleanup_close) int in = -1;
	int fds[2], out, ret;
	pid_t pid;

	/* Above all that the program gets. */
	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	in = fds[0];
	out = fcntl(fds[1], F_DUPFD_CLOEXEC, FD_BASE + (int)n + 1);
	close(fds[1]);
	if (out < 0)
		return -errno;
	pid = fork();
	if (!pid) {
		ret = turn_into(m, pidfd, argv, passes, n);
		_exit(write(out, &ret, sizeof(ret)) == (ssize_t)sizeof(ret) ? 127 : 126);
	}
	ret = pid < 0 ? -errno : 0;
	close(out);
	if (ret)
		return ret;
	*ret_pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	ret = *ret_pidfd < 0 ? -errno : outcome(in);
	if (ret) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		if (*ret_pidfd >= 0)
			close(take_fd(ret_pidfd));
		return ret;
	}
	*ret_pid = pid;
	return 0;
}

int vmm_spawn(pid_t like, int pidfd, char *const *argv, const struct vmm_pass *passes, size_t n,
	      pid_t *ret_pid, int *ret_pidfd, struct problem *problem)
{
	CLEANUP(cleanup_free) struct vmm_model *m = calloc(1, sizeof(*m));
	int ret = m ? vmm_model_read(like, m) : -ENOMEM;

	*ret_pidfd = -1;
	/* Still the process that the pidfd names, and not another with its number. */
	if (!ret && syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0))
		ret = -errno;
	if (ret)
		return problem_set(problem, ret, "process %d can't be looked at: %s", (int)like,
				   strerror(-ret));
	ret = start(m, pidfd, argv, passes, n, ret_pid, ret_pidfd);
	return ret ? problem_set(problem, ret, "%s can't be started: %s", argv[0], strerror(-ret))
		   : 0;
}

int vmm_kill(int pidfd, int timeout_ms)
{
	struct pollfd pfd = { .fd = pidfd, .events = POLLIN };
	int ret;

	if (syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) && errno != ESRCH)
		return -errno;
	ret = poll(&pfd, 1, timeout_ms);
	return ret < 0 ? -errno : ret ? 0 : -ETIMEDOUT;
}
