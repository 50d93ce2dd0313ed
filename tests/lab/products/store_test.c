// SPDX-License-Identifier: GPL-2.0-only
/* Entries of the cache: published whole, damage seen, kept while in use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lab/products/manifest.h"
#include "tests/lab/products/testbed.h"

#define KEY   "0123456789abcdef0123456789abcdef"
#define ENTRY "cache/thing/" KEY

static void publish(struct testbed *tb)
{
	testbed_write(tb, "some content\n", "cache/tmp/thing.x/out/file");
	testbed_write(tb, "more\n", "cache/tmp/thing.x/out/folder/file");
	if (symlink("file", testbed_path(tb, "cache/tmp/thing.x/out/link")))
		assert_int_equal(errno, EEXIST);
	assert_int_equal(store_publish(&tb->store, "thing", KEY,
				       testbed_path(tb, "cache/tmp/thing.x/out"), &tb->problem),
			 0);
}

static int setup(void **state)
{
	static struct testbed tb;

	testbed_open(&tb);
	publish(&tb);
	*state = &tb;
	return 0;
}

static int teardown(void **state)
{
	testbed_close(*state);
	return 0;
}

static int check(struct testbed *tb, bool deep)
{
	memset(&tb->problem, 0, sizeof(tb->problem));
	return manifest_check(testbed_path(tb, ENTRY), deep, &tb->problem);
}

static void a_published_entry_is_whole_and_its_folder_is_gone(void **state)
{
	struct testbed *tb = *state;

	assert_int_equal(check(tb, true), 0);
	assert_int_equal(access(testbed_path(tb, "cache/tmp/thing.x/out"), F_OK), -1);
}

static void a_file_cut_in_half_is_seen(void **state)
{
	struct testbed *tb = *state;

	assert_int_equal(truncate(testbed_path(tb, ENTRY "/file"), 6), 0);
	assert_int_equal(check(tb, false), -EBADMSG);
	assert_non_null(strstr(tb->problem.text, "has 6 bytes, was built with 13"));
}

static void a_removed_file_and_another_kind_of_file_are_seen(void **state)
{
	struct testbed *tb = *state;

	unlink(testbed_path(tb, ENTRY "/folder/file"));
	assert_int_equal(check(tb, false), -EBADMSG);
	mkdir(testbed_path(tb, ENTRY "/folder/file"), 0755);
	assert_int_equal(check(tb, false), -EBADMSG);
}

static void other_content_of_the_same_size_is_seen(void **state)
{
	struct testbed *tb = *state;

	testbed_write(tb, "SOME content\n", ENTRY "/file");
	assert_int_equal(check(tb, false), -EBADMSG);
}

static void a_touched_file_with_its_content_is_whole(void **state)
{
	struct testbed *tb = *state;

	assert_int_equal(utimensat(AT_FDCWD, testbed_path(tb, ENTRY "/file"), NULL, 0), 0);
	assert_int_equal(check(tb, false), 0);
}

/* A disk that lies leaves size and times as they were: only reading tells. */
static void hidden_damage_is_seen_by_the_deep_check_only(void **state)
{
	struct testbed *tb = *state;
	struct timespec times[2];
	struct stat st;

	assert_int_equal(stat(testbed_path(tb, ENTRY "/file"), &st), 0);
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	testbed_write(tb, "sOme content\n", ENTRY "/file");
	utimensat(AT_FDCWD, testbed_path(tb, ENTRY "/file"), times, 0);
	assert_int_equal(check(tb, false), 0);
	assert_int_equal(check(tb, true), -EBADMSG);
}

static void a_changed_link_is_seen_by_the_deep_check(void **state)
{
	struct testbed *tb = *state;

	unlink(testbed_path(tb, ENTRY "/link"));
	assert_int_equal(symlink("folder", testbed_path(tb, ENTRY "/link")), 0);
	assert_int_equal(check(tb, true), -EBADMSG);
}

static void a_cut_or_edited_list_is_no_list(void **state)
{
	struct testbed *tb = *state;
	char *text = testbed_read(tb, ENTRY "/" MANIFEST_NAME);

	for (size_t len = 0; len < strlen(text); len += 7) {
		assert_int_equal(truncate(testbed_path(tb, ENTRY "/" MANIFEST_NAME), len), 0);
		assert_int_equal(check(tb, false), -EBADMSG);
		testbed_write(tb, text, ENTRY "/" MANIFEST_NAME);
	}
	assert_int_equal(check(tb, false), 0);
	*strchr(text, '3') = '4';
	testbed_write(tb, text, ENTRY "/" MANIFEST_NAME);
	assert_int_equal(check(tb, false), -EBADMSG);
	free(text);
}

static void publishing_over_a_damaged_entry_replaces_it(void **state)
{
	struct testbed *tb = *state;

	truncate(testbed_path(tb, ENTRY "/file"), 0);
	publish(tb);
	assert_int_equal(check(tb, true), 0);
}

static void collecting_spares_the_current_and_the_used(void **state)
{
	struct testbed *tb = *state;
	unsigned int gone;
	int fd;

	testbed_write(tb, "x", "cache/thing/old/file");
	testbed_write(tb, "x", "cache/thing/used/file");
	fd = open(testbed_path(tb, "cache/thing/used"), O_RDONLY | O_DIRECTORY);
	assert_int_equal(flock(fd, LOCK_SH), 0);
	assert_int_equal(store_collect(&tb->store, "thing", KEY, &gone, &tb->problem), 0);
	assert_int_equal(gone, 1);
	assert_int_equal(check(tb, true), 0);
	assert_int_equal(access(testbed_path(tb, "cache/thing/old"), F_OK), -1);
	assert_int_equal(access(testbed_path(tb, "cache/thing/used/file"), F_OK), 0);
	close(fd);
	assert_int_equal(store_collect(&tb->store, "thing", KEY, &gone, &tb->problem), 0);
	assert_int_equal(gone, 1);
}

static void a_new_temporary_folder_removes_what_a_killed_build_left(void **state)
{
	struct testbed *tb = *state;
	char *dir;

	testbed_write(tb, "x", "cache/tmp/thing.abc/work/deep/file");
	testbed_write(tb, "x", "cache/tmp/thing2.abc/work/file");
	assert_int_equal(store_temp_dir(&tb->store, "thing", &dir, &tb->problem), 0);
	assert_int_equal(access(testbed_path(tb, "cache/tmp/thing.abc"), F_OK), -1);
	assert_int_equal(access(testbed_path(tb, "cache/tmp/thing2.abc/work/file"), F_OK), 0);
	free(dir);
}

static void a_relative_cache_folder_is_refused(void **state)
{
	struct problem p = { 0 };
	struct store s;

	assert_int_equal(store_open("cache", &s, &p), -EINVAL);
	assert_string_equal(p.text, "cache folder 'cache': must be an absolute path");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_published_entry_is_whole_and_its_folder_is_gone),
		TEST(a_file_cut_in_half_is_seen),
		TEST(a_removed_file_and_another_kind_of_file_are_seen),
		TEST(other_content_of_the_same_size_is_seen),
		TEST(a_touched_file_with_its_content_is_whole),
		TEST(hidden_damage_is_seen_by_the_deep_check_only),
		TEST(a_changed_link_is_seen_by_the_deep_check),
		TEST(a_cut_or_edited_list_is_no_list),
		TEST(publishing_over_a_damaged_entry_replaces_it),
		TEST(collecting_spares_the_current_and_the_used),
		TEST(a_new_temporary_folder_removes_what_a_killed_build_left),
		TEST(a_relative_cache_folder_is_refused),
	};

	return cmocka_run_group_tests_name("products_store", tests, NULL, NULL);
}
