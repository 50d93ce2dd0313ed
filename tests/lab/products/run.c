// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lab/products/run.h"
#include "tests/lab/products/sandbox.h"

#define TAIL_BYTES 6144
#define TAIL_LINES 25
#define TICK_MS	   1000

struct follow {
	const struct run *run;
	struct problem *problem;
	char line[512];
	size_t used;
};

static void take_line(struct follow *f, const char *line)
{
	struct progress *pg = f->run->progress;
	unsigned long done, total;

	if (!strncmp(line, "step: ", 6))
		progress_step(pg, line + 6);
	else if (sscanf(line, "progress: %lu/%lu", &done, &total) == 2 && total)
		progress_count(pg, done, total);
	else if (!strncmp(line, "error: ", 7))
		problem_set(f->problem, -EIO, "%s: %s", f->run->product->name, line + 7);
	else if (!strncmp(line, "hint: ", 6))
		problem_hint(f->problem, "%s", line + 6);
}

/* An overlong line is cut, its rest dropped. */
static bool take_bytes(struct follow *f, int fd)
{
	char buf[1024];
	ssize_t n = read(fd, buf, sizeof(buf));

	for (ssize_t i = 0; i < n; i++) {
		if (buf[i] != '\n') {
			if (f->used < sizeof(f->line) - 1)
				f->line[f->used++] = buf[i];
			continue;
		}
		f->line[f->used] = '\0';
		f->used = 0;
		take_line(f, f->line);
	}
	return n > 0;
}

/* Follows until the recipe's first process has ended. */
static int follow(struct follow *f, int pidfd, int step_fd, int signal_fd)
{
	struct pollfd fds[] = { { .fd = pidfd, .events = POLLIN },
				{ .fd = step_fd, .events = POLLIN },
				{ .fd = signal_fd, .events = POLLIN } };

	for (;;) {
		if (poll(fds, 3, TICK_MS) < 0 && errno != EINTR)
			return -errno;
		if (fds[2].revents)
			return -EINTR;
		if (fds[1].revents && !take_bytes(f, step_fd))
			fds[1].fd = -1;
		else if (fds[0].revents && !fds[1].revents)
			return 0;
		progress_tick(f->run->progress);
		if (progress_elapsed(f->run->progress) > (long)f->run->product->timeout_s)
			return -ETIMEDOUT;
	}
}

static void print_tail(const struct run *r)
{
	char buf[TAIL_BYTES + 1], *at;
	struct stat st;
	ssize_t n = -1;
	int fd = open(r->log_path, O_RDONLY | O_CLOEXEC), lines = 0;

	if (fd >= 0 && !fstat(fd, &st))
		n = pread(fd, buf, TAIL_BYTES,
			  st.st_size > TAIL_BYTES ? st.st_size - TAIL_BYTES : 0);
	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return;
	buf[n] = '\0';
	for (at = buf + n - 1; at > buf; at--)
		if (*at == '\n' && at[1] && ++lines == TAIL_LINES)
			break;
	fprintf(r->progress->out, "  --- end of %s\n%s%s  ---\n", r->log_path, at + (*at == '\n'),
		buf[n - 1] == '\n' ? "" : "\n");
}

static const struct {
	const char *sign; /* in the log */
	const char *cause;
	const char *hint;
} known_causes[] = {
	{ "No space left on device", "the disk is full", "free some space (or set PFKEEP_CACHE)" },
	{ "Temporary failure resolving", "no network", "check the network and run it again" },
	{ "Could not resolve", "no network", "check the network and run it again" },
	{ "Could not connect", "no network", "check the network and run it again" },
	{ "Unable to connect", "no network", "check the network and run it again" },
	{ "Network is unreachable", "no network", "check the network and run it again" },
	{ "404  Not Found", "a package is gone from the mirror",
	  "run `build/lab/products update`, then run it again" },
	{ "NO_PUBKEY", "apt does not know the archive's key",
	  "upgrade the package debian-archive-keyring" },
	{ "Unable to locate package", "a package is gone from the mirror",
	  "run `build/lab/products update`, then run it again" },
	{ "Operation not permitted", "this machine forbids something that the build needs",
	  "run it as root outside an unprivileged container" },
};

static void diagnose(const struct run *r, int code, struct problem *p)
{
	const char *name = r->product->name, *step = r->progress->step;
	char *line = NULL;
	size_t size = 0;
	int found = -1;
	FILE *f = fopen(r->log_path, "re");

	while (f && found < 0 && getline(&line, &size, f) >= 0)
		for (size_t i = 0; i < sizeof(known_causes) / sizeof(known_causes[0]); i++)
			if (strstr(line, known_causes[i].sign))
				found = i;
	free(line);
	if (f)
		fclose(f);
	if (found >= 0) {
		problem_hint(p, "%s; log: %s", known_causes[found].hint, r->log_path);
		problem_set(p, -EIO, "%s: step '%s' failed: %s", name, step,
			    known_causes[found].cause);
	}
	problem_hint(p, "log: %s", r->log_path);
	problem_set(p, -EIO, "%s: step '%s' failed with exit status %d", name, step, code);
}

static int verdict(const struct run *r, int ret, int code, struct problem *p)
{
	const char *name = r->product->name, *step = r->progress->step;

	if (ret == -EINTR)
		return problem_set(p, ret, "%s: interrupted at step '%s'; nothing was kept", name,
				   step);
	if (ret || code)
		print_tail(r);
	if (ret == -ETIMEDOUT) {
		problem_hint(p, "log: %s", r->log_path);
		return problem_set(p, ret, "%s: step '%s' was not done after %u s in all", name,
				   step, r->product->timeout_s);
	}
	if (ret)
		return problem_set(p, ret, "%s: %s", name, strerror(-ret));
	if (!code)
		return 0;
	diagnose(r, code, p);
	return -EIO;
}

static int run_sandboxed(const struct run *r, int log_fd, int signal_fd, int *ret_code,
			 struct problem *p)
{
	char *script;
	const char *argv[] = { "/bin/bash", "-eu", "-o", "pipefail", NULL, NULL };
	struct sandbox sb = { .argv = argv, .env = r->env, .cwd = r->work_dir, .log_fd = log_fd };
	struct follow f = { .run = r, .problem = p };
	int steps[2], pidfd, ret;
	pid_t pid;

	if (asprintf(&script, "%s/recipe.sh", r->product->dir) < 0)
		return -ENOMEM;
	argv[4] = script;
	ret = pipe2(steps, O_CLOEXEC) ? -errno : 0;
	if (ret)
		goto out;
	sb.step_fd = steps[1];
	ret = sandbox_start(&sb, &pid, &pidfd);
	close(steps[1]);
	if (!ret) {
		ret = follow(&f, pidfd, steps[0], signal_fd);
		if (ret)
			sandbox_kill(pid, pidfd);
		else
			*ret_code = sandbox_wait(pid);
		close(pidfd);
	}
	close(steps[0]);
out:
	free(script);
	return ret;
}

int run_recipe(const struct run *r, struct problem *p)
{
	int log_fd, signal_fd, code = 0, ret;
	sigset_t ends, before;

	log_fd = open(r->log_path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
	if (log_fd < 0)
		return problem_set(p, -errno, "%s: %m", r->log_path);
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	sigprocmask(SIG_BLOCK, &ends, &before);
	signal_fd = signalfd(-1, &ends, SFD_CLOEXEC);
	ret = signal_fd < 0 ? -errno : run_sandboxed(r, log_fd, signal_fd, &code, p);
	ret = verdict(r, ret, code, p);
	if (signal_fd >= 0)
		close(signal_fd);
	close(log_fd);
	/* The caller still has to clean up: it ends the program, not the signal. */
	if (ret != -EINTR)
		sigprocmask(SIG_SETMASK, &before, NULL);
	return ret;
}
