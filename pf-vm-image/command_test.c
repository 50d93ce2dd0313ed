// SPDX-License-Identifier: GPL-2.0-only
/* What pf-image's options accept, and how it runs other programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "pf-vm-image/command.h"
#include "pf-vm-image/run.h"

static void numbers_are_taken_whole_or_not_at_all(void **state)
{
	static const char *const bad[] = { "",	 "-1",	 "+1",	  " 1",
					   "1x", "0x10", "65536", "99999999999999999999999" };
	struct problem p = { .text = "" };
	uint64_t n;

	assert_int_equal(command_number("--vfs", "65535", 0, 65535, &n, &p), 0);
	assert_int_equal(n, 65535);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		p.text[0] = '\0';
		assert_int_equal(command_number("--vfs", bad[i], 0, 65535, &n, &p), -EINVAL);
		assert_non_null(strstr(p.text, "from 0 to 65535"));
	}
}

static void names_hold_nothing_that_a_shell_would_read(void **state)
{
	static const char *const good[] = { "trixie", "firmware-bnx2x", "libstdc++6", "mlx5_core" };
	static const char *const bad[] = { "",	   "-x",  ".x",	 "a b",	 "a;b",
					   "$(x)", "a/b", "a'b", "a\nb", "*" };
	struct problem p = { .text = "" };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(command_name("--driver", good[i], &p), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(command_name("--driver", bad[i], &p), -EINVAL);
}

static void one_operand_is_neither_none_nor_two(void **state)
{
	char *argv[] = { (char *)"verify", (char *)"a", (char *)"b", NULL };
	struct problem p = { .text = "" };
	const char *operand;

	assert_int_equal(command_operand(2, argv, 1, "IMAGE", &operand, &p), 0);
	assert_string_equal(operand, "a");
	assert_int_equal(command_operand(1, argv, 1, "IMAGE", &operand, &p), -EINVAL);
	assert_string_equal(p.text, "verify: IMAGE is missing");
	p.text[0] = '\0';
	assert_int_equal(command_operand(3, argv, 1, "IMAGE", &operand, &p), -EINVAL);
	assert_string_equal(p.text, "verify: 'b' is one word too many");
}

static void a_program_that_fails_has_the_last_word(void **state)
{
	const char *const argv[] = { "/bin/sh", "-c",
				     "echo first; echo 'no such thing' >&2; exit 3", NULL };
	char log[] = "/tmp/command_test.XXXXXX";
	struct run_how how = { .log = log };
	struct problem p = { .text = "" };

	close(mkstemp(log));
	assert_int_equal(run_program(argv, &how, &p), -EIO);
	assert_string_equal(p.text, "/bin/sh: failed with 3: no such thing");
	unlink(log);
}

/* mmdebstrap's and apt's own last line says only that it failed. */
static void the_cause_that_a_program_names_goes_before_its_last_line(void **state)
{
	const char *const argv[] = { "/bin/sh", "-c",
				     "echo 'E: disk full'; echo 'E: it failed'; exit 1", NULL };
	char log[] = "/tmp/command_test.XXXXXX";
	struct run_how how = { .log = log };
	struct problem p = { .text = "" };

	close(mkstemp(log));
	assert_int_equal(run_program(argv, &how, &p), -EIO);
	assert_string_equal(p.text, "/bin/sh: failed with 1: E: disk full");
	unlink(log);
}

/* A full disk has no room for the log, and what fails of it ends with a line of its own. */
static void a_full_disk_is_named_whatever_was_said_after(void **state)
{
	const char *const argv[] = { "/bin/sh", "-c",
				     "echo 'tar: -: Cannot write: No space left on device' >&2; "
				     "echo 'E: tar failed' >&2; exit 1",
				     NULL };
	struct run_how how = { .log = "/dev/full" };
	struct problem p = { .text = "" };

	assert_int_equal(run_program(argv, &how, &p), -EIO);
	assert_string_equal(p.text, "/bin/sh: failed with 1: tar: -: Cannot write: No space left "
				    "on device");
}

static void all_that_a_program_said_is_in_the_log(void **state)
{
	const char *const argv[] = { "/bin/sh", "-c", "echo one; echo two >&2", NULL };
	char log[] = "/tmp/command_test.XXXXXX", text[32] = "";
	struct run_how how = { .log = log };
	struct problem p = { .text = "" };
	int fd = mkstemp(log);

	assert_int_equal(run_program(argv, &how, &p), 0);
	assert_int_equal(run_program(argv, &how, &p), 0);
	assert_int_equal(read(fd, text, sizeof(text) - 1), 16);
	assert_string_equal(text, "one\ntwo\none\ntwo\n");
	close(fd);
	unlink(log);
}

static void output_is_collected_and_cut_to_fit(void **state)
{
	const char *const argv[] = { "/bin/sh", "-c", "printf 'abc'; yes | head -n 100000", NULL };
	char out[6];
	struct run_how how = { .out = out, .size = sizeof(out) };
	struct problem p = { .text = "" };

	assert_int_equal(run_program(argv, &how, &p), 0);
	assert_string_equal(out, "abcy\n");
}

static void a_missing_program_is_named(void **state)
{
	const char *const argv[] = { "no-such-program", NULL };
	char log[] = "/tmp/command_test.XXXXXX";
	struct run_how how = { .log = log };
	struct problem p = { .text = "" };

	close(mkstemp(log));
	assert_int_equal(run_program(argv, &how, &p), -EIO);
	assert_non_null(strstr(p.text, "no-such-program: No such file"));
	unlink(log);
}

/* Last: the signal is remembered for good. */
static void a_signal_ends_the_running_program(void **state)
{
	char command[64];
	const char *const argv[] = { "/bin/sh", "-c", command, NULL };
	struct run_how how = { 0 };
	struct problem p = { .text = "" };

	run_signals();
	snprintf(command, sizeof(command), "kill -TERM %d; exec cat /dev/zero >/dev/null",
		 (int)getpid());
	assert_int_equal(run_program(argv, &how, &p), -EINTR);
	assert_true(run_interrupted());
	assert_int_equal(run_program(argv, &how, &p), -EINTR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_taken_whole_or_not_at_all),
		cmocka_unit_test(names_hold_nothing_that_a_shell_would_read),
		cmocka_unit_test(one_operand_is_neither_none_nor_two),
		cmocka_unit_test(a_program_that_fails_has_the_last_word),
		cmocka_unit_test(the_cause_that_a_program_names_goes_before_its_last_line),
		cmocka_unit_test(a_full_disk_is_named_whatever_was_said_after),
		cmocka_unit_test(all_that_a_program_said_is_in_the_log),
		cmocka_unit_test(output_is_collected_and_cut_to_fit),
		cmocka_unit_test(a_missing_program_is_named),
		cmocka_unit_test(a_signal_ends_the_running_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
