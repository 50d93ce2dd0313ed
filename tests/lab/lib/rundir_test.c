// SPDX-License-Identifier: GPL-2.0-only
/* A run's directory and the lines that go over its control socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lab/lib/jsonline.h"
#include "tests/lab/lib/rundir.h"

static char base[64];

static int setup(void **state)
{
	snprintf(base, sizeof(base), "/tmp/rundir_test.XXXXXX");
	if (!mkdtemp(base))
		return -1;
	return setenv("PFKEEP_RUN", base, 1);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int teardown(void **state)
{
	return nftw(base, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static void write_file(const struct rundir *dir, const char *name)
{
	int fd = openat(dir->fd, name, O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "text", 4), 4);
	close(fd);
}

static void a_name_that_is_up_is_in_use(void **state)
{
	struct rundir first, second;
	int lock, other;

	assert_int_equal(rundir_create("a", &first, &lock), 0);
	assert_int_equal(rundir_create("a", &second, &other), -EBUSY);
	assert_true(rundir_alive(&first));
	close(lock);
	assert_false(rundir_alive(&first));
	rundir_close(&first);
}

static void a_new_run_begins_empty(void **state)
{
	struct rundir dir;
	char *text;
	int lock;

	assert_int_equal(rundir_create("a", &dir, &lock), 0);
	write_file(&dir, "old.log");
	assert_int_equal(mkdirat(dir.fd, "consoles", 0700), 0);
	write_file(&dir, "consoles/old.log");
	close(lock);
	rundir_close(&dir);
	assert_int_equal(rundir_create("a", &dir, &lock), 0);
	assert_int_equal(rundir_read(&dir, "old.log", &text), -ENOENT);
	assert_int_equal(faccessat(dir.fd, "consoles", F_OK, 0), -1);
	close(lock);
	rundir_close(&dir);
}

static void a_lab_that_never_was_is_not_found(void **state)
{
	struct rundir dir;

	assert_int_equal(rundir_open("never", &dir), -ENOENT);
	assert_int_equal(rundir_open("../etc", &dir), -EINVAL);
}

static void a_link_in_place_of_a_log_is_not_followed(void **state)
{
	struct rundir dir;
	char *text;
	int lock;

	assert_int_equal(rundir_create("a", &dir, &lock), 0);
	assert_int_equal(symlinkat("/etc/passwd", dir.fd, RUNDIR_VERDICT), 0);
	assert_int_equal(rundir_read(&dir, RUNDIR_VERDICT, &text), -ELOOP);
	close(lock);
	rundir_close(&dir);
}

static void lines_are_taken_one_by_one_however_they_come(void **state)
{
	const char *text = "{\"a\":1}\n{\"a\":2}\n{\"a\":3";
	struct jsonline in = { 0 };
	json_object *object;

	for (const char *p = text; *p; p++)
		assert_int_equal(jsonline_feed(&in, p, 1), 0);
	for (int i = 1; i <= 2; i++) {
		assert_int_equal(jsonline_next(&in, &object), 1);
		assert_int_equal(jsonline_int(object, "a", 0), i);
		json_object_put(object);
	}
	assert_int_equal(jsonline_next(&in, &object), 0);
	jsonline_free(&in);
}

static void a_line_that_is_no_object_is_dropped_alone(void **state)
{
	const char *text = "nonsense\n[1,2]\n\n{\"a\":1} trailing\n{\"a\":5}\n";
	struct jsonline in = { 0 };
	json_object *object;
	int bad = 0, ret;

	assert_int_equal(jsonline_feed(&in, text, strlen(text)), 0);
	while ((ret = jsonline_next(&in, &object)) < 0)
		bad++;
	assert_true(bad >= 3);
	assert_int_equal(ret, 1);
	json_object_put(object);
	jsonline_free(&in);
}

static void a_line_without_an_end_is_refused_in_time(void **state)
{
	static char chunk[65536];
	struct jsonline in = { 0 };
	int ret = 0;

	memset(chunk, 'x', sizeof(chunk));
	for (int i = 0; !ret && i < 100; i++)
		ret = jsonline_feed(&in, chunk, sizeof(chunk));
	assert_int_equal(ret, -EMSGSIZE);
	assert_true(in.len <= JSONLINE_MAX);
	jsonline_free(&in);
}

static void a_member_of_another_type_counts_as_absent(void **state)
{
	json_object *object = json_tokener_parse("{\"n\":\"7\",\"s\":7}");

	assert_int_equal(jsonline_int(object, "n", -1), -1);
	assert_string_equal(jsonline_string(object, "s", "none"), "none");
	json_object_put(object);
}

static void what_is_sent_arrives(void **state)
{
	json_object *object = json_tokener_parse("{\"text\":\"line\\nbreak\"}"), *got;
	struct jsonline in = { 0 };
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(jsonline_send(fds[0], object), 0);
	assert_int_equal(jsonline_recv(fds[1], &in, &got), 0);
	assert_string_equal(jsonline_string(got, "text", ""), "line\nbreak");
	json_object_put(got);
	close(fds[0]);
	assert_int_equal(jsonline_recv(fds[1], &in, &got), -EPIPE);
	close(fds[1]);
	json_object_put(object);
	jsonline_free(&in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_name_that_is_up_is_in_use, setup, teardown),
		cmocka_unit_test_setup_teardown(a_new_run_begins_empty, setup, teardown),
		cmocka_unit_test_setup_teardown(a_lab_that_never_was_is_not_found, setup, teardown),
		cmocka_unit_test_setup_teardown(a_link_in_place_of_a_log_is_not_followed, setup,
						teardown),
		cmocka_unit_test(lines_are_taken_one_by_one_however_they_come),
		cmocka_unit_test(a_line_that_is_no_object_is_dropped_alone),
		cmocka_unit_test(a_line_without_an_end_is_refused_in_time),
		cmocka_unit_test(a_member_of_another_type_counts_as_absent),
		cmocka_unit_test(what_is_sent_arrives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
