// SPDX-License-Identifier: GPL-2.0-only
/* Manual and completion name what the command table and the library have. */
#include "orchestration/testing/cmocka.h"

#include <stdio.h>
#include <string.h>

#include "orchestration/pfkeep/command.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/vfconf.h"

#define MAN "orchestration/man/"

static char *slurp(const char *path)
{
	struct root root;
	char *text;

	assert_int_equal(root_open(".", &root), 0);
	if (root_slurp(&root, path, 1 << 20, &text))
		fail_msg("%s can't be read", path);
	root_close(&root);
	return text;
}

static void must_hold(const char *text, const char *path, const char *words)
{
	if (!strstr(text, words))
		fail_msg("%s has no '%s'", path, words);
}

static void the_manual_has_every_command_and_option(void **state)
{
	CLEANUP(cleanup_free) char *man = slurp(MAN "pfkeep.1");
	char words[64];

	for (size_t i = 0; i < command_count; i++) {
		const struct command *command = &command_table[i];

		snprintf(words, sizeof(words), "\n.Cm %s%s%s\n", command->noun ? command->noun : "",
			 command->noun ? " " : "", command->verb);
		must_hold(man, "pfkeep.1", words);
		for (const struct command_option *opt = command->options; opt->name; opt++) {
			snprintf(words, sizeof(words), "Fl -%s%s%s", opt->name,
				 opt->value ? " Ar " : "", opt->value ? opt->value : "");
			must_hold(man, "pfkeep.1", words);
		}
	}
}

static void the_manual_has_no_command_that_isnt_there(void **state)
{
	CLEANUP(cleanup_free) char *man = slurp(MAN "pfkeep.1");
	size_t documented = 0, forms = 0;
	char *synopsis = strstr(man, ".Sh SYNOPSIS"), *end = strstr(man, ".Sh DESCRIPTION");

	assert_true(synopsis && end);
	for (char *at = synopsis; (at = strstr(at, "\n.Cm ")) && at < end; at++)
		documented++;
	for (size_t i = 0; i < command_count; i++)
		forms += 1 + (command_table[i].run == command_vf_assign);
	assert_int_equal(documented, forms);
}

static void completion_has_every_command_and_option(void **state)
{
	CLEANUP(cleanup_free) char *script = slurp("orchestration/completion/pfkeep.bash");
	char words[64];

	for (size_t i = 0; i < command_count; i++) {
		must_hold(script, "pfkeep.bash", command_table[i].verb);
		for (const struct command_option *opt = command_table[i].options; opt->name;
		     opt++) {
			snprintf(words, sizeof(words), "--%s", opt->name);
			must_hold(script, "pfkeep.bash", words);
		}
	}
}

static void the_metadata_page_has_every_setting(void **state)
{
	CLEANUP(cleanup_free) char *man = slurp(MAN "pfkeep-domain.7");

	for (int i = 0; i < VFCONF_FIELDS; i++)
		must_hold(man, "pfkeep-domain.7", vfconf_name(i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_manual_has_every_command_and_option),
		cmocka_unit_test(the_manual_has_no_command_that_isnt_there),
		cmocka_unit_test(completion_has_every_command_and_option),
		cmocka_unit_test(the_metadata_page_has_every_setting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
