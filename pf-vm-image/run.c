// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pf-vm-image/run.h"

/* With less than this nothing that is run here gets on. */
#define ROOM_MIN (1u << 20)
#define LOOK_MS	 1000

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

static bool is_full(const char *program, const char *const dirs[RUN_DIRS], struct problem *p)
{
	struct statvfs fs;

	for (int i = 0; i < RUN_DIRS && dirs[i]; i++) {
		if (statvfs(dirs[i], &fs) || !fs.f_blocks || fs.f_bavail > ROOM_MIN / fs.f_frsize)
			continue;
		problem_set(p, -ENOSPC, "%s: %s: %s", program, dirs[i], strerror(ENOSPC));
		return true;
	}
	return false;
}

/* There is no event for a disk that fills up: it is looked at. */
static int wait_for(pid_t pid, const char *program, const struct run_how *how, int *ret_status,
		    struct problem *p)
{
	struct pollfd end = { .fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
	bool told = false, full = false;
	int ret;

	while ((ret = waitpid(pid, ret_status, WNOHANG)) == 0) {
		poll(&end, 1, LOOK_MS);
		full = full || is_full(program, how->fills, p);
		if (told || (!full && !interrupted))
			continue;
		/* A group of its own, so that what it started ends too. */
		kill(-pid, SIGTERM);
		told = true;
	}
	ret = ret < 0 ? -errno : 0;
	if (end.fd >= 0)
		close(end.fd);
	if (interrupted)
		return -EINTR;
	return full ? -ENOSPC : ret;
}

/*
 * What it said of why it failed: that no space is left, which is the cause of
 * whatever else is said, else the first line with "E: ", as apt and mmdebstrap
 * name a cause, else the last one.
 */
static void last_words(int said, char *text, size_t size)
{
	char *line = NULL;
	bool named = false, full = false;
	size_t room = 0;
	FILE *f = fdopen(fcntl(said, F_DUPFD_CLOEXEC, 0), "r");

	text[0] = '\0';
	if (!f)
		return;
	rewind(f);
	while (!full && getline(&line, &room, f) >= 0) {
		line[strcspn(line, "\r\n")] = '\0';
		full = strstr(line, strerror(ENOSPC));
		if (full || (!named && line[strspn(line, " \t")]))
			snprintf(text, size, "%s", line);
		named |= !strncmp(line, "E: ", 3);
	}
	free(line);
	fclose(f);
}

/* As far as there is room for it. */
static void keep(int said, int log)
{
	char buf[4096];
	ssize_t n;

	for (off_t at = 0; (n = pread(said, buf, sizeof(buf), at)) > 0; at += n)
		if (write(log, buf, n) != n)
			break;
}

static int verdict(const char *const argv[], int said, int status, struct problem *p)
{
	char words[256];

	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	last_words(said, words, sizeof(words));
	if (WIFSIGNALED(status))
		return problem_set(p, -EIO, "%s: ended by signal %d: %s", argv[0], WTERMSIG(status),
				   words);
	return problem_set(p, -EIO, "%s: failed with %d: %s", argv[0], WEXITSTATUS(status), words);
}

static int start(const char *const argv[], const struct run_how *how, int said, pid_t *ret_pid,
		 int *ret_out)
{
	int fds[2] = { -1, -1 };
	pid_t pid;

	if (how->out && pipe2(fds, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid == 0)
		become(argv, how, how->out ? fds[1] : said, said);
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

static int run(const char *const argv[], const struct run_how *how, int said, struct problem *p)
{
	int out = -1, status = 0, ret = interrupted ? -EINTR : 0;
	pid_t pid = -1;

	ret = ret ?: start(argv, how, said, &pid, &out);
	if (ret)
		return problem_set(p, ret, "%s: %s", argv[0], strerror(-ret));
	if (how->out) {
		collect(out, how->out, how->size);
		close(out);
	}
	ret = wait_for(pid, argv[0], how, &status, p);
	if (ret)
		return problem_set(p, ret, "%s: %s", argv[0],
				   ret == -EINTR ? "interrupted" : strerror(-ret));
	return verdict(argv, said, status, p);
}

int run_program(const char *const argv[], const struct run_how *how, struct problem *p)
{
	const char *path = how->log ?: "/dev/null";
	int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644), said, ret;

	if (log < 0)
		return problem_set(p, -errno, "%s: %m", path);
	/* Not straight to the log: the disk that it is on may be what is full. */
	said = memfd_create("messages", MFD_CLOEXEC);
	if (said < 0) {
		ret = problem_set(p, -errno, "%s: %m", argv[0]);
	} else {
		ret = run(argv, how, said, p);
		keep(said, log);
		close(said);
	}
	close(log);
	return ret;
}
