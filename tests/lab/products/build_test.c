// SPDX-License-Identifier: GPL-2.0-only
/* Whole builds with real recipes: what they make, and what they leave when they end badly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lab/products/testbed.h"

/* Says that it runs, then waits for ever with a child that left its session. */
#define HANGS                                                             \
	"echo 'step: hang' >&3\n"                                         \
	"exec 8>\"$TREE/../alive\" && flock 8\n"                          \
	"setsid sh -c 'setsid tail -f /dev/null & tail -f /dev/null' &\n" \
	"echo up >\"$TREE/../started\"\n"                                 \
	"tail -f /dev/null\n"

#define COUNTS "echo run >>\"$TREE/../runs\"\necho made >\"$OUT/file\"\n"

static int setup(void **state)
{
	static struct testbed tb;

	testbed_open(&tb);
	if (mkfifo(testbed_path(&tb, "started"), 0600))
		return -1;
	*state = &tb;
	return 0;
}

static int teardown(void **state)
{
	testbed_close(*state);
	return 0;
}

static int build(struct testbed *tb, const char *name)
{
	assert_int_equal(testbed_load(tb), 0);
	return build_ensure(&tb->build, catalog_find(&tb->catalog, name), &tb->problem);
}

static void assert_runs(struct testbed *tb, size_t n)
{
	char *runs = testbed_read(tb, "runs");

	assert_int_equal(strlen(runs), n * strlen("run\n"));
	free(runs);
}

/* No process of the recipe lives, no half-built entry is there. */
static void assert_nothing_left(struct testbed *tb, const char *name)
{
	int fd = open(testbed_path(tb, "alive"), O_RDWR | O_CREAT, 0600);

	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	close(fd);
	assert_int_equal(testbed_count(tb, "cache/tmp"), 0);
	assert_int_equal(access(testbed_path(tb, "cache/%s", name), F_OK), -1);
}

static pid_t build_in_child(struct testbed *tb, const char *name)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(-build(tb, name));
	return pid;
}

/* The recipe says that it runs; a build that ends instead has failed. */
static void await_start(struct testbed *tb, pid_t build)
{
	struct pollfd fds[] = {
		{ .fd = open(testbed_path(tb, "started"), O_RDONLY | O_NONBLOCK),
		  .events = POLLIN },
		{ .fd = (int)syscall(SYS_pidfd_open, build, 0), .events = POLLIN },
	};
	char text[8];

	assert_true(fds[0].fd >= 0 && fds[1].fd >= 0);
	while (poll(fds, 2, -1) < 0)
		assert_int_equal(errno, EINTR);
	if (!(fds[0].revents & POLLIN))
		fail_msg("the recipe did not start");
	assert_true(read(fds[0].fd, text, sizeof(text)) > 0);
	close(fds[0].fd);
	close(fds[1].fd);
}

static int await_end(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void a_second_build_does_nothing(void **state)
{
	struct testbed *tb = *state;
	char *entry;

	testbed_product(tb, "thing", "title t\n", COUNTS);
	assert_int_equal(build(tb, "thing"), 0);
	assert_int_equal(build(tb, "thing"), 0);
	assert_runs(tb, 1);
	assert_int_equal(build_lookup(&tb->build, catalog_find(&tb->catalog, "thing"), true, &entry,
				      &tb->problem),
			 0);
	free(entry);
	assert_int_equal(testbed_count(tb, "cache/tmp"), 0);
}

static void inputs_are_built_first_and_found_by_the_recipe(void **state)
{
	struct testbed *tb = *state;

	testbed_product(tb, "the-base", "title b\n", "echo base >\"$OUT/base\"\n");
	testbed_product(tb, "thing", "title t\nneeds the-base\n",
			"cp \"$DEP_the_base/base\" \"$OUT/\"\n");
	assert_int_equal(build(tb, "thing"), 0);
	assert_int_equal(testbed_count(tb, "cache/the-base"), 1);
	assert_int_equal(testbed_count(tb, "cache/thing"), 1);
}

static void a_damaged_entry_is_built_anew(void **state)
{
	struct testbed *tb = *state;
	struct problem why = { 0 };
	char *entry, file[4096];

	testbed_product(tb, "thing", "title t\n", COUNTS);
	assert_int_equal(build(tb, "thing"), 0);
	assert_int_equal(
		build_lookup(&tb->build, catalog_find(&tb->catalog, "thing"), false, &entry, &why),
		0);
	snprintf(file, sizeof(file), "%s/file", entry);
	assert_int_equal(truncate(file, 2), 0);
	assert_int_equal(
		build_lookup(&tb->build, catalog_find(&tb->catalog, "thing"), false, NULL, &why),
		-EBADMSG);
	assert_int_equal(build(tb, "thing"), 0);
	assert_runs(tb, 2);
	memset(&why, 0, sizeof(why));
	assert_int_equal(
		build_lookup(&tb->build, catalog_find(&tb->catalog, "thing"), true, NULL, &why), 0);
	free(entry);
}

static void a_failed_recipe_is_told_by_product_and_step(void **state)
{
	struct testbed *tb = *state;

	testbed_product(tb, "thing", "title t\n",
			"echo 'step: break it' >&3\necho half >\"$OUT/file\"\nexit 3\n");
	assert_int_equal(build(tb, "thing"), -EIO);
	assert_string_equal(tb->problem.text, "thing: step 'break it' failed with exit status 3");
	assert_non_null(strstr(tb->problem.hint, "/log/thing.log"));
	assert_nothing_left(tb, "thing");
}

static void a_recipe_can_say_what_is_wrong_and_what_to_do(void **state)
{
	struct testbed *tb = *state;

	testbed_product(tb, "thing", "title t\n",
			"echo 'error: no x' >&3\necho 'hint: get x' >&3\nexit 1\n");
	assert_int_equal(build(tb, "thing"), -EIO);
	assert_string_equal(tb->problem.text, "thing: no x");
	assert_string_equal(tb->problem.hint, "get x");
}

static void known_causes_in_the_log_are_told(void **state)
{
	struct testbed *tb = *state;

	testbed_product(tb, "thing", "title t\n",
			"echo 'x: write error: No space left on device' >&2\nexit 1\n");
	assert_int_equal(build(tb, "thing"), -EIO);
	assert_string_equal(tb->problem.text, "thing: step 'start' failed: the disk is full");
}

static void too_little_space_is_told_before_anything_is_done(void **state)
{
	struct testbed *tb = *state;

	testbed_product(tb, "thing", "title t\ndisk 4000000000\n", COUNTS);
	assert_int_equal(build(tb, "thing"), -ENOSPC);
	assert_non_null(strstr(tb->problem.text, "takes 4000000000 MiB"));
	assert_runs(tb, 0);
}

static void a_timeout_ends_all_that_the_recipe_started(void **state)
{
	struct testbed *tb = *state;
	pid_t pid;

	testbed_product(tb, "thing", "title t\ntimeout 1\n", HANGS);
	pid = build_in_child(tb, "thing");
	await_start(tb, pid);
	assert_int_equal(await_end(pid), ETIMEDOUT);
	assert_nothing_left(tb, "thing");
}

static void an_interrupt_ends_all_that_the_recipe_started(void **state)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct testbed *tb = *state;
	pid_t pid;

	testbed_product(tb, "thing", "title t\n", HANGS);
	for (int i = 0; i < 3; i++) {
		pid = build_in_child(tb, "thing");
		await_start(tb, pid);
		kill(pid, signals[i]);
		assert_int_equal(await_end(pid), EINTR);
		assert_nothing_left(tb, "thing");
	}
}

/* Waits until the recipe's processes are gone: they hold the lock until then. */
static void await_death(struct testbed *tb)
{
	int fd = open(testbed_path(tb, "alive"), O_RDWR | O_CREAT, 0600);

	assert_int_equal(flock(fd, LOCK_EX), 0);
	close(fd);
}

static void a_killed_build_leaves_nothing_that_is_trusted(void **state)
{
	struct testbed *tb = *state;
	pid_t pid;

	testbed_product(tb, "thing", "title t\n", HANGS);
	pid = build_in_child(tb, "thing");
	await_start(tb, pid);
	kill(pid, SIGKILL);
	assert_int_equal(await_end(pid), -SIGKILL);
	await_death(tb);
	assert_int_equal(access(testbed_path(tb, "cache/thing"), F_OK), -1);
	testbed_product(tb, "thing", "title t\n", COUNTS);
	assert_int_equal(build(tb, "thing"), 0);
	assert_int_equal(testbed_count(tb, "cache/tmp"), 0);
}

static void two_builds_of_one_product_run_one_recipe(void **state)
{
	struct testbed *tb = *state;
	pid_t first, second;

	testbed_product(tb, "thing", "title t\n",
			COUNTS "echo up >\"$TREE/../started\"\nread -r go <\"$TREE/../go\"\n");
	assert_int_equal(mkfifo(testbed_path(tb, "go"), 0600), 0);
	first = build_in_child(tb, "thing");
	await_start(tb, first);
	second = build_in_child(tb, "thing");
	testbed_write(tb, "go\n", "go");
	assert_int_equal(await_end(first), 0);
	assert_int_equal(await_end(second), 0);
	assert_runs(tb, 1);
}

static void an_input_edited_during_the_build_is_noticed(void **state)
{
	struct testbed *tb = *state;

	testbed_product(tb, "thing", "title t\nfile a\n", "echo new >\"$TREE/a\"\n");
	testbed_write(tb, "old\n", "tree/a");
	assert_int_equal(build(tb, "thing"), -EAGAIN);
	assert_nothing_left(tb, "thing");
}

/* A root that is a plain folder, in mounts of our own; what is built lies below /tmp. */
static void enter_jail(struct testbed *tb)
{
	const char *jail = testbed_path(tb, "jail");
	char tmp[128], dev[128];

	snprintf(tmp, sizeof(tmp), "%s/tmp", jail);
	snprintf(dev, sizeof(dev), "%s/dev", jail);
	assert_int_equal(mkdir(jail, 0755) || mkdir(tmp, 0755) || mkdir(dev, 0755), 0);
	assert_int_equal(unshare(CLONE_NEWNS), 0);
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	assert_int_equal(mount("/tmp", tmp, NULL, MS_BIND, NULL), 0);
	assert_int_equal(mount("/dev", dev, NULL, MS_BIND, NULL), 0);
	assert_int_equal(chroot(jail), 0);
	assert_int_equal(chdir("/"), 0);
}

static void a_root_that_is_no_mount_point_is_told_at_once(void **state)
{
	struct testbed *tb = *state;
	pid_t pid;
	int ret;

	/* Only root's recipes have mounts of their own. */
	if (geteuid() != 0)
		skip();
	testbed_product(tb, "thing", "title t\n", COUNTS);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		enter_jail(tb);
		ret = build(tb, "thing");
		printf("# %d: %s (%s)\n", ret, tb->problem.text, tb->problem.hint);
		fflush(stdout);
		_exit(ret != -EIO || !strstr(tb->problem.text, "\"/\" is not a mount point") ||
		      !strstr(tb->problem.hint, "mount --bind"));
	}
	assert_int_equal(await_end(pid), 0);
	assert_runs(tb, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_second_build_does_nothing),
		TEST(inputs_are_built_first_and_found_by_the_recipe),
		TEST(a_damaged_entry_is_built_anew),
		TEST(a_failed_recipe_is_told_by_product_and_step),
		TEST(a_recipe_can_say_what_is_wrong_and_what_to_do),
		TEST(known_causes_in_the_log_are_told),
		TEST(too_little_space_is_told_before_anything_is_done),
		TEST(a_timeout_ends_all_that_the_recipe_started),
		TEST(an_interrupt_ends_all_that_the_recipe_started),
		TEST(a_killed_build_leaves_nothing_that_is_trusted),
		TEST(two_builds_of_one_product_run_one_recipe),
		TEST(an_input_edited_during_the_build_is_noticed),
		TEST(a_root_that_is_no_mount_point_is_told_at_once),
	};

	return cmocka_run_group_tests_name("products_build", tests, NULL, NULL);
}
