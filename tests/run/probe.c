// SPDX-License-Identifier: GPL-2.0-only
/* A cmocka program that behaves as its first argument says: what the runner is tested with. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static const char *how;
static const char *path;

static void passes(void **state)
{
	print_message("a line from the test\n");
}

static void fails(void **state)
{
	assert_int_equal(1, 2);
}

static void skips(void **state)
{
	skip();
}

/* Writes the pid to the fifo or file, so that the test knows that it runs. */
static void announce(pid_t pid)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);

	if (fd < 0 || dprintf(fd, "%d\n", (int)pid) < 0)
		_exit(99);
	close(fd);
}

/* Returns once the daemon has its session and has announced itself. */
static void daemonize(void)
{
	int ready[2];
	char byte;

	if (pipe(ready) < 0)
		_exit(99);
	if (fork() != 0) {
		close(ready[1]);
		(void)!read(ready[0], &byte, 1);
		return;
	}
	setsid();
	if (strcmp(how, "stubborn") == 0)
		signal(SIGTERM, SIG_IGN);
	announce(getpid());
	close(ready[1]);
	for (;;)
		pause();
}

static void hangs_with_a_daemon(void **state)
{
	daemonize();
	for (;;)
		pause();
}

static void leaves_a_daemon(void **state)
{
	daemonize();
}

static void is_killed(void **state)
{
	raise(SIGKILL);
}

static void exits(void **state)
{
	_exit(0);
}

static void meets_an_emulator_failure(void **state)
{
	print_message("# emulator-failure: triple fault in the lab host\n");
	fail();
}

static int run_between_passes(const char *name, CMUnitTestFunction test)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passes),
		{ name, test, NULL, NULL, NULL },
		cmocka_unit_test(passes),
	};

	return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}

#define RUN(test) run_between_passes(#test, test)

int main(int argc, char *argv[])
{
	how = argc > 1 ? argv[1] : "";
	path = argc > 2 ? argv[2] : NULL;
	if (strcmp(how, "pass") == 0)
		return RUN(passes);
	if (strcmp(how, "fail") == 0)
		return RUN(fails);
	if (strcmp(how, "skip") == 0)
		return RUN(skips);
	if (strcmp(how, "hang") == 0 || strcmp(how, "stubborn") == 0)
		return RUN(hangs_with_a_daemon);
	if (strcmp(how, "leave") == 0)
		return RUN(leaves_a_daemon);
	if (strcmp(how, "killed") == 0)
		return RUN(is_killed);
	if (strcmp(how, "exit-early") == 0)
		return RUN(exits);
	if (strcmp(how, "emulator") == 0)
		return RUN(meets_an_emulator_failure);
	if (strcmp(how, "pass-then-exit-3") == 0)
		return RUN(passes) + 3;
	return 0; /* no test at all */
}
