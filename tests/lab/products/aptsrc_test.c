// SPDX-License-Identifier: GPL-2.0-only
/* The machine's apt sources, as people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lab/products/aptsrc.h"

static struct aptsrc parse(const char *text, int deb822)
{
	FILE *f = fmemopen((char *)text, strlen(text), "r");
	struct aptsrc a = { 0 };

	assert_non_null(f);
	aptsrc_parse(f, deb822, "bookworm", &a);
	fclose(f);
	return a;
}

static void assert_found(struct aptsrc a, const char *uri, const char *keys, const char *security)
{
	if (uri)
		assert_string_equal(a.debian.uri, uri);
	else
		assert_null(a.debian.uri);
	if (keys)
		assert_string_equal(a.debian.signed_by, keys);
	else
		assert_null(a.debian.signed_by);
	if (security)
		assert_string_equal(a.security.uri, security);
	else
		assert_null(a.security.uri);
	aptsrc_free(&a);
}

static void one_line_sources_are_read(void **state)
{
	assert_found(parse("# comment\n"
			   "deb-src http://src.example/debian bookworm main\n"
			   "deb http://m.example/debian/ bookworm main contrib # ours\n"
			   "deb http://other.example/debian bookworm main\n"
			   "deb http://m.example/security bookworm-security main\n",
			   0),
		     "http://m.example/debian", NULL, "http://m.example/security");
}

static void one_line_options_are_read(void **state)
{
	assert_found(
		parse("deb [ arch=amd64 signed-by=/k/a.gpg ] http://m.example/d stable main\n", 0),
		"http://m.example/d", "/k/a.gpg", NULL);
	assert_found(parse("deb [signed-by=/k/a.gpg,/k/b.gpg] http://m.example/d bookworm main", 0),
		     "http://m.example/d", "/k/a.gpg", NULL);
}

static void deb822_sources_are_read(void **state)
{
	assert_found(parse("Types: deb\n"
			   "# mirror: http://comment.example\n"
			   "URIs: http://m.example/debian\n"
			   "Suites: bookworm bookworm-updates\n"
			   "Components: main\n"
			   "Signed-By: /k/a.gpg\n"
			   "\n"
			   "Types: deb deb-src\n"
			   "URIs: http://s.example/security/\n"
			   "Suites: bookworm-security\n"
			   "Components: main\n",
			   1),
		     "http://m.example/debian", "/k/a.gpg", "http://s.example/security");
}

static void deb822_fields_may_go_on_in_the_next_line(void **state)
{
	assert_found(parse("types: deb\nuris:\n http://m.example/debian\n"
			   "suites: bookworm\n  bookworm-updates\ncomponents: contrib\n main\n",
			   1),
		     "http://m.example/debian", NULL, NULL);
}

static void a_key_within_the_source_is_no_key_file(void **state)
{
	assert_found(parse("Types: deb\nURIs: http://m.example/debian\nSuites: bookworm\n"
			   "Components: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n"
			   " .\n /notafile\n",
			   1),
		     "http://m.example/debian", NULL, NULL);
}

static void what_is_not_debians_main_of_this_release_is_passed_over(void **state)
{
	assert_found(parse("deb http://m.example/debian trixie main\n"
			   "deb http://m.example/debian bookworm contrib\n"
			   "deb http://m.example/debian bookworm-backports main\n"
			   "deb cdrom:[Debian 12]/ bookworm main\n"
			   "deb [arch=amd64 http://m.example/debian bookworm main\n"
			   "deb\n\ndeb http://m.example\n",
			   0),
		     NULL, NULL, NULL);
	assert_found(parse("Enabled: no\nTypes: deb\nURIs: http://m.example/debian\n"
			   "Suites: bookworm\nComponents: main\n",
			   1),
		     NULL, NULL, NULL);
}

static void further_suites_come_from_the_same_place(void **state)
{
	struct aptsrc a = parse("deb [signed-by=/k] http://m.example/debian bookworm main\n", 0);
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	aptsrc_write(&a, f);
	fclose(f);
	assert_non_null(
		strstr(text, "deb [signed-by=/k] http://m.example/debian trixie-backports main\n"));
	assert_non_null(strstr(text, "deb-src [signed-by=/k] http://m.example/debian sid main\n"));
	assert_null(strstr(text, "deb [signed-by=/k] http://m.example/debian sid"));
	assert_null(strstr(text, "security"));
	free(text);
	aptsrc_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_line_sources_are_read),
		cmocka_unit_test(one_line_options_are_read),
		cmocka_unit_test(deb822_sources_are_read),
		cmocka_unit_test(deb822_fields_may_go_on_in_the_next_line),
		cmocka_unit_test(a_key_within_the_source_is_no_key_file),
		cmocka_unit_test(what_is_not_debians_main_of_this_release_is_passed_over),
		cmocka_unit_test(further_suites_come_from_the_same_place),
	};

	return cmocka_run_group_tests_name("products_aptsrc", tests, NULL, NULL);
}
