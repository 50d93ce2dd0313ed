// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lab/products/sandbox.h"

#define EXIT_SETUP 126

static int exit_code(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void exec_recipe(const struct sandbox *sb)
{
	sigset_t none;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (null < 0 || dup2(null, 0) < 0 || dup2(sb->log_fd, 1) < 0 || dup2(sb->log_fd, 2) < 0)
		_exit(EXIT_SETUP);
	/* dup2() to itself would leave close-on-exec set. */
	if (sb->step_fd == 3 ? fcntl(3, F_SETFD, 0) : dup2(sb->step_fd, 3) < 0)
		_exit(EXIT_SETUP);
	if (chdir(sb->cwd))
		_exit(EXIT_SETUP);
	execve(sb->argv[0], (char *const *)sb->argv, (char *const *)sb->env);
	dprintf(2, "%s: %s\n", sb->argv[0], strerror(errno));
	_exit(EXIT_SETUP);
}

static void kill_child(pid_t pid)
{
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/*
 * Without a pid namespace: an orphan's new parent is we, the subreaper, so that
 * killing children until there are none reaches all.
 */
static void kill_descendants(void)
{
	char path[64], *word, *rest, text[4096];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	for (;;) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
		if (fd >= 0)
			close(fd);
		if (n <= 0)
			break;
		text[n] = '\0';
		rest = text;
		/* The last number may be cut: only what a blank ends is whole. */
		while ((word = strsep(&rest, " ")) && rest)
			kill_child((pid_t)strtol(word, NULL, 10));
	}
}

/* Until the recipe ends or we are told to; `signals` are blocked. */
static int reap_until(pid_t recipe, const sigset_t *signals)
{
	int status, sig;
	pid_t pid;

	for (;;) {
		if (sigwait(signals, &sig) || sig == SIGTERM)
			return EXIT_SETUP;
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			if (pid == recipe)
				return exit_code(status);
	}
}

/* The recipe's mounts are its own. Says what forbids that as a recipe would. */
static int private_mounts(const struct sandbox *sb)
{
	int err;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0)
		return 0;
	err = errno;
	if (err == EINVAL)
		dprintf(sb->step_fd,
			"error: \"/\" is not a mount point, so a recipe can't have "
			"mounts of its own\n"
			"hint: in a chroot, bind its folder to itself before you enter it "
			"(mount --bind DIR DIR)\n");
	else
		dprintf(sb->step_fd,
			"error: a recipe can't have mounts of its own: %s\n"
			"hint: run it as root outside an unprivileged container\n",
			strerror(err));
	return -err;
}

/* The first process of the namespaces, or the subreaper. */
static _Noreturn void first_process(const struct sandbox *sb, int alive_fd, bool isolated)
{
	sigset_t signals;
	pid_t recipe;
	char byte;
	int code;

	prctl(PR_SET_PDEATHSIG, isolated ? SIGKILL : SIGTERM);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_SETMASK, &signals, NULL);
	setsid();
	/* Nothing comes when our parent died before it could be watched. */
	if (read(alive_fd, &byte, 1) != 1)
		_exit(EXIT_SETUP);
	if (isolated && private_mounts(sb))
		_exit(EXIT_SETUP);
	recipe = fork();
	if (recipe == 0)
		exec_recipe(sb);
	close(sb->step_fd);
	code = recipe < 0 ? EXIT_SETUP : reap_until(recipe, &signals);
	if (!isolated)
		kill_descendants();
	_exit(code);
}

int sandbox_start(const struct sandbox *sb, pid_t *ret_pid, int *ret_pidfd)
{
	bool isolated = geteuid() == 0;
	struct clone_args args = { .exit_signal = SIGCHLD };
	int alive[2], pidfd = -1;
	pid_t pid;

	if (pipe2(alive, O_CLOEXEC))
		return -errno;
	args.flags = CLONE_PIDFD | (isolated ? CLONE_NEWPID | CLONE_NEWNS : 0);
	args.pidfd = (uint64_t)(uintptr_t)&pidfd;
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0) {
		close(alive[1]);
		first_process(sb, alive[0], isolated);
	}
	close(alive[0]);
	if (pid < 0 || write(alive[1], "", 1) != 1) {
		pid = -errno;
		close(alive[1]);
		return pid;
	}
	close(alive[1]);
	*ret_pid = pid;
	*ret_pidfd = pidfd;
	return 0;
}

void sandbox_kill(pid_t pid, int pidfd)
{
	/* As root the kernel ends the whole namespace with its first process. */
	syscall(SYS_pidfd_send_signal, pidfd, geteuid() == 0 ? SIGKILL : SIGTERM, NULL, 0);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

int sandbox_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_SETUP;
	return exit_code(status);
}
