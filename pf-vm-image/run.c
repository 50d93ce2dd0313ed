// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pf-vm-image/run.h"

static volatile sig_atomic_t interrupted;
static void (*volatile on_signal)(void *data);
static void *volatile on_signal_data;

static void remember_signal(int sig)
{
	interrupted = sig;
	if (on_signal)
		on_signal(on_signal_data);
}

void run_signals(void)
{
	/* Without SA_RESTART: a wait must end. */
	struct sigaction sa = { .sa_handler = remember_signal };

	sigemptyset(&sa.sa_mask);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
}

void run_on_signal(void (*also)(void *data), void *data)
{
	on_signal = NULL;
	on_signal_data = data;
	on_signal = also;
}

bool run_interrupted(void)
{
	return interrupted;
}

static _Noreturn void become(const char *const argv[], const struct run_how *how, int out, int err)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	signal(SIGPIPE, SIG_DFL);
	if (how->out_file)
		out = open(how->out_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	dup2(err, STDERR_FILENO);
	if (null >= 0 && out >= 0 && dup2(null, STDIN_FILENO) >= 0 &&
	    dup2(out, STDOUT_FILENO) >= 0 && (!how->dir || !chdir(how->dir)))
		execvp(argv[0], (char *const *)argv);
	dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* What comes on fd until its end; what doesn't fit is dropped. */
static int collect(int fd, char *out, size_t size)
{
	size_t used = 0;
	char rest[4096];

	for (;;) {
		bool room = used + 1 < size;
		ssize_t n =
			read(fd, room ? out + used : rest, room ? size - used - 1 : sizeof(rest));

		if (n < 0 && errno == EINTR && !interrupted)
			continue;
		if (n <= 0) {
			out[used] = '\0';
			return n < 0 ? -errno : 0;
		}
		if (room)
			used += n;
	}
}

static int wait_for(pid_t pid, int *ret_status)
{
	bool told = false;

	while (waitpid(pid, ret_status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
		if (interrupted && !told) {
			/* A group of its own, so that what it started ends too. */
			kill(-pid, SIGTERM);
			told = true;
		}
	}
	return interrupted ? -EINTR : 0;
}

/* The first line that says "E: ", as apt and mmdebstrap name a cause, else the last one. */
static void last_words(const char *log, off_t start, char *text, size_t size)
{
	char *line = NULL;
	size_t room = 0;
	FILE *f = fopen(log, "re");

	text[0] = '\0';
	if (!f || fseeko(f, start, SEEK_SET))
		goto out;
	while (strncmp(text, "E: ", 3) && getline(&line, &room, f) >= 0) {
		line[strcspn(line, "\r\n")] = '\0';
		if (line[strspn(line, " \t")])
			snprintf(text, size, "%s", line);
	}
out:
	free(line);
	if (f)
		fclose(f);
}

static int verdict(const char *const argv[], const char *log, off_t start, int status,
		   struct problem *p)
{
	char words[256];

	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	last_words(log, start, words, sizeof(words));
	if (WIFSIGNALED(status))
		return problem_set(p, -EIO, "%s: ended by signal %d: %s", argv[0], WTERMSIG(status),
				   words);
	return problem_set(p, -EIO, "%s: failed with %d: %s", argv[0], WEXITSTATUS(status), words);
}

static int start(const char *const argv[], const struct run_how *how, int log, pid_t *ret_pid,
		 int *ret_out)
{
	int fds[2] = { -1, -1 };
	pid_t pid;

	if (how->out && pipe2(fds, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid == 0)
		become(argv, how, how->out ? fds[1] : log, log);
	if (how->out)
		close(fds[1]);
	if (pid < 0 && how->out)
		close(fds[0]);
	if (pid < 0)
		return -errno;
	/* Here too: whoever comes first, the group exists before it is signalled. */
	setpgid(pid, pid);
	*ret_pid = pid;
	*ret_out = fds[0];
	return 0;
}

int run_program(const char *const argv[], const struct run_how *how, struct problem *p)
{
	const char *path = how->log ?: "/dev/null";
	int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644), out = -1, status = 0,
	    ret;
	pid_t pid = -1;
	off_t begin;

	if (log < 0)
		return problem_set(p, -errno, "%s: %m", path);
	begin = lseek(log, 0, SEEK_END);
	ret = interrupted ? -EINTR : start(argv, how, log, &pid, &out);
	close(log);
	if (ret)
		return problem_set(p, ret, "%s: %s", argv[0], strerror(-ret));
	if (how->out) {
		collect(out, how->out, how->size);
		close(out);
	}
	ret = wait_for(pid, &status);
	if (ret)
		return problem_set(p, ret, "%s: interrupted", argv[0]);
	return verdict(argv, path, begin, status, p);
}
