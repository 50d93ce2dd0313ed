// SPDX-License-Identifier: GPL-2.0-only
/*
 * What labctl says to what can't be done: the right exit status, one line, and
 * nothing left running. The real programs, without a lab: what needs one is in
 * the scenario labctl_is_fit_for_people.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lab/harness/proc.h"

#define ARGS_MAX  16
#define TIMEOUT_S 60

static char labctl[PATH_MAX], dir[64];

/* Files that a lab's parts are found by; no QEMU comes as far as to open them. */
static const char *const parts[] = {
	"toolroot",
	"emulator/qemu-system-x86_64",
	"kernel-pfkeep/vmlinuz",
	"kernel-pfkeep/initrd.img",
	"kernel-pfkeep/modules.img",
	"host-pfkeep/disk.img",
	"payload/payload.img",
};

static void make_file(const char *file)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	for (char *p = path + strlen(dir) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		mkdir(path, 0755);
		*p = '/';
	}
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	close(fd);
}

static int setup(void **state)
{
	char path[PATH_MAX], self[PATH_MAX - 32];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		return -1;
	self[n] = '\0';
	for (int up = 0; up < 2; up++)
		*strrchr(self, '/') = '\0';
	snprintf(labctl, sizeof(labctl), "%s/lab/labctl", self);
	snprintf(dir, sizeof(dir), "/tmp/labctl-test.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/run", dir);
	setenv("PFKEEP_RUN", path, 1);
	snprintf(path, sizeof(path), "%s/products", dir);
	setenv("PFKEEP_PRODUCTS", path, 1);
	/* Who outlives labctl becomes our child, so that none goes unnoticed. */
	return prctl(PR_SET_CHILD_SUBREAPER, 1);
}

static int teardown(void **state)
{
	const char *argv[] = { "rm", "-rf", dir, NULL };
	struct proc_result r;
	int ret = proc_run(argv, TIMEOUT_S, &r);

	proc_result_free(&r);
	return ret;
}

static void make_parts(void)
{
	char file[PATH_MAX];

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		snprintf(file, sizeof(file), "products/%s", parts[i]);
		make_file(file);
	}
}

static void too_late(int sig)
{
}

/* Who outlived labctl is our child now: it has ended, or does so at once. */
static void assert_nothing_left(void)
{
	const struct sigaction action = { .sa_handler = too_late };
	pid_t pid;

	sigaction(SIGALRM, &action, NULL);
	alarm(TIMEOUT_S);
	while ((pid = waitpid(-1, NULL, 0)) > 0)
		;
	alarm(0);
	if (errno != ECHILD)
		fail_msg("something that labctl started still runs");
}

static void refused(int status, const char *says, const char *const args[])
{
	const char *argv[ARGS_MAX] = { labctl };
	struct proc_result r;

	for (size_t i = 0; args[i]; i++)
		argv[i + 1] = args[i];
	assert_int_equal(proc_run(argv, TIMEOUT_S, &r), 0);
	if (r.status != status || !strstr(r.err, says))
		fail_msg("status %d, not %d, or no '%s' in: %s", r.status, status, says, r.err);
	assert_string_equal(r.out, "");
	/* one line, whole */
	assert_ptr_equal(strchr(r.err, '\n'), r.err + strlen(r.err) - 1);
	proc_result_free(&r);
	assert_nothing_left();
}

#define REFUSED(status, says, ...) refused(status, says, (const char *const[]){ __VA_ARGS__, NULL })

static void bad_usage_is_status_2(void **state)
{
	REFUSED(2, "--pf e1000", "up", "--pf", "e1000");
	REFUSED(2, "must be pfkeep, debug, stock or stock-6.12", "up", "--kernel", "vanilla");
	REFUSED(2, "2 GiB at least", "up", "--ram", "1");
	REFUSED(2, "whole GiB", "up", "--ram", "4.5");
	REFUSED(2, "1 to 64", "up", "--cpus", "0");
	REFUSED(2, "--name ../x", "up", "--name", "../x");
	REFUSED(2, "--name needs a value", "up", "--name");
	REFUSED(2, "--owner me: the number of a process", "up", "--owner", "me");
	REFUSED(2, "unknown argument --nonsense", "up", "--nonsense");
	REFUSED(2, "unknown command upp", "upp");
	REFUSED(2, "no command given", "exec", "--");
	REFUSED(2, "needs SRC and DST", "push", "only-one");
	REFUSED(2, "unknown action sned", "wire", "sned");
	REFUSED(2, "not a number", "wire", "send", "--rate", "fast");
	REFUSED(2, "takes no argument", "down", "now");
}

static void a_part_that_is_missing_is_named(void **state)
{
	make_parts();
	for (size_t i = 1; i < sizeof(parts) / sizeof(parts[0]); i++) {
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s/products/%s", dir, parts[i]);
		assert_int_equal(unlink(path), 0);
		REFUSED(1, parts[i], "up");
		make_parts();
	}
	setenv("PFKEEP_PRODUCTS", "/nonexistent", 1);
	REFUSED(1, "/nonexistent/emulator/qemu-system-x86_64: No such file", "up");
}

static void more_memory_than_there_is_is_refused(void **state)
{
	make_parts();
	REFUSED(1, "too little memory: the lab host takes 524288 MiB", "up", "--ram", "512");
}

/* A process that has ended, and whose number nobody else has yet. */
static void an_owner_that_is_not_there_is_named(void **state)
{
	char number[16], says[64];
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	make_parts();
	snprintf(number, sizeof(number), "%d", (int)pid);
	snprintf(says, sizeof(says), "--owner %d: No such process", (int)pid);
	REFUSED(1, says, "up", "--owner", number);
}

static void a_name_in_use_is_refused_and_its_lab_untouched(void **state)
{
	char path[PATH_MAX];
	struct stat st;
	int lock;

	make_parts();
	make_file("run/taken/lock");
	make_file("run/taken/console.log");
	snprintf(path, sizeof(path), "%s/run/taken/lock", dir);
	lock = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(flock(lock, LOCK_EX), 0);
	REFUSED(1, "lab taken is already up: choose another --name", "up", "--name", "taken");
	snprintf(path, sizeof(path), "%s/run/taken/console.log", dir);
	assert_int_equal(stat(path, &st), 0);
	close(lock);
}

static void a_lab_that_is_not_there_is_said_to_be_so(void **state)
{
	REFUSED(1, "there is no lab none", "status", "--name", "none");
	REFUSED(1, "there is no lab none", "exec", "--name", "none", "true");
	REFUSED(1, "there is no lab none", "push", "--name", "none", "/etc/passwd", "/x");
	REFUSED(1, "there is no lab none", "pull", "--name", "none", "/x", "y");
	REFUSED(1, "there is no lab none", "wire", "--name", "none", "stats");
	REFUSED(1, "there is no lab none", "console", "--name", "none");
	REFUSED(1, "there is no lab none", "down", "--name", "none");
}

static void a_lab_that_is_dead_is_said_to_be_dead(void **state)
{
	make_file("run/dead/lock");
	REFUSED(1, "lab dead is not up; its supervisor died (logs in ", "exec", "--name", "dead",
		"true");
	REFUSED(1, "lab dead is not up", "status", "--name", "dead");
	REFUSED(1, "lab dead is not up", "wire", "--name", "dead", "stats");
	REFUSED(1, "lab dead is not up", "console", "--name", "dead");
	REFUSED(1, "lab dead is not up", "down", "--name", "dead");
}

static void a_run_directory_that_cannot_be_made_is_named(void **state)
{
	make_parts();
	make_file("file");
	setenv("PFKEEP_RUN", "/proc/nowhere", 1);
	REFUSED(1, "/proc/nowhere/lab", "up");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bad_usage_is_status_2),
		TEST(a_part_that_is_missing_is_named),
		TEST(more_memory_than_there_is_is_refused),
		TEST(an_owner_that_is_not_there_is_named),
		TEST(a_name_in_use_is_refused_and_its_lab_untouched),
		TEST(a_lab_that_is_not_there_is_said_to_be_so),
		TEST(a_lab_that_is_dead_is_said_to_be_dead),
		TEST(a_run_directory_that_cannot_be_made_is_named),
	};

	return cmocka_run_group_tests_name("labctl_bad_input", tests, NULL, NULL);
}
