// SPDX-License-Identifier: GPL-2.0-only
/* QEMU's list of descriptors: what is read, and what is refused. */
#include "orchestration/testing/cmocka.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pfkeep/cprstate.h"

#define MAX 4

struct stream {
	uint8_t data[2048];
	size_t len;
};

static void put_u32(struct stream *s, uint32_t value)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		s->data[s->len++] = (uint8_t)(value >> shift);
}

static void put_head(struct stream *s)
{
	s->len = 0;
	put_u32(s, 0x51435052);
	put_u32(s, 1);
}

static void put_fd(struct stream *s, const char *name, uint32_t id, uint32_t fd)
{
	uint32_t len = (uint32_t)strlen(name) + 1;

	s->data[s->len++] = 1;
	put_u32(s, len);
	memcpy(s->data + s->len, name, len);
	s->len += len;
	put_u32(s, id);
	put_u32(s, fd);
}

static void put_end(struct stream *s)
{
	s->data[s->len++] = 0;
}

static int parse(const struct stream *s, struct cprstate_fd *fds, size_t *n)
{
	struct problem problem = { "" };
	int ret = cprstate_parse(s->data, s->len, MAX, fds, n, &problem);

	assert_int_equal(!!ret, !!*problem.text);
	return ret;
}

static void the_list_is_read_and_the_rest_let_be(void **state)
{
	struct cprstate_fd fds[MAX];
	struct stream s;
	size_t n;

	put_head(&s);
	put_fd(&s, "ram", 0, 12);
	put_fd(&s, "0000:01:00.0_interrupt", 3, 33);
	put_end(&s);
	put_u32(&s, 0x05112233);
	assert_int_equal(parse(&s, fds, &n), 0);
	assert_int_equal(n, 2);
	assert_string_equal(fds[0].name, "ram");
	assert_int_equal(fds[0].fd, 12);
	assert_string_equal(fds[1].name, "0000:01:00.0_interrupt");
	assert_int_equal(fds[1].id, 3);
	assert_int_equal(fds[1].fd, 33);
}

static void a_list_that_is_cut_anywhere_is_refused(void **state)
{
	struct cprstate_fd fds[MAX];
	struct stream s;
	size_t n, whole;

	put_head(&s);
	put_fd(&s, "ram", 0, 12);
	put_fd(&s, "vga", 0, 13);
	put_end(&s);
	whole = s.len;
	for (s.len = 0; s.len < whole; s.len++)
		assert_int_equal(parse(&s, fds, &n), -EBADMSG);
}

static void what_is_no_list_is_refused(void **state)
{
	struct cprstate_fd fds[MAX];
	struct stream s;
	size_t n;

	put_head(&s);
	s.data[0] ^= 1;
	put_end(&s);
	assert_int_equal(parse(&s, fds, &n), -EBADMSG);

	put_head(&s);
	s.data[7] = 2;
	put_end(&s);
	assert_int_equal(parse(&s, fds, &n), -EBADMSG);

	put_head(&s); /* neither more nor no more */
	s.data[s.len++] = 2;
	assert_int_equal(parse(&s, fds, &n), -EBADMSG);

	put_head(&s); /* a number twice */
	put_fd(&s, "ram", 0, 12);
	put_fd(&s, "vga", 0, 12);
	put_end(&s);
	assert_int_equal(parse(&s, fds, &n), -EBADMSG);

	put_head(&s); /* -1 */
	put_fd(&s, "ram", 0, 0xffffffff);
	put_end(&s);
	assert_int_equal(parse(&s, fds, &n), -EBADMSG);
}

static void a_name_ends_where_its_length_says(void **state)
{
	struct cprstate_fd fds[MAX];
	struct stream s;
	size_t n;

	put_head(&s);
	put_fd(&s, "ram", 0, 12);
	put_end(&s);
	s.data[8 + 1 + 3] = 3; /* without its terminator */
	assert_int_equal(parse(&s, fds, &n), -EBADMSG);
	s.data[8 + 1 + 3] = 0;
	assert_int_equal(parse(&s, fds, &n), -EBADMSG);
	s.data[8 + 1] = 0xff;
	assert_int_equal(parse(&s, fds, &n), -EBADMSG);
	put_head(&s);
	put_fd(&s, "ram", 0, 12);
	put_end(&s);
	s.data[8 + 1 + 4 + 1] = 0; /* "r\0m" */
	assert_int_equal(parse(&s, fds, &n), -EBADMSG);
}

static void more_than_there_is_room_for_is_refused(void **state)
{
	struct cprstate_fd fds[MAX];
	struct stream s;
	size_t n;

	put_head(&s);
	for (uint32_t i = 0; i < MAX; i++)
		put_fd(&s, "ram", i, 10 + i);
	put_end(&s);
	assert_int_equal(parse(&s, fds, &n), 0);
	assert_int_equal(n, MAX);
	s.len--;
	put_fd(&s, "ram", MAX, 10 + MAX);
	put_end(&s);
	assert_int_equal(parse(&s, fds, &n), -E2BIG);
}

/* As cpr-transfer sends it: a blank stands for each descriptor. */
static void put_sent(struct stream *s, const char *name, uint32_t id)
{
	put_fd(s, name, id, 0);
	s->len -= 4;
	s->data[s->len++] = ' ';
}

static void what_was_sent_becomes_what_is_left_behind(void **state)
{
	struct cprstate_fd fds[MAX];
	struct problem problem = { "" };
	struct stream s, left;
	size_t n, rest, len;
	char *data;

	put_head(&s);
	put_sent(&s, "ram", 0);
	put_sent(&s, "0000:01:00.0_interrupt", 3);
	put_end(&s);
	put_u32(&s, 0x05112233);
	assert_int_equal(cprstate_parse_sent(s.data, s.len, MAX, fds, &n, &rest, &problem), 0);
	assert_int_equal(n, 2);
	assert_int_equal(rest, s.len - 4);
	assert_int_equal(fds[0].fd, 0);
	assert_int_equal(fds[1].fd, 1);
	put_head(&left);
	put_fd(&left, "ram", 0, 100);
	put_fd(&left, "0000:01:00.0_interrupt", 3, 101);
	put_end(&left);
	put_u32(&left, 0x05112233);
	fds[0].fd = 100;
	fds[1].fd = 101;
	assert_int_equal(cprstate_format(fds, n, s.data + rest, 4, &data, &len), 0);
	assert_int_equal(len, left.len);
	assert_memory_equal(data, left.data, len);
	free(data);
	/* where the descriptor should have come, something else has */
	s.data[8 + 1 + 4 + 4 + 4] = 'x';
	assert_int_equal(cprstate_parse_sent(s.data, s.len, MAX, fds, &n, &rest, &problem),
			 -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_list_is_read_and_the_rest_let_be),
		cmocka_unit_test(a_list_that_is_cut_anywhere_is_refused),
		cmocka_unit_test(what_is_no_list_is_refused),
		cmocka_unit_test(a_name_ends_where_its_length_says),
		cmocka_unit_test(more_than_there_is_room_for_is_refused),
		cmocka_unit_test(what_was_sent_becomes_what_is_left_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
