// SPDX-License-Identifier: GPL-2.0-only
#include "orchestration/libpfkeep/vmm_libvirtd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "orchestration/libpfkeep/run.h"
#include "orchestration/libpfkeep/vmm_model.h"
#include "orchestration/libpfkeep/vmm_spawn.h"
#include "pfkeep/cleanup.h"

#define FREEZE_MS  5000
#define END_MS	   5000
#define START_MS   60000
#define EVENTS_MAX 256

static const struct {
	const char *pid_file, *unit;
} daemons[] = {
	{ "run/libvirtd.pid", "libvirtd.service" },
	{ "run/virtqemud.pid", "virtqemud.service" },
};

int vmm_libvirtd_find(const struct root *root, struct vmm_libvirtd *daemon, struct problem *problem)
{
	*daemon = (struct vmm_libvirtd){ .pidfd = -1, .guard = -1 };
	for (size_t i = 0; i < sizeof(daemons) / sizeof(daemons[0]); i++) {
		uint64_t pid;

		if (root_read_number(root, daemons[i].pid_file, INT32_MAX, &pid))
			continue;
		daemon->pidfd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
		if (daemon->pidfd < 0)
			continue;
		if (!vmm_cgroup((pid_t)pid, daemon->cgroup, sizeof(daemon->cgroup)) &&
		    strstr(daemon->cgroup, daemons[i].unit))
			return 0;
		close(take_fd(&daemon->pidfd));
		return problem_set(problem, -ENOTSUP, "libvirtd isn't the unit %s of systemd",
				   daemons[i].unit);
	}
	return problem_set(problem, -ENOENT, "libvirtd doesn't run");
}

/* cgroup.events tells of a change by POLLPRI. */
static int wait_frozen(const struct vmm_libvirtd *daemon)
{
	CLEANUP(cleanup_close) int fd = -1;
	char path[PATH_MAX + 32], text[EVENTS_MAX];

	snprintf(path, sizeof(path), "/sys/fs/cgroup%s/cgroup.events", daemon->cgroup);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	for (;;) {
		struct pollfd pfd = { .fd = fd, .events = POLLPRI };
		ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

		if (n < 0)
			return -errno;
		text[n] = '\0';
		if (strstr(text, "frozen 1"))
			return 0;
		if (poll(&pfd, 1, FREEZE_MS) <= 0)
			return -ETIMEDOUT;
	}
}

/* A process that does nothing but wait for our end; libvirtd never stays frozen. */
static int start_guard(struct vmm_libvirtd *daemon)
{
	int fds[2];
	pid_t pid;
	char c;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid < 0) {
		close(fds[0]);
		close(fds[1]);
		return -EAGAIN;
	}
	if (!pid) {
		setsid();
		close(fds[1]);
		while (read(fds[0], &c, 1) < 0 && errno == EINTR)
			;
		vmm_cgroup_write(daemon->cgroup, "cgroup.freeze", "0");
		_exit(0);
	}
	close(fds[0]);
	daemon->guard = fds[1];
	return 0;
}

int vmm_libvirtd_hold(const struct root *root, struct vmm_libvirtd *ret_daemon,
		      struct problem *problem)
{
	int ret;

	ret = vmm_libvirtd_find(root, ret_daemon, problem);
	if (ret)
		return ret;
	ret = start_guard(ret_daemon);
	if (!ret)
		ret = vmm_cgroup_write(ret_daemon->cgroup, "cgroup.freeze", "1");
	if (!ret)
		ret = wait_frozen(ret_daemon);
	if (!ret)
		return 0;
	vmm_libvirtd_let_go(ret_daemon);
	return problem_set(problem, ret, "libvirtd can't be held: %s", strerror(-ret));
}

void vmm_libvirtd_let_go(struct vmm_libvirtd *daemon)
{
	if (daemon->guard >= 0)
		vmm_cgroup_write(daemon->cgroup, "cgroup.freeze", "0");
	if (daemon->guard >= 0)
		close(take_fd(&daemon->guard));
	if (daemon->pidfd >= 0)
		close(take_fd(&daemon->pidfd));
}

static char *unit_of(const struct vmm_libvirtd *daemon)
{
	const char *slash = strrchr(daemon->cgroup, '/');

	return (char *)(slash ? slash + 1 : daemon->cgroup);
}

int vmm_libvirtd_renew(struct vmm_libvirtd *daemon, struct problem *problem)
{
	char *unit = unit_of(daemon), output[256];
	char *const reset[] = { (char *)"/usr/bin/systemctl", (char *)"reset-failed", unit, NULL };
	char *const start[] = { (char *)"/usr/bin/systemctl", (char *)"start", unit, NULL };
	int ret = vmm_kill(daemon->pidfd, END_MS);

	vmm_libvirtd_let_go(daemon);
	/* systemd would leave it at that after some times in short order. */
	if (!ret)
		ret = run_output(reset, START_MS, output, sizeof(output));
	if (!ret || ret == -ECHILD)
		ret = run_output(start, START_MS, output, sizeof(output));
	return ret ? problem_set(problem, ret, "libvirtd doesn't start again: %s", strerror(-ret))
		   : 0;
}
