// SPDX-License-Identifier: GPL-2.0-only
#include "orchestration/testing/cmocka.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "orchestration/libpfkeep/state_line.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/crc32c.h"
#include "pfkeep/state.h"

static char dir[32];

static int setup(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/pfkeep-state-XXXXXX");
	assert_non_null(mkdtemp(dir));
	return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int teardown(void **state)
{
	return nftw(dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static const char *file(const char *name)
{
	static char path[64];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static struct state *must_open(void)
{
	struct problem problem = { "" };
	struct state *state = NULL;

	if (state_open(dir, &state, &problem))
		fail_msg("%s", problem.text);
	return state;
}

static struct json_object *number(int value)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "n", json_object_new_int(value));
	return object;
}

static void put(struct state *state, const char *key, int value)
{
	struct state_change change;

	assert_int_equal(state_change_init(&change), 0);
	assert_int_equal(state_put(&change, key, number(value)), 0);
	assert_int_equal(state_commit(state, &change, NULL), 0);
	state_change_release(&change);
}

static int get(const struct state *state, const char *key)
{
	struct json_object *object = state_get(state, key);
	int n = object ? json_object_get_int(json_object_object_get(object, "n")) : -1;

	json_object_put(object);
	return n;
}

static size_t slurp(const char *name, char *buf, size_t size)
{
	CLEANUP(cleanup_file) FILE *in = fopen(file(name), "r");

	assert_non_null(in);
	return fread(buf, 1, size, in);
}

static void spill(const char *name, const char *text, size_t len)
{
	CLEANUP(cleanup_file) FILE *out = fopen(file(name), "w");

	assert_non_null(out);
	assert_int_equal(fwrite(text, 1, len, out), len);
}

static void the_checksum_is_crc32c(void **state)
{
	assert_int_equal(crc32c("123456789", 9), 0xe3069283);
	assert_int_equal(crc32c("", 0), 0);
}

static void what_was_committed_is_there_after_reopening(void **state)
{
	struct state *s = must_open();
	struct state_change change;

	assert_int_equal(state_serial(s), 0);
	put(s, "vf/0000:01:00.0/3", 7);
	put(s, "pf/0000:01:00.0", 1);
	assert_int_equal(state_change_init(&change), 0);
	assert_int_equal(state_delete(&change, "pf/0000:01:00.0"), 0);
	assert_int_equal(state_put(&change, "vf/0000:01:00.0/3", number(8)), 0);
	assert_int_equal(state_put(&change, "vf/0000:01:00.0/4", number(9)), 0);
	assert_int_equal(get(s, "vf/0000:01:00.0/3"), 7);
	assert_int_equal(state_commit(s, &change, NULL), 0);
	state_change_release(&change);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(get(s, "pf/0000:01:00.0"), -1);
		assert_int_equal(get(s, "vf/0000:01:00.0/3"), 8);
		assert_int_equal(get(s, "vf/0000:01:00.0/4"), 9);
		assert_int_equal(state_serial(s), 3);
		assert_false(state_was_torn(s));
		state_close(s);
		s = must_open();
	}
	state_close(s);
}

static void the_last_word_on_a_key_in_a_change_counts(void **state)
{
	struct state *s = must_open();
	struct state_change change;

	put(s, "a", 1);
	assert_int_equal(state_change_init(&change), 0);
	assert_int_equal(state_delete(&change, "a"), 0);
	assert_int_equal(state_put(&change, "a", number(2)), 0);
	assert_int_equal(state_put(&change, "b", number(3)), 0);
	assert_int_equal(state_delete(&change, "b"), 0);
	assert_int_equal(state_commit(s, &change, NULL), 0);
	state_change_release(&change);
	assert_int_equal(get(s, "a"), 2);
	assert_int_equal(get(s, "b"), -1);
	state_close(s);
}

static void only_root_may_read_it(void **state)
{
	struct state *s = must_open();
	struct stat st;

	assert_int_equal(stat(file("state"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	state_close(s);
}

static void there_is_one_writer_and_any_reader(void **state)
{
	struct state *s = must_open(), *other = NULL;
	struct state_change change;
	struct problem problem;

	put(s, "a", 1);
	assert_int_equal(state_open(dir, &other, &problem), -EBUSY);
	assert_non_null(strstr(problem.text, dir));
	assert_int_equal(state_open_read(dir, &other, NULL), 0);
	assert_int_equal(get(other, "a"), 1);
	assert_int_equal(state_change_init(&change), 0);
	assert_int_equal(state_commit(other, &change, NULL), -ESTALE);
	state_change_release(&change);
	state_close(other);
	state_close(s);
	state_close(must_open());
}

static void bad_keys_and_values_dont_get_in(void **state)
{
	static const char *const bad[] = { "", "a b", "a\n", "a\"", "\xc3\xa4", "{}" };
	char too_long[STATE_KEY_MAX + 2];
	struct state_change change;

	memset(too_long, 'k', sizeof(too_long) - 1);
	too_long[sizeof(too_long) - 1] = '\0';
	assert_int_equal(state_change_init(&change), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(state_put(&change, bad[i], number(1)), -EINVAL);
		assert_int_equal(state_delete(&change, bad[i]), -EINVAL);
	}
	assert_int_equal(state_put(&change, too_long, number(1)), -EINVAL);
	too_long[STATE_KEY_MAX] = '\0';
	assert_int_equal(state_put(&change, too_long, number(1)), 0);
	assert_int_equal(state_put(&change, "a", json_object_new_int(1)), -EINVAL);
	assert_int_equal(state_put(&change, "a", NULL), -EINVAL);
	state_change_release(&change);
}

static void what_couldnt_be_read_back_isnt_written(void **state)
{
	struct json_object *deep = json_object_new_object(), *text = json_object_new_object();
	struct state *s = must_open();
	struct state_change change;

	for (int i = 0; i < STATE_DEPTH; i++) {
		struct json_object *outer = json_object_new_object();

		json_object_object_add(outer, "in", deep);
		deep = outer;
	}
	json_object_object_add(text, "t", json_object_new_string("\xff\xfe"));
	put(s, "a", 1);
	assert_int_equal(state_change_init(&change), 0);
	assert_int_equal(state_put(&change, "deep", deep), 0);
	assert_int_equal(state_commit(s, &change, NULL), -EINVAL);
	assert_int_equal(state_put(&change, "deep", text), 0);
	assert_int_equal(state_commit(s, &change, NULL), -EINVAL);
	state_change_release(&change);
	put(s, "a", 2);
	state_close(s);
	s = must_open();
	assert_int_equal(get(s, "a"), 2);
	state_close(s);
}

static void the_journal_doesnt_grow_for_ever(void **state)
{
	struct state *s = must_open();
	struct stat st;

	for (int i = 0; i < 3000; i++)
		put(s, "vf/0000:01:00.0/3", i);
	assert_int_equal(stat(file("state"), &st), 0);
	assert_true(st.st_size < 80000);
	assert_int_equal(get(s, "vf/0000:01:00.0/3"), 2999);
	assert_int_equal(state_serial(s), 3000);
	state_close(s);
	s = must_open();
	assert_int_equal(state_serial(s), 3000);
	assert_int_equal(get(s, "vf/0000:01:00.0/3"), 2999);
	state_close(s);
}

/* Three transactions; the text and where its last line starts. */
static size_t sample(char *buf, size_t size, size_t *ret_last)
{
	struct state *s = must_open();
	size_t len;

	put(s, "a", 1);
	put(s, "b", 2);
	put(s, "c", 3);
	state_close(s);
	len = slurp("state", buf, size);
	*ret_last = len - 1;
	while (buf[*ret_last - 1] != '\n')
		--*ret_last;
	return len;
}

static void check_dropped(const char *text, size_t len)
{
	struct state *s;

	spill("state", text, len);
	s = must_open();
	assert_true(state_was_torn(s));
	assert_int_equal(get(s, "b"), 2);
	assert_int_equal(get(s, "c"), -1);
	assert_int_equal(state_serial(s), 2);
	put(s, "d", 4);
	state_close(s);
	s = must_open();
	assert_false(state_was_torn(s));
	assert_int_equal(get(s, "d"), 4);
	assert_int_equal(state_serial(s), 3);
	state_close(s);
}

static void a_line_cut_anywhere_is_dropped_and_writing_goes_on(void **state)
{
	char text[1024];
	size_t last, len = sample(text, sizeof(text), &last);

	for (size_t cut = last + 1; cut < len; cut++)
		check_dropped(text, cut);
}

static void a_last_line_with_a_hole_is_dropped(void **state)
{
	char text[1024];
	size_t last, len = sample(text, sizeof(text), &last);

	memset(text + last + 4, 0, 20);
	check_dropped(text, len);
	memset(text + last, 0, len - last);
	check_dropped(text, len);
}

static void check_refused(const char *text, size_t len)
{
	CLEANUP(cleanup_state) struct state *s = NULL;
	struct problem problem;
	char after[1024];

	spill("state", text, len);
	assert_int_equal(state_open(dir, &s, &problem), -EBADMSG);
	assert_non_null(strstr(problem.text, dir));
	/* Evidence for whoever must mend it. */
	assert_int_equal(slurp("state", after, sizeof(after)), len);
	assert_memory_equal(after, text, len);
}

static void damage_before_a_valid_line_is_refused_and_left_alone(void **state)
{
	char text[1024];
	size_t last, len = sample(text, sizeof(text), &last);

	for (size_t at = 0; at < last; at++) {
		text[at] ^= 1;
		check_refused(text, len);
		text[at] ^= 1;
	}
}

static void a_journal_without_its_snapshot_is_refused(void **state)
{
	char text[1024];
	size_t last, len = sample(text, sizeof(text), &last);

	check_refused("", 0);
	check_refused(text + last, len - last);
	check_refused(text, (size_t)(strchr(text, '\n') - text)); /* the newline is missing */
}

/* A line with a right sum. */
#define LINE 512

static size_t line(char dst[static LINE], const char *serial_and_json)
{
	return (size_t)snprintf(dst, LINE, "%08x %s\n",
				crc32c(serial_and_json, strlen(serial_and_json)), serial_and_json);
}

static void well_summed_nonsense_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"0",
		"0 ",
		"0 []",
		"0 {}",
		"0 {\"version\":\"1\"}",
		"0 {\"version\":1,\"version\":1.5}",
		"0 {\"version\":1,\"put\":[]}",
		"0 {\"version\":1,\"put\":{\"a\":1}}",
		"0 {\"version\":1,\"put\":{\"a b\":{}}}",
		"0 {\"version\":1,\"delete\":[]}",
		"0 {\"version\":1,\"more\":{}}",
		"0 {\"version\":1} {}",
		"0 {\"version\":1,}",
		"-1 {\"version\":1}",
		"18446744073709551615 {\"version\":1}",
		"99999999999999999999999 {\"version\":1}",
		"0 {\"version\":1,\"put\":{\"a\":{\"t\":\"\xff\"}}}",
		/* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one long line */
		"0 {\"version\":1,\"put\":{\"a\":"
		"{\"\":{\"\":{\"\":{\"\":{\"\":{\"\":{\"\":{\"\":{\"\":{\"\":{\"\":{\"\":{\"\":{"
		"\"\":{}}}}}}}}}}}}}}}}}",
	};
	char text[2 * LINE];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		check_refused(text, line(text, bad[i]));
}

static void transactions_out_of_order_are_refused(void **state)
{
	static const char *const second[] = { "4 {}",
					      "6 {}",
					      "5 {\"put\":{\"a\":2}}",
					      "5 {\"delete\":{}}",
					      "5 {\"delete\":[1]}",
					      "5 {\"version\":1}" };
	char text[2 * LINE];

	for (size_t i = 0; i < ARRAY_SIZE(second); i++) {
		size_t n = line(text, "4 {\"version\":1}");

		check_refused(text, n + line(text + n, second[i]));
	}
}

static void another_version_is_left_to_its_own_program(void **state)
{
	CLEANUP(cleanup_state) struct state *s = NULL;
	struct problem problem;
	char text[LINE];

	spill("state", text, line(text, "0 {\"version\":2,\"news\":1}"));
	assert_int_equal(state_open(dir, &s, &problem), -ENOTSUP);
	assert_non_null(strstr(problem.text, "version"));
}

static void only_a_plain_file_is_a_state(void **state)
{
	CLEANUP(cleanup_state) struct state *s = NULL;

	assert_int_equal(symlink("/etc/hostname", file("state")), 0);
	assert_int_equal(state_open(dir, &s, NULL), -ELOOP);
	assert_int_equal(unlink(file("state")), 0);
	assert_int_equal(mkdir(file("state"), 0700), 0);
	assert_true(state_open(dir, &s, NULL) < 0);
	assert_int_equal(state_open("/nonexistent", &s, NULL), -ENOENT);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(the_checksum_is_crc32c),
		T(what_was_committed_is_there_after_reopening),
		T(the_last_word_on_a_key_in_a_change_counts),
		T(only_root_may_read_it),
		T(there_is_one_writer_and_any_reader),
		T(bad_keys_and_values_dont_get_in),
		T(what_couldnt_be_read_back_isnt_written),
		T(the_journal_doesnt_grow_for_ever),
		T(a_line_cut_anywhere_is_dropped_and_writing_goes_on),
		T(a_last_line_with_a_hole_is_dropped),
		T(damage_before_a_valid_line_is_refused_and_left_alone),
		T(a_journal_without_its_snapshot_is_refused),
		T(well_summed_nonsense_is_refused),
		T(transactions_out_of_order_are_refused),
		T(another_version_is_left_to_its_own_program),
		T(only_a_plain_file_is_a_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
