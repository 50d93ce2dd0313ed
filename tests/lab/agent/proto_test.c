// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lab/agent/proto.h"

static uint8_t wire[2 * PROTO_WIRE_MAX];
static struct proto_decoder dec;

static int setup(void **state)
{
	proto_decoder_reset(&dec);
	return 0;
}

/* Feed all of it; the last frame seen is in ret_frame, the number of them returned. */
static int feed(const uint8_t *data, size_t len, struct proto_frame *ret_frame, int *ret_bad)
{
	size_t used;
	int frames = 0, ret;

	while (len) {
		ret = proto_decode(&dec, data, len, &used, ret_frame);
		assert_true(used > 0 && used <= len);
		frames += ret == 1;
		*ret_bad += ret < 0;
		data += used;
		len -= used;
	}
	return frames;
}

static void check_round_trip(const uint8_t *payload, size_t len)
{
	struct proto_frame frame;
	int bad = 0;
	size_t n;

	assert_int_equal(proto_encode(PROTO_OUT, payload, len, wire, &n), 0);
	assert_true(n <= PROTO_WIRE_MAX);
	assert_ptr_equal(memchr(wire, 0, n), wire + n - 1);
	assert_int_equal(feed(wire, n, &frame, &bad), 1);
	assert_int_equal(bad, 0);
	assert_int_equal(frame.type, PROTO_OUT);
	assert_int_equal(frame.len, len);
	assert_memory_equal(frame.payload, payload, len);
}

static void payloads_of_every_shape_come_back(void **state)
{
	static uint8_t payload[PROTO_PAYLOAD_MAX];
	static const size_t sizes[] = { 0,   1,	  2,   248, 249,  250,
					253, 254, 255, 509, 4096, PROTO_PAYLOAD_MAX };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		memset(payload, 0, sizeof(payload));
		check_round_trip(payload, sizes[i]);
		memset(payload, 0xff, sizeof(payload));
		check_round_trip(payload, sizes[i]);
		for (size_t j = 0; j < sizes[i]; j++)
			payload[j] = (uint8_t)(j * 31 >> 3);
		check_round_trip(payload, sizes[i]);
	}
}

static void a_frame_may_come_byte_by_byte(void **state)
{
	struct proto_frame frame;
	size_t n, used;

	assert_int_equal(proto_encode(PROTO_IN, "ab\0cd", 5, wire, &n), 0);
	for (size_t i = 0; i + 1 < n; i++)
		assert_int_equal(proto_decode(&dec, wire + i, 1, &used, &frame), 0);
	assert_int_equal(proto_decode(&dec, wire + n - 1, 1, &used, &frame), 1);
	assert_memory_equal(frame.payload, "ab\0cd", 5);
}

static void too_large_a_payload_is_refused(void **state)
{
	static uint8_t payload[PROTO_PAYLOAD_MAX + 1];
	size_t n;

	assert_int_equal(proto_encode(PROTO_OUT, payload, sizeof(payload), wire, &n), -EMSGSIZE);
}

static void the_reader_is_in_step_after_half_a_frame(void **state)
{
	struct proto_frame frame;
	size_t first, second;
	int bad = 0;

	assert_int_equal(proto_encode(PROTO_OUT, "the client died here", 20, wire, &first), 0);
	first -= 7;
	wire[first++] = 0; /* what a new client sends before its HELLO */
	assert_int_equal(proto_encode(PROTO_IN, "new", 3, wire + first, &second), 0);
	assert_int_equal(feed(wire, first + second, &frame, &bad), 1);
	assert_int_equal(bad, 1);
	assert_int_equal(frame.type, PROTO_IN);
	assert_memory_equal(frame.payload, "new", 3);
}

static void every_flipped_bit_is_noticed(void **state)
{
	struct proto_frame frame;
	uint8_t copy[64];
	size_t n;

	assert_int_equal(proto_encode(PROTO_OUT, "payload\0with zero", 17, wire, &n), 0);
	for (size_t bit = 0; bit < (n - 1) * 8; bit++) {
		int bad = 0;

		memcpy(copy, wire, n);
		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
		proto_decoder_reset(&dec);
		assert_int_equal(feed(copy, n, &frame, &bad), 0);
		assert_true(bad >= 1);
	}
}

static void endless_noise_is_dropped_whole(void **state)
{
	struct proto_frame frame;
	uint8_t noise[4096];
	size_t n;
	int bad = 0;

	memset(noise, 0x55, sizeof(noise));
	for (int i = 0; i < 64; i++)
		assert_int_equal(feed(noise, sizeof(noise), &frame, &bad), 0);
	wire[0] = 0;
	assert_int_equal(proto_encode(PROTO_EXIT, "", 0, wire + 1, &n), 0);
	assert_int_equal(feed(wire, n + 1, &frame, &bad), 1);
	assert_int_equal(bad, 1);
	assert_int_equal(frame.type, PROTO_EXIT);
}

static void an_unknown_type_is_refused(void **state)
{
	struct proto_frame frame;
	size_t n;
	int bad = 0;

	assert_int_equal(proto_encode(PROTO_TYPE_MAX, "x", 1, wire, &n), 0);
	assert_int_equal(feed(wire, n, &frame, &bad), 0);
	assert_int_equal(proto_encode(0, "x", 1, wire, &n), 0);
	assert_int_equal(feed(wire, n, &frame, &bad), 0);
	assert_int_equal(bad, 2);
}

static void a_hello_carries_nonce_and_boot(void **state)
{
	struct proto_hello hello = { PROTO_VERSION, "0123456789abcde", "boot-id" }, got;
	uint8_t payload[128];
	size_t n = proto_hello_pack(&hello, payload);

	assert_int_equal(proto_hello_parse(payload, n, &got), 0);
	assert_memory_equal(got.nonce, hello.nonce, PROTO_NONCE);
	assert_string_equal(got.boot_id, "boot-id");
	assert_int_equal(proto_hello_parse(payload, n - 1, &got), -EBADMSG);
	payload[n - 1] = 'x'; /* not terminated */
	assert_int_equal(proto_hello_parse(payload, n, &got), -EBADMSG);
}

static void exec_carries_cwd_argv_and_env(void **state)
{
	char *argv[] = { (char *)"echo", (char *)"", (char *)"two words", NULL };
	char *envp[] = { (char *)"A=1", NULL };
	struct proto_exec exec;
	uint8_t payload[256];
	size_t n;

	assert_int_equal(proto_exec_pack("/tmp", argv, envp, payload, sizeof(payload), &n), 0);
	assert_int_equal(proto_exec_parse(payload, n, &exec), 0);
	assert_string_equal(exec.cwd, "/tmp");
	assert_string_equal(exec.argv[0], "echo");
	assert_string_equal(exec.argv[1], "");
	assert_string_equal(exec.argv[2], "two words");
	assert_null(exec.argv[3]);
	assert_string_equal(exec.envp[0], "A=1");
	assert_null(exec.envp[1]);
	proto_exec_release(&exec);
	assert_int_equal(proto_exec_pack("/tmp", argv, envp, payload, n - 1, &n), -E2BIG);
}

static void a_lying_exec_request_is_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} lies[] = {
		{ "\1\0\0\0\0\0\0\0", 8 },		  /* no strings */
		{ "\0\0\0\0\0\0\0\0\0", 9 },		  /* no command */
		{ "\2\0\0\0\0\0\0\0\0ls\0", 12 },	  /* more arguments than strings */
		{ "\1\0\0\0\0\0\0\0\0ls\0x\0", 14 },	  /* fewer */
		{ "\1\0\0\0\0\0\0\0\0ls", 11 },		  /* not terminated */
		{ "\377\377\377\377\2\0\0\0\0ls\0", 12 }, /* wraps around */
		{ "\1\0\0\0\377\377\377\377\0ls\0", 12 }, /* the same in env */
		{ "", 0 },
	};
	struct proto_exec exec;

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
		assert_int_equal(
			proto_exec_parse((const uint8_t *)lies[i].bytes, lies[i].len, &exec),
			-EBADMSG);
}

static void only_absolute_paths_and_plain_modes_pass(void **state)
{
	const char *path;
	uint8_t payload[64];
	uint32_t mode;
	size_t n;

	assert_int_equal(proto_path_pack(0755, "/a/b", payload, sizeof(payload), &n), 0);
	assert_int_equal(proto_path_parse(payload, n, &mode, &path), 0);
	assert_int_equal(mode, 0755);
	assert_string_equal(path, "/a/b");
	assert_int_equal(proto_path_parse(payload, n - 1, &mode, &path), -EBADMSG);
	assert_int_equal(proto_path_pack(0755, "a/b", payload, sizeof(payload), &n), 0);
	assert_int_equal(proto_path_parse(payload, n, &mode, &path), -EBADMSG);
	assert_int_equal(proto_path_pack(0170644, "/a", payload, sizeof(payload), &n), 0);
	assert_int_equal(proto_path_parse(payload, n, &mode, &path), -EBADMSG);
	assert_int_equal(proto_path_parse((const uint8_t *)"\0\0\0\0/a\0b", 9, &mode, &path),
			 -EBADMSG);
}

static void a_failure_text_cannot_forge_terminal_output(void **state)
{
	uint8_t payload[64];
	char text[16];
	int error;
	size_t n;

	n = proto_fail_pack(ENOENT, "no\033[2J\n", payload);
	assert_int_equal(proto_fail_parse(payload, n, &error, text, sizeof(text)), 0);
	assert_int_equal(error, ENOENT);
	assert_string_equal(text, "no?[2J?");
	n = proto_fail_pack(ENOENT, "a text that is cut at the end", payload);
	assert_int_equal(proto_fail_parse(payload, n, &error, text, sizeof(text)), 0);
	assert_int_equal(strlen(text), sizeof(text) - 1);
	assert_int_equal(proto_fail_parse(payload, 3, &error, text, sizeof(text)), -EBADMSG);
}

static void an_exit_says_status_or_signal(void **state)
{
	struct proto_exit how = { true, 9 }, got;
	uint8_t payload[8];
	size_t n = proto_exit_pack(&how, payload);

	assert_int_equal(proto_exit_parse(payload, n, &got), 0);
	assert_true(got.signalled);
	assert_int_equal(got.value, 9);
	assert_int_equal(proto_exit_parse(payload, n - 1, &got), -EBADMSG);
	payload[0] = 2;
	assert_int_equal(proto_exit_parse(payload, n, &got), -EBADMSG);
	payload[0] = 0;
	payload[2] = 1; /* 256 + 9 */
	assert_int_equal(proto_exit_parse(payload, n, &got), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(payloads_of_every_shape_come_back, setup),
		cmocka_unit_test_setup(a_frame_may_come_byte_by_byte, setup),
		cmocka_unit_test_setup(too_large_a_payload_is_refused, setup),
		cmocka_unit_test_setup(the_reader_is_in_step_after_half_a_frame, setup),
		cmocka_unit_test_setup(every_flipped_bit_is_noticed, setup),
		cmocka_unit_test_setup(endless_noise_is_dropped_whole, setup),
		cmocka_unit_test_setup(an_unknown_type_is_refused, setup),
		cmocka_unit_test_setup(a_hello_carries_nonce_and_boot, setup),
		cmocka_unit_test_setup(exec_carries_cwd_argv_and_env, setup),
		cmocka_unit_test_setup(a_lying_exec_request_is_refused, setup),
		cmocka_unit_test_setup(only_absolute_paths_and_plain_modes_pass, setup),
		cmocka_unit_test_setup(a_failure_text_cannot_forge_terminal_output, setup),
		cmocka_unit_test_setup(an_exit_says_status_or_signal, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
