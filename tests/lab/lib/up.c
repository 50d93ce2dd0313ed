// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/lib/up.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lab/lib/jsonline.h"
#include "tests/lab/lib/rundir.h"

/* labd's argument vector: descriptors and directory, then the spec's options. */
static int labd_argv(const struct lab_spec *spec, const char *program, char numbers[3][12],
		     const char *dir, char ***ret_argv)
{
	char **options, **argv;
	size_t n = 0;
	int err;

	err = lab_spec_argv(spec, &options);
	if (err)
		return err;
	while (options[n])
		n++;
	/* The options' own text lies behind their vector: keep it whole. */
	argv = calloc(n + 7, sizeof(*argv));
	if (!argv) {
		free(options);
		return -ENOMEM;
	}
	argv[0] = (char *)program;
	argv[1] = numbers[0];
	argv[2] = numbers[1];
	argv[3] = numbers[2];
	argv[4] = (char *)dir;
	memcpy(argv + 5, options, n * sizeof(*argv));
	argv[n + 6] = (char *)options; /* behind the terminating NULL, to be freed */
	*ret_argv = argv;
	return 0;
}

/* In the child: become labd, away from our terminal and streams. */
static void become_labd(char *const *argv, const struct rundir *dir, const int *keep, size_t n_keep)
{
	int log = openat(dir->fd, RUNDIR_LABD, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	pid_t pid;

	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	setsid();
	/* Forked once more: nobody who waits for all of his children waits for labd. */
	pid = fork();
	if (pid)
		_exit(pid < 0);
	if (null < 0 || log < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
		_exit(127);
	for (size_t i = 0; i < n_keep; i++)
		fcntl(keep[i], F_SETFD, 0);
	if (chdir("/") == 0)
		execv(argv[0], argv);
	dprintf(2, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static int start_labd(const struct lab_spec *spec, const struct rundir *dir, int lock_fd,
		      int report_fd)
{
	char programs[PATH_MAX - 8], program[PATH_MAX], numbers[3][12];
	int keep[] = { dir->fd, lock_fd, report_fd };
	char **argv;
	size_t n = 0;
	pid_t pid;
	int err;

	err = rundir_programs(programs, sizeof(programs));
	if (err)
		return err;
	snprintf(program, sizeof(program), "%s/labd", programs);
	for (int i = 0; i < 3; i++)
		snprintf(numbers[i], sizeof(numbers[i]), "%d", keep[i]);
	err = labd_argv(spec, program, numbers, dir->path, &argv);
	if (err)
		return err;
	pid = fork();
	if (pid == 0)
		become_labd(argv, dir, keep, 3);
	err = pid < 0 ? -errno : 0;
	if (pid > 0)
		waitpid(pid, NULL, 0);
	while (argv[n])
		n++;
	free(argv[n + 1]);
	free(argv);
	return err;
}

struct follower {
	void (*progress)(void *data, const char *text);
	void *data;
	struct lab_error *error;
};

/* 0: go on; 1: the lab is up; -EIO: it failed. */
static int follow_report(const struct follower *f, json_object *report)
{
	const char *text = jsonline_string(report, "progress", NULL);
	json_object *ok;

	if (text && f->progress)
		f->progress(f->data, text);
	if (!json_object_object_get_ex(report, "ok", &ok))
		return 0;
	lab_error_set(f->error, "%s", jsonline_string(report, "error", ""));
	return json_object_get_boolean(ok) ? 1 : -EIO;
}

/* Follow labd's reports until it says how it went. */
static int follow(int fd, const struct follower *f)
{
	struct jsonline in = { 0 };
	json_object *report;
	char buf[1024];
	ssize_t n;
	int ret = 0;

	while (!ret) {
		n = read(fd, buf, sizeof(buf));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || jsonline_feed(&in, buf, (size_t)n) < 0)
			ret = -EPIPE;
		while (!ret && jsonline_next(&in, &report) > 0) {
			ret = follow_report(f, report);
			json_object_put(report);
		}
	}
	jsonline_free(&in);
	return ret > 0 ? 0 : ret;
}

int lab_up(const struct lab_spec *spec, void (*progress)(void *data, const char *text), void *data,
	   struct lab_error *ret_error)
{
	struct follower f = { progress, data, ret_error };
	struct rundir dir;
	int err, lock, report[2] = { -1, -1 };

	err = lab_spec_check(spec, ret_error);
	if (err)
		return err;
	err = rundir_create(spec->name, &dir, &lock);
	if (err == -EBUSY)
		lab_error_set(ret_error, "lab %s is already up: choose another --name", spec->name);
	else if (err)
		lab_error_set(ret_error, "the run's directory %s: %s", dir.path, strerror(-err));
	if (err)
		return err;
	lab_error_set(ret_error, "the lab's supervisor can't be started");
	err = pipe2(report, O_CLOEXEC) < 0 ? -errno : 0;
	if (!err) {
		err = start_labd(spec, &dir, lock, report[1]);
		close(report[1]);
	}
	/* From here on labd alone holds the lock. */
	close(lock);
	if (!err) {
		lab_error_set(ret_error, "the lab's supervisor died (logs in %s)", dir.path);
		err = follow(report[0], &f);
	}
	if (err)
		rundir_wait_gone(&dir);
	if (report[0] >= 0)
		close(report[0]);
	rundir_close(&dir);
	return err;
}
