// SPDX-License-Identifier: GPL-2.0-only
/*
 * labctl as a person meets it, with a lab that is up: a console on a real
 * terminal, exit statuses, what is refused and how, an interrupted start, a lab
 * whose supervisor or owner is killed. What needs no lab is in labctl/bad_input_test.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "tests/lab/harness/lab.h"
#include "tests/lab/harness/proc.h"
#include "tests/lab/lib/rundir.h"

#define TIMEOUT_S 60
#define ARGS_MAX  16

static struct lab lab;
static pid_t owner; /* of the lab; 0: somebody else keeps it up */

static const char *const no_pfs[] = { NULL };
static const struct lab_options options = { .kernel = "pfkeep", .pfs = no_pfs };

/* A scenario like any other, to be ended in the middle of its work. */
static void own_lab(int up)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (lab_up(&lab, &options) || write(up, "!", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static bool start_owner(void)
{
	int up[2];
	char word;

	if (pipe2(up, O_CLOEXEC))
		return false;
	fflush(stdout);
	owner = fork();
	if (owner == 0)
		own_lab(up[1]);
	close(up[1]);

	bool ok = owner > 0 && read(up[0], &word, 1) == 1;

	close(up[0]);
	return ok;
}

static int setup(void **state)
{
	/* Who outlives labctl becomes our child, so that none goes unnoticed. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (!getenv("LAB_NAME")) {
		if (!start_owner())
			return -1;
		setenv("LAB_NAME", program_invocation_short_name, 1);
	}
	if (lab_up(&lab, &options))
		return -1;
	lab.up = owner > 0;
	return 0;
}

static int teardown(void **state)
{
	int ret = lab_down(&lab);

	if (owner > 0) {
		kill(owner, SIGKILL);
		waitpid(owner, NULL, 0);
	}
	return ret;
}

/* What labctl says of a lab, and with which status it ends. */
static void says(const char *name, int status, const char *out, const char *err,
		 const char *const args[])
{
	const char *argv[ARGS_MAX] = { lab_ctl_path(), args[0], "--name", name };
	struct proc_result r;

	for (size_t i = 1; args[i]; i++)
		argv[i + 3] = args[i];
	assert_int_equal(proc_run(argv, TIMEOUT_S, &r), 0);
	if (r.status != status || strcmp(r.out, out) != 0 || !strstr(r.err, err))
		fail_msg("%s: status %d, said '%s' and '%s'", args[0], r.status, r.out, r.err);
	/* One line, or nothing. */
	if (r.err[0])
		assert_ptr_equal(strchr(r.err, '\n'), r.err + strlen(r.err) - 1);
	proc_result_free(&r);
}

#define SAYS(status, out, err, ...) \
	says(lab.name, status, out, err, (const char *const[]){ __VA_ARGS__, NULL })

static void exec_tells_how_its_command_ended(void **state)
{
	SAYS(0, "hello\n", "", "exec", "echo", "hello");
	SAYS(42, "", "", "exec", "sh", "-c", "exit 42");
	SAYS(128 + SIGUSR1, "", "", "exec", "sh", "-c", "kill -USR1 $$");
	SAYS(127, "", "no-such-program", "exec", "no-such-program");
	SAYS(126, "", "/etc", "exec", "/etc");
	SAYS(124, "", "1 s", "exec", "--timeout", "1", "tail", "-f", "/dev/null");
}

static void files_that_are_not_there_are_named(void **state)
{
	SAYS(1, "", "/nonexistent/file", "push", "/nonexistent/file", "/run/x");
	SAYS(1, "", "/run/nonexistent", "pull", "/run/nonexistent", "/tmp/never-made");
	SAYS(1, "", "must begin with '/'", "push", "/etc/passwd", "relative");
	assert_int_equal(access("/tmp/never-made", F_OK), -1);
}

static void a_device_that_the_lab_lacks_is_named(void **state)
{
	SAYS(1, "", "PF 3", "wire", "--pf", "3", "stats");
}

static void its_name_is_in_use_and_it_lives_on(void **state)
{
	SAYS(1, "", "is already up: choose another --name", "up");
	SAYS(0, "still here\n", "", "exec", "echo", "still here");
}

/* Reads until the text has come; fails the test when it doesn't. */
static void await_text(int fd, const char *text)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char seen[16384] = "";
	size_t len = 0;
	ssize_t n;

	while (!strstr(seen, text)) {
		if (poll(&pfd, 1, TIMEOUT_S * 1000) <= 0)
			fail_msg("no '%s' in %d s, but: %s", text, TIMEOUT_S, seen);
		n = read(fd, seen + len, sizeof(seen) - 1 - len);
		if (n <= 0)
			fail_msg("it ended without '%s': %s", text, seen);
		for (ssize_t i = 0; i < n; i++)
			if (!seen[len + (size_t)i])
				seen[len + (size_t)i] = '?';
		len += (size_t)n;
		seen[len] = '\0';
	}
}

/* To be opened before what ends it: a process that is gone has no descriptor. */
static int watch_process(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	assert_true(fd >= 0);
	return fd;
}

static void await_end(int pidfd, const char *who)
{
	struct pollfd pfd = { .fd = pidfd, .events = POLLIN };

	if (poll(&pfd, 1, TIMEOUT_S * 1000) <= 0)
		fail_msg("%s did not end in %d s", who, TIMEOUT_S);
	close(pidfd);
}

static int await_exit(pid_t pid)
{
	int status;

	await_end(watch_process(pid), "labctl");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static bool is_raw(int master)
{
	struct termios now;

	assert_int_equal(tcgetattr(master, &now), 0);
	return !(now.c_lflag & ICANON);
}

static void the_console_is_a_terminal_to_the_lab_host(void **state)
{
	int master;
	pid_t pid = forkpty(&master, NULL, NULL, NULL);

	assert_true(pid >= 0);
	if (pid == 0) {
		execl(lab_ctl_path(), "labctl", "console", "--name", lab.name, NULL);
		_exit(127);
	}
	await_text(master, "Ctrl-] ends");
	/* Not by the session's leader: with its end the kernel drops what isn't sent yet. */
	lab_leave(&lab, "(exec 3<>/dev/ttyS0; echo LAB-ASKS >&3; read -r line <&3; "
			"echo LAB-HEARD $line >&3); :");
	await_text(master, "LAB-ASKS");
	assert_true(is_raw(master));
	assert_int_equal(write(master, "what I type\r", 12), 12);
	await_text(master, "LAB-HEARD what I type");
	assert_int_equal(write(master, "\x1d", 1), 1);
	assert_int_equal(await_exit(pid), 0);
	assert_false(is_raw(master));
	close(master);
}

/* labctl up of another lab; its standard error. */
static pid_t start_up(const char *name, int *ret_err)
{
	int err[2];
	pid_t pid;

	assert_int_equal(pipe(err), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		/* A shell without job control starts us with SIGINT ignored. */
		signal(SIGINT, SIG_DFL);
		dup2(err[1], 2);
		close(err[0]);
		close(err[1]);
		execl(lab_ctl_path(), "labctl", "up", "--name", name, NULL);
		_exit(127);
	}
	close(err[1]);
	*ret_err = err[0];
	return pid;
}

/* Of a lab, and to be opened while it is there. */
struct watched {
	int labd, qemu;
};

static struct watched watch_lab(struct lab *of)
{
	return (struct watched){
		.labd = watch_process((pid_t)lab_status_number(of, "labd_pid")),
		.qemu = watch_process((pid_t)lab_status_number(of, "qemu_pid")),
	};
}

/* Nothing of it runs, and it was taken down, not lost. */
static void await_taken_down(const struct watched *w, const char *name)
{
	struct rundir dir;

	await_end(w->qemu, "QEMU");
	await_end(w->labd, "labd");
	assert_int_equal(rundir_open(name, &dir), 0);
	assert_int_equal(faccessat(dir.fd, RUNDIR_VERDICT, F_OK, 0), 0);
	assert_int_equal(faccessat(dir.fd, RUNDIR_CTL, F_OK, 0), -1);
	rundir_close(&dir);
}

static void an_interrupted_start_leaves_nothing(void **state)
{
	struct lab other = { .name = "interrupted" };
	struct watched w;
	int err;
	pid_t pid;

	pid = start_up(other.name, &err);
	await_text(err, "the lab host boots");
	w = watch_lab(&other);
	assert_int_equal(kill(pid, SIGINT), 0);
	assert_int_equal(await_exit(pid), 128 + SIGINT);
	close(err);
	await_taken_down(&w, other.name);
}

static void a_lab_whose_supervisor_is_killed_is_gone_and_said_to_be(void **state)
{
	const char *const look[] = { "exec", "true", NULL }, *const end[] = { "down", NULL };
	struct lab other = { .name = "orphaned" };
	struct watched w;
	pid_t pid;
	int err;

	pid = start_up(other.name, &err);
	await_text(err, "the lab host boots");
	w = watch_lab(&other);
	assert_int_equal(kill((pid_t)lab_status_number(&other, "labd_pid"), SIGKILL), 0);
	await_end(w.qemu, "QEMU");
	await_end(w.labd, "labd");
	assert_int_equal(await_exit(pid), 1);
	close(err);
	says(other.name, 1, "", "is not up; its supervisor died (logs in ", look);
	says(other.name, 1, "", "is not up; its supervisor died (logs in ", end);
}

/* By the plain signal of a kill or of a closed terminal: no handler has a chance. */
static void a_scenario_that_a_signal_ends_takes_its_lab_along(void **state)
{
	struct watched w;

	if (!owner)
		skip();
	w = watch_lab(&lab);
	assert_int_equal(kill(owner, SIGTERM), 0);
	assert_int_equal(await_exit(owner), 128 + SIGTERM);
	owner = 0;
	lab.up = false;
	await_taken_down(&w, lab.name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exec_tells_how_its_command_ended),
		cmocka_unit_test(files_that_are_not_there_are_named),
		cmocka_unit_test(a_device_that_the_lab_lacks_is_named),
		cmocka_unit_test(its_name_is_in_use_and_it_lives_on),
		cmocka_unit_test(the_console_is_a_terminal_to_the_lab_host),
		cmocka_unit_test(an_interrupted_start_leaves_nothing),
		cmocka_unit_test(a_lab_whose_supervisor_is_killed_is_gone_and_said_to_be),
		cmocka_unit_test(a_scenario_that_a_signal_ends_takes_its_lab_along),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
