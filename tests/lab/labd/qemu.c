// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/labd/qemu.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lab/labd/machine.h"

/* What the child writes into the status pipe when it can't become QEMU. */
struct qemu_failure {
	int error;
	char what[200];
};

static void qemu_fail(int status_fd, int error, const char *what)
{
	struct qemu_failure failure = { .error = error };
	ssize_t n;

	snprintf(failure.what, sizeof(failure.what), "%s", what);
	n = write(status_fd, &failure, sizeof(failure));
	(void)n;
	_exit(127);
}

static void qemu_become(const struct qemu_start *how, pid_t parent, int status_fd)
{
	const char *what;
	sigset_t none;
	int err, null;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127); /* died before the line above */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null < 0 || dup2(null, 0) < 0)
		qemu_fail(status_fd, errno, "/dev/null");
	if (dup2(how->stderr_fd, 1) < 0 || dup2(how->stderr_fd, 2) < 0)
		qemu_fail(status_fd, errno, "its log");
	for (size_t i = 0; i < how->n_keep; i++)
		fcntl(how->keep_fds[i], F_SETFD, 0);
	err = root_enter(how->root, &what);
	if (err)
		qemu_fail(status_fd, -err, what);
	/* Its overlay over the disk image goes here, without a name. */
	setenv("TMPDIR", MACHINE_RUN, 1);
	execv(how->argv[0], how->argv);
	qemu_fail(status_fd, errno, how->argv[0]);
}

static void qemu_exit_event(struct loop_source *src, uint32_t events)
{
	struct qemu *qemu = src->data;

	if (waitpid(qemu->pid, &qemu->wait_status, WNOHANG) != qemu->pid)
		return;
	qemu->pid = 0;
	qemu->exited(qemu->data);
}

static int qemu_fork(struct qemu *qemu, const struct qemu_start *how, struct lab_error *ret_error)
{
	struct qemu_failure failure;
	pid_t self = getpid();
	int status[2];
	ssize_t n;

	if (pipe2(status, O_CLOEXEC) < 0)
		return -errno;
	qemu->pid = fork();
	if (qemu->pid == 0)
		qemu_become(how, self, status[1]);
	close(status[1]);
	if (qemu->pid < 0) {
		close(status[0]);
		return -errno;
	}
	n = read(status[0], &failure, sizeof(failure));
	close(status[0]);
	if (n != (ssize_t)sizeof(failure))
		return 0;
	waitpid(qemu->pid, NULL, 0);
	qemu->pid = 0;
	lab_error_set(ret_error, "QEMU can't be started: %s: %s", failure.what,
		      strerror(failure.error));
	return -failure.error;
}

int qemu_start(struct loop *loop, struct qemu *qemu, const struct qemu_start *how,
	       struct lab_error *ret_error)
{
	int err;

	lab_error_set(ret_error, "QEMU can't be started");
	err = qemu_fork(qemu, how, ret_error);
	if (err)
		return err;
	qemu->exit.fd = (int)syscall(SYS_pidfd_open, qemu->pid, 0);
	qemu->exit.events = EPOLLIN;
	qemu->exit.fn = qemu_exit_event;
	qemu->exit.data = qemu;
	err = qemu->exit.fd < 0 ? -errno : loop_watch(loop, &qemu->exit);
	if (err) {
		kill(qemu->pid, SIGKILL);
		waitpid(qemu->pid, NULL, 0);
		qemu->pid = 0;
	}
	return err;
}

void qemu_kill(struct qemu *qemu)
{
	if (qemu->pid > 0)
		kill(qemu->pid, SIGKILL);
}

bool qemu_running(const struct qemu *qemu)
{
	return qemu->pid > 0;
}
