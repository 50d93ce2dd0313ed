// SPDX-License-Identifier: GPL-2.0-only
/* BDFs, VF names, numbers and VF settings: what is taken and what isn't. */
#include "orchestration/testing/cmocka.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pfkeep/bdf.h"
#include "pfkeep/number.h"
#include "pfkeep/vfconf.h"
#include "pfkeep/vfname.h"

static void a_bdf_comes_back_as_sysfs_writes_it(void **state)
{
	static const char *const good[][2] = {
		{ "0000:01:00.0", "0000:01:00.0" },	{ "0000:FF:1F.7", "0000:ff:1f.7" },
		{ "10000:e1:00.0", "10000:e1:00.0" },	{ "ffffffff:00:00.0", "ffffffff:00:00.0" },
		{ "00000001:02:03.4", "0001:02:03.4" },
	};
	char text[BDF_TEXT];
	struct bdf bdf;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(bdf_parse(good[i][0], &bdf), 0);
		assert_string_equal(bdf_format(&bdf, text), good[i][1]);
	}
}

static void what_is_no_bdf_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"01:00.0",
		"0000:01:00",
		"0000:01:00.",
		"0000:01:00.8",
		"0000:01:20.0",
		"0000:1:00.0",
		"000:01:00.0",
		"0000:01:00.00",
		" 0000:01:00.0",
		"0000:01:00.0 ",
		"0000:01:00.0\n",
		"0000-01:00.0",
		"000000001:01:00.0",
		"+000:01:00.0",
		"0x00:01:00.0",
		"0000:01:00.0/",
		"0000:0g:00.0",
		"../../etc",
		"0000:01:00,0",
	};
	struct bdf bdf;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (bdf_parse(bad[i], &bdf) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
}

static void bdfs_sort_by_domain_then_address(void **state)
{
	static const char *const order[] = { "0000:00:00.7", "0000:00:01.0", "0000:01:00.0",
					     "0001:00:00.0", "10000:00:00.0" };
	struct bdf a, b;

	for (size_t i = 0; i + 1 < ARRAY_SIZE(order); i++) {
		assert_int_equal(bdf_parse(order[i], &a), 0);
		assert_int_equal(bdf_parse(order[i + 1], &b), 0);
		assert_true(bdf_compare(&a, &b) < 0 && bdf_compare(&b, &a) > 0);
		assert_false(bdf_equal(&a, &b));
	}
}

static void numbers_are_digits_within_their_limit(void **state)
{
	static const char *const bad[] = { "",	 "+1", "-1",  " 1",  "1 ",
					   "01", "00", "0x1", "1e3", "1.0" };
	uint64_t value;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(number_parse(bad[i], 100, &value), -EINVAL);
	assert_int_equal(number_parse("0", 100, &value), 0);
	assert_int_equal(value, 0);
	assert_int_equal(number_parse("100", 100, &value), 0);
	assert_int_equal(value, 100);
	assert_int_equal(number_parse("101", 100, &value), -ERANGE);
	assert_int_equal(number_parse("9", 5, &value), -ERANGE);
	assert_int_equal(number_parse("18446744073709551615", UINT64_MAX, &value), 0);
	assert_true(value == UINT64_MAX);
	assert_int_equal(number_parse("18446744073709551616", UINT64_MAX, &value), -ERANGE);
	assert_int_equal(number_parse("99999999999999999999999", UINT64_MAX, &value), -ERANGE);
}

static void hexadecimal_is_what_sysfs_writes(void **state)
{
	static const char *const bad[] = { "", "0x", "8086", "0xg", "0x1 ", "0x11112222333344445" };
	uint64_t value;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(number_parse_hex(bad[i], UINT64_MAX, &value), -EINVAL);
	assert_int_equal(number_parse_hex("0x8086", 0xffff, &value), 0);
	assert_int_equal(value, 0x8086);
	assert_int_equal(number_parse_hex("0x10000", 0xffff, &value), -ERANGE);
}

static void a_vf_is_named_two_ways(void **state)
{
	static const char *const good[] = { "0000:01:00.0/0", "0000:01:00.0/65535",
					    "0000:01:10.0" };
	char text[VFNAME_TEXT];
	struct vfname name;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(vfname_parse(good[i], &name, NULL), 0);
		assert_int_equal(name.by_index, i < 2);
		assert_string_equal(vfname_format(&name, text), good[i]);
	}
}

static void a_wrong_vf_name_is_quoted_with_its_rule(void **state)
{
	static const char *const bad[] = { "",
					   "/",
					   "/3",
					   "0000:01:00.0/",
					   "0000:01:00.0/65536",
					   "0000:01:00.0/03",
					   "0000:01:00.0/-1",
					   "0000:01:00.0/3/4",
					   "eth0",
					   "0000:01:00.0000000000000000000000000000/3" };
	struct problem problem;
	struct vfname name;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char quoted[64];

		assert_int_equal(vfname_parse(bad[i], &name, &problem), -EINVAL);
		snprintf(quoted, sizeof(quoted), "'%.40s'", bad[i]);
		assert_non_null(strstr(problem.text, quoted));
		assert_non_null(strstr(problem.text, "PF/INDEX"));
	}
}

static void a_problem_never_carries_control_characters(void **state)
{
	struct problem problem;
	struct vfname name;

	assert_int_equal(vfname_parse("a\n\x1b[31m\xff", &name, &problem), -EINVAL);
	for (const char *p = problem.text; *p; p++)
		assert_in_range(*p, 0x20, 0x7e);
}

static void a_prefix_leaves_the_rule_readable(void **state)
{
	struct problem problem;
	char longest[600];

	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	problem_set(&problem, -EINVAL, "the rule");
	assert_int_equal(problem_prefix(&problem, -ENOENT, "%s", longest), -ENOENT);
	assert_non_null(strstr(problem.text, ": the rule"));
}

static void settings_come_back_in_their_text_form(void **state)
{
	static const char *const good[][3] = {
		{ "mac", "52:54:00:AB:cd:0f", "52:54:00:ab:cd:0f" },
		{ "vlan", "0", "0" },
		{ "vlan", "4094", "4094" },
		{ "rate", "1000000", "1000000" },
		{ "trust", "on", "on" },
		{ "spoofchk", "off", "off" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct vfconf conf = { 0 };
		char text[VFCONF_VALUE];

		assert_int_equal(vfconf_set(&conf, good[i][0], good[i][1], NULL), 0);
		assert_string_equal(vfconf_format(&conf, conf.set, text), good[i][2]);
	}
}

static void a_setting_that_breaks_its_rule_changes_nothing(void **state)
{
	static const char *const bad[][2] = {
		{ "mac", "" },
		{ "mac", "00:00:00:00:00:00" },
		{ "mac", "01:00:5e:00:00:01" },
		{ "mac", "ff:ff:ff:ff:ff:ff" },
		{ "mac", "52:54:00:12:34" },
		{ "mac", "52:54:00:12:34:5" },
		{ "mac", "52:54:00:12:34:567" },
		{ "mac", "52-54-00-12-34-56" },
		{ "mac", "52:54:00:12:34:5g" },
		{ "mac", "52:54:00:12:34:56 vlan 3" },
		{ "vlan", "4095" },
		{ "vlan", "-1" },
		{ "vlan", "1;reboot" },
		{ "rate", "1000001" },
		{ "rate", "10Mbit" },
		{ "trust", "yes" },
		{ "trust", "ON" },
		{ "spoofchk", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct vfconf conf = { 0 }, untouched = { 0 };
		struct problem problem;

		if (vfconf_set(&conf, bad[i][0], bad[i][1], &problem) != -EINVAL)
			fail_msg("%s '%s' was taken", bad[i][0], bad[i][1]);
		assert_memory_equal(&conf, &untouched, sizeof(conf));
		assert_non_null(strstr(problem.text, bad[i][0]));
	}
}

static void there_are_no_other_settings(void **state)
{
	struct vfconf conf = { 0 };

	assert_int_equal(vfconf_set(&conf, "MAC", "52:54:00:12:34:56", NULL), -ENOENT);
	assert_int_equal(vfconf_set(&conf, "", "1", NULL), -ENOENT);
}

static void merging_replaces_what_is_set_and_no_more(void **state)
{
	struct vfconf base = { 0 }, over = { 0 }, want = { 0 };

	vfconf_set(&base, "mac", "52:54:00:12:34:56", NULL);
	vfconf_set(&base, "vlan", "7", NULL);
	vfconf_set(&base, "trust", "on", NULL);
	vfconf_set(&over, "vlan", "0", NULL);
	vfconf_set(&over, "rate", "100", NULL);
	vfconf_set(&over, "spoofchk", "on", NULL);
	vfconf_set(&want, "mac", "52:54:00:12:34:56", NULL);
	vfconf_set(&want, "vlan", "0", NULL);
	vfconf_set(&want, "rate", "100", NULL);
	vfconf_set(&want, "trust", "on", NULL);
	vfconf_set(&want, "spoofchk", "on", NULL);
	assert_false(vfconf_equal(&base, &want));
	vfconf_merge(&base, &over);
	assert_true(vfconf_equal(&base, &want));
	vfconf_set(&want, "spoofchk", "off", NULL);
	assert_false(vfconf_equal(&base, &want));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bdf_comes_back_as_sysfs_writes_it),
		cmocka_unit_test(what_is_no_bdf_is_refused),
		cmocka_unit_test(bdfs_sort_by_domain_then_address),
		cmocka_unit_test(numbers_are_digits_within_their_limit),
		cmocka_unit_test(hexadecimal_is_what_sysfs_writes),
		cmocka_unit_test(a_vf_is_named_two_ways),
		cmocka_unit_test(a_wrong_vf_name_is_quoted_with_its_rule),
		cmocka_unit_test(a_problem_never_carries_control_characters),
		cmocka_unit_test(a_prefix_leaves_the_rule_readable),
		cmocka_unit_test(settings_come_back_in_their_text_form),
		cmocka_unit_test(a_setting_that_breaks_its_rule_changes_nothing),
		cmocka_unit_test(there_are_no_other_settings),
		cmocka_unit_test(merging_replaces_what_is_set_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
