// SPDX-License-Identifier: GPL-2.0-only
/* Descriptions of products, and the keys that they come to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/lab/products/testbed.h"

#define RESOLVED "cache/apt/resolved"

static int setup(void **state)
{
	static struct testbed tb;

	testbed_open(&tb);
	testbed_product(&tb, "base", "title a base\nfile a/file\npackage trixie tool\n", "true\n");
	testbed_product(&tb, "top", "title on top\nneeds base\n", "true\n");
	testbed_product(&tb, "made", "title made with it\nuses base\nfile? a/folder\n", "true\n");
	testbed_write(&tb, "one", "tree/a/file");
	testbed_write(&tb, "bin trixie tool - 1.0\n", RESOLVED);
	*state = &tb;
	return testbed_load(&tb);
}

static int teardown(void **state)
{
	testbed_close(*state);
	return 0;
}

static void get_key(struct testbed *tb, const char *name, char ret_key[STORE_KEY_LEN + 1])
{
	struct key k = { 0 };

	assert_int_equal(testbed_load(tb), 0);
	assert_int_equal(key_compute(&tb->catalog, &tb->store, catalog_find(&tb->catalog, name), &k,
				     &tb->problem),
			 0);
	memcpy(ret_key, k.key, sizeof(k.key));
	key_free(&k);
}

/* Each of the three: did its key change? */
static void assert_changed(struct testbed *tb, char before[3][STORE_KEY_LEN + 1], bool base,
			   bool top, bool made)
{
	static const char *const names[] = { "base", "top", "made" };
	bool want[] = { base, top, made };
	char now[STORE_KEY_LEN + 1];

	for (int i = 0; i < 3; i++) {
		get_key(tb, names[i], now);
		if (!!strcmp(now, before[i]) != want[i])
			fail_msg("key of %s %s", names[i], want[i] ? "stayed" : "changed");
		memcpy(before[i], now, sizeof(now));
	}
}

static void get_all(struct testbed *tb, char ret_keys[3][STORE_KEY_LEN + 1])
{
	get_key(tb, "base", ret_keys[0]);
	get_key(tb, "top", ret_keys[1]);
	get_key(tb, "made", ret_keys[2]);
}

static void keys_are_stable_and_differ_from_each_other(void **state)
{
	char k[3][STORE_KEY_LEN + 1];

	get_all(*state, k);
	assert_changed(*state, k, false, false, false);
	assert_int_equal(strlen(k[0]), STORE_KEY_LEN);
	assert_string_not_equal(k[0], k[1]);
	assert_string_not_equal(k[1], k[2]);
}

static void a_tree_file_changes_the_key_of_all_that_stands_on_it(void **state)
{
	struct testbed *tb = *state;
	char k[3][STORE_KEY_LEN + 1];

	get_all(tb, k);
	testbed_write(tb, "two", "tree/a/file");
	assert_changed(tb, k, true, true, true);
	assert_int_equal(chmod(testbed_path(tb, "tree/a/file"), 0755), 0);
	assert_changed(tb, k, true, true, true);
}

static void a_recipe_and_a_new_file_beside_it_change_the_key(void **state)
{
	struct testbed *tb = *state;
	char k[3][STORE_KEY_LEN + 1];

	get_all(tb, k);
	testbed_write(tb, "false\n", "tree/products/top/recipe.sh");
	assert_changed(tb, k, false, true, false);
	testbed_write(tb, "", "tree/products/made/more/file");
	assert_changed(tb, k, false, false, true);
	testbed_write(tb, "", "tree/products/made/.file.swp");
	testbed_write(tb, "", "tree/products/made/file~");
	assert_changed(tb, k, false, false, false);
}

static void an_optional_folder_changes_the_key_when_it_appears(void **state)
{
	struct testbed *tb = *state;
	char k[3][STORE_KEY_LEN + 1];

	get_all(tb, k);
	testbed_write(tb, "x", "tree/a/folder/x");
	assert_changed(tb, k, false, false, true);
}

/* What is built with a product does not care for its point releases. */
static void a_package_version_reaches_what_needs_it_not_what_uses_it(void **state)
{
	struct testbed *tb = *state;
	char k[3][STORE_KEY_LEN + 1];

	get_all(tb, k);
	testbed_write(tb, "bin trixie tool - 1.1\n", RESOLVED);
	assert_changed(tb, k, true, true, false);
}

static void a_missing_tree_file_is_named(void **state)
{
	struct testbed *tb = *state;
	struct key k = { 0 };

	testbed_product(tb, "lost", "title lost\nfile a/gone\n", "true\n");
	assert_int_equal(testbed_load(tb), 0);
	assert_int_equal(key_compute(&tb->catalog, &tb->store, catalog_find(&tb->catalog, "lost"),
				     &k, &tb->problem),
			 -ENOENT);
	assert_non_null(strstr(tb->problem.text, "a/gone: missing"));
}

static void unknown_versions_give_no_key_without_a_like_entry(void **state)
{
	struct testbed *tb = *state;
	struct key k = { 0 };

	store_remove_tree(testbed_path(tb, RESOLVED));
	store_remove_tree(testbed_path(tb, "cache/apt/stamp"));
	assert_int_equal(testbed_load(tb), 0);
	assert_int_equal(key_compute(&tb->catalog, &tb->store, catalog_find(&tb->catalog, "base"),
				     &k, &tb->problem),
			 0);
	assert_string_equal(k.key, "");
	key_free(&k);
}

static void unknown_versions_take_the_newest_entry_of_the_same_tree(void **state)
{
	struct testbed *tb = *state;
	const struct product *base;
	struct key with = { 0 }, without = { 0 };

	base = catalog_find(&tb->catalog, "base");
	assert_int_equal(key_compute(&tb->catalog, &tb->store, base, &with, &tb->problem), 0);
	testbed_write(tb, with.inputs, "cache/base/%s/.inputs", with.key);
	store_remove_tree(testbed_path(tb, RESOLVED));
	store_remove_tree(testbed_path(tb, "cache/apt/stamp"));
	assert_int_equal(key_compute(&tb->catalog, &tb->store, base, &without, &tb->problem), 0);
	assert_string_equal(without.key, with.key);
	key_free(&with);
	key_free(&without);
}

static void assert_refused(struct testbed *tb, const char *description, const char *says)
{
	testbed_product(tb, "bad", description, "true\n");
	assert_int_not_equal(testbed_load(tb), 0);
	if (!strstr(tb->problem.text, says))
		fail_msg("'%s' does not say '%s'", tb->problem.text, says);
}

static void a_bad_description_is_refused_with_file_and_line(void **state)
{
	assert_refused(*state, "title t\nfrob x\n", "bad/product:2: not a product line: 'frob x'");
	assert_refused(*state, "title t\nneeds\n", "bad/product:2:");
	assert_refused(*state, "title t\nneeds a b\n", "bad/product:2:");
	assert_refused(*state, "title t\n\ntimeout 0\n", "bad/product:3:");
	assert_refused(*state, "title t\ntimeout 1x\n", "bad/product:2:");
	assert_refused(*state, "title t\npackage trixie\n", "bad/product:2:");
	assert_refused(*state, "timeout 1\n", "no title");
	assert_refused(*state, "title t\nneeds nothing\n", "needs nothing, which does not exist");
	assert_refused(*state, "title t\nneeds bad\n", "is built from itself");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(keys_are_stable_and_differ_from_each_other, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			a_tree_file_changes_the_key_of_all_that_stands_on_it, setup, teardown),
		cmocka_unit_test_setup_teardown(a_recipe_and_a_new_file_beside_it_change_the_key,
						setup, teardown),
		cmocka_unit_test_setup_teardown(an_optional_folder_changes_the_key_when_it_appears,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_package_version_reaches_what_needs_it_not_what_uses_it, setup, teardown),
		cmocka_unit_test_setup_teardown(a_missing_tree_file_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(unknown_versions_give_no_key_without_a_like_entry,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			unknown_versions_take_the_newest_entry_of_the_same_tree, setup, teardown),
		cmocka_unit_test_setup_teardown(a_bad_description_is_refused_with_file_and_line,
						setup, teardown),
	};

	return cmocka_run_group_tests_name("products_key", tests, NULL, NULL);
}
