// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lint/banned.h"

static const char rules[] = "# comment\n"
			    "\n"
			    "strcpy  all    snprintf()\n"
			    "nap     tests  poll()\n";

static int read_rules(const char *text, struct banned_list *ret_list, unsigned int *ret_line)
{
	char copy[512];
	FILE *file;
	int r;

	snprintf(copy, sizeof(copy), "%s", text);
	file = fmemopen(copy, strlen(copy), "r");
	assert_non_null(file);
	r = banned_read(file, ret_list, ret_line);
	fclose(file);
	return r;
}

static unsigned int check(const char *path, const char *text)
{
	static struct banned_list list;
	unsigned int line, found;
	FILE *null = fopen("/dev/null", "we");

	assert_non_null(null);
	assert_int_equal(read_rules(rules, &list, &line), 0);
	found = banned_check(&list, path, text, null);
	fclose(null);
	return found;
}

static void finds_calls_and_says_where_and_what_instead(void **state)
{
	struct banned_list list;
	char *said = NULL;
	size_t size;
	unsigned int line;
	FILE *out = open_memstream(&said, &size);

	assert_non_null(out);
	assert_int_equal(read_rules(rules, &list, &line), 0);
	assert_int_equal(banned_check(&list, "a.c", "int x;\n\n\tstrcpy(a, b);\n", out), 1);
	fclose(out);
	assert_string_equal(said, "a.c:3: strcpy() is banned: use snprintf()\n");
	free(said);
}

static void finds_each_call(void **state)
{
	assert_int_equal(check("a.c", "strcpy(a, b); strcpy (c, d);\nif (strcpy(x, y))"), 3);
}

static void other_names_are_left_alone(void **state)
{
	assert_int_equal(check("a.c", "my_strcpy(a); strcpy_s(b); xstrcpy(c); strcpy;"), 0);
}

static void members_are_other_functions(void **state)
{
	assert_int_equal(check("a.c", "ops->strcpy(a); ops.strcpy(b); ops -> strcpy(c);"), 0);
}

static void comments_and_strings_are_talk(void **state)
{
	assert_int_equal(check("a.c", "/* strcpy(a) */ // strcpy(b)\n\"strcpy(c)\\\"strcpy(d)\""),
			 0);
	assert_int_equal(check("a.c", "'\"'; strcpy(a); '\\''; strcpy(b);"), 2);
	assert_int_equal(check("a.c", "// it's\nstrcpy(a);"), 1);
}

static void test_rules_hold_in_tests_only(void **state)
{
	assert_int_equal(check("orchestration/a.c", "nap(1);"), 0);
	assert_int_equal(check("orchestration/a_test.c", "nap(1);"), 1);
	assert_int_equal(check("tests/lab/a.c", "nap(1);"), 1);
}

static void excuse_needs_a_reason_and_the_same_line(void **state)
{
	assert_int_equal(check("a.c", "strcpy(a, b); /* banned-ok: fits by its type */"), 0);
	assert_int_equal(check("a.c", "strcpy(a, b); /* banned-ok: */"), 1);
	assert_int_equal(check("a.c", "strcpy(a, b);\n/* banned-ok: too late */"), 1);
}

static void unfinished_text_ends(void **state)
{
	assert_int_equal(check("a.c", "\"strcpy("), 0);
	assert_int_equal(check("a.c", "/* strcpy("), 0);
	assert_int_equal(check("a.c", "'\\"), 0);
	assert_int_equal(check("a.c", "strcpy"), 0);
	assert_int_equal(check("a.c", ""), 0);
}

static void bad_list_is_refused_with_its_line(void **state)
{
	struct banned_list list;
	unsigned int line;

	assert_int_equal(read_rules("strcpy all x\nstrcat\n", &list, &line), -EINVAL);
	assert_int_equal(line, 2);
	assert_int_equal(read_rules("strcpy all\n", &list, &line), -EINVAL);
	assert_int_equal(read_rules("strcpy nowhere x\n", &list, &line), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_calls_and_says_where_and_what_instead),
		cmocka_unit_test(finds_each_call),
		cmocka_unit_test(other_names_are_left_alone),
		cmocka_unit_test(members_are_other_functions),
		cmocka_unit_test(comments_and_strings_are_talk),
		cmocka_unit_test(test_rules_hold_in_tests_only),
		cmocka_unit_test(excuse_needs_a_reason_and_the_same_line),
		cmocka_unit_test(unfinished_text_ends),
		cmocka_unit_test(bad_list_is_refused_with_its_line),
	};

	return cmocka_run_group_tests_name("lint_banned", tests, NULL, NULL);
}
