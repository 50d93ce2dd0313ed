// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lab/wire/flow.h"

#define MS 1000000ull

static int sender(void **state)
{
	*state = flow_new(true);
	return *state ? 0 : -1;
}

static int receiver(void **state)
{
	*state = flow_new(false);
	return *state ? 0 : -1;
}

static int end(void **state)
{
	free(*state);
	return 0;
}

static void arrive(struct flow *flow, uint64_t number, uint64_t sent_ns, uint64_t now_ns)
{
	struct flow_payload payload = { FLOW_ECHO, 1, number, sent_ns };

	flow_receive(flow, &payload, now_ns);
}

static void send_n(struct flow *flow, unsigned int n, uint64_t start_ns)
{
	for (unsigned int i = 0; i < n; i++)
		flow_send(flow, start_ns + i * MS);
}

static void payload_comes_back_as_built(void **state)
{
	const struct flow_payload in = { FLOW_ONE_WAY, 0x1234, 0x123456789abcdef0, 77 };
	uint8_t data[FLOW_PAYLOAD_MAX];
	const size_t sizes[] = { FLOW_PAYLOAD_MIN, 29, 1472, FLOW_PAYLOAD_MAX };
	struct flow_payload out;

	for (size_t i = 0; i < 4; i++) {
		flow_payload_build(data, sizes[i], &in);
		assert_int_equal(flow_payload_parse(data, sizes[i], &out), 0);
		assert_int_equal(out.kind, in.kind);
		assert_int_equal(out.id, in.id);
		assert_true(out.number == in.number);
		assert_int_equal(out.sent_ns, in.sent_ns);
	}
}

/* So that programs of different builds, in different guests, understand each other. */
static void payload_on_the_wire_does_not_change(void **state)
{
	const struct flow_payload in = { FLOW_ECHO, 2, 3, 4 };
	static const uint8_t golden[] = {
		0x70, 0x66, 0x6b, 0x77, 0xee, 0x80, 0xf1, 0x20, 0x00, 0x01,
		0x00, 0x02, 0,	  0,	0,    0,    0,	  0,	0,    3,
		0,    0,    0,	  0,	0,    0,    0,	  4,	0x1f, 0x20,
	};
	uint8_t data[sizeof(golden)];

	flow_payload_build(data, sizeof(data), &in);
	assert_memory_equal(data, golden, sizeof(golden));
}

static void any_flipped_bit_is_damage(void **state)
{
	const struct flow_payload in = { FLOW_ECHO, 2, 3, 4 };
	struct flow_payload out;
	uint8_t data[64];

	flow_payload_build(data, sizeof(data), &in);
	for (size_t bit = 0; bit < sizeof(data) * 8; bit++) {
		data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(flow_payload_parse(data, sizeof(data), &out),
				 bit < 32 ? -EPROTO : -EBADMSG);
		data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(flow_payload_parse(data, sizeof(data) - 1, &out), -EBADMSG);
	assert_int_equal(flow_payload_parse(data, FLOW_PAYLOAD_MIN - 1, &out), -EPROTO);
	assert_int_equal(flow_payload_parse(data, 0, &out), -EPROTO);
}

static void unknown_kind_is_damage(void **state)
{
	const struct flow_payload in = { (enum flow_kind)3, 2, 3, 4 };
	struct flow_payload out;
	uint8_t data[FLOW_PAYLOAD_MIN];

	flow_payload_build(data, sizeof(data), &in);
	assert_int_equal(flow_payload_parse(data, sizeof(data), &out), -EBADMSG);
}

static void all_answered_is_no_loss(void **state)
{
	struct flow *flow = *state;

	for (uint64_t i = 0; i < 1000; i++) {
		assert_int_equal(flow_send(flow, (i + 1) * MS), i);
		arrive(flow, i, (i + 1) * MS, (i + 1) * MS + 1000);
	}
	assert_int_equal(flow_sent(flow), 1000);
	assert_int_equal(flow->received, 1000);
	assert_int_equal(flow_lost(flow), 0);
	assert_int_equal(flow_pending(flow), 0);
	assert_int_equal(flow->duplicated + flow->reordered + flow->corrupted + flow->late, 0);
	assert_int_equal(flow->rtt.min, 1000);
	assert_int_equal(flow->rtt.max, 1000);
}

static void holes_are_lost_and_the_tail_is_pending(void **state)
{
	struct flow *flow = *state;

	send_n(flow, 10, MS);
	arrive(flow, 0, MS, 20 * MS);
	arrive(flow, 2, 3 * MS, 21 * MS);
	arrive(flow, 6, 7 * MS, 22 * MS);
	assert_int_equal(flow->received, 3);
	assert_int_equal(flow_lost(flow), 4);
	assert_int_equal(flow_pending(flow), 3);
}

static void nothing_received_is_all_pending(void **state)
{
	struct flow *flow = *state;

	send_n(flow, 10, MS);
	assert_int_equal(flow_lost(flow), 0);
	assert_int_equal(flow_pending(flow), 10);
}

static void duplicates_are_counted_once_each(void **state)
{
	struct flow *flow = *state;

	send_n(flow, 3, MS);
	arrive(flow, 0, MS, 10 * MS);
	arrive(flow, 0, MS, 11 * MS);
	arrive(flow, 1, 2 * MS, 12 * MS);
	arrive(flow, 0, MS, 13 * MS);
	arrive(flow, 1, 2 * MS, 14 * MS);
	assert_int_equal(flow->received, 2);
	assert_int_equal(flow->duplicated, 3);
	assert_int_equal(flow->reordered, 0);
	assert_int_equal(flow->rtt.total, 2);
}

static void reordered_frame_fills_its_hole(void **state)
{
	struct flow *flow = *state;

	send_n(flow, 4, MS);
	arrive(flow, 2, 3 * MS, 10 * MS);
	arrive(flow, 0, MS, 11 * MS);
	arrive(flow, 3, 4 * MS, 12 * MS);
	arrive(flow, 1, 2 * MS, 13 * MS);
	arrive(flow, 1, 2 * MS, 14 * MS);
	assert_int_equal(flow->received, 4);
	assert_int_equal(flow->reordered, 2);
	assert_int_equal(flow->duplicated, 1);
	assert_int_equal(flow_lost(flow), 0);
}

static void account_stays_exact_while_the_window_wraps(void **state)
{
	struct flow *flow = *state;
	const uint64_t n = 3ull * FLOW_WINDOW + 17;
	uint64_t lost = 0, twice = 0;

	for (uint64_t i = 0; i < n; i++) {
		flow_send(flow, i + 1);
		if (i % 7 == 3) {
			lost++;
			continue;
		}
		arrive(flow, i, i + 1, i + 2);
		if (i % 11 == 0) {
			arrive(flow, i, i + 1, i + 2);
			twice++;
		}
	}
	assert_int_equal(flow->received, n - lost);
	assert_int_equal(flow_lost(flow) + flow_pending(flow), lost);
	assert_int_equal(flow->duplicated, twice);
}

static void stale_bits_of_a_skipped_window_are_no_duplicates(void **state)
{
	struct flow *flow = *state;

	for (uint64_t i = 0; i < 100; i++)
		arrive(flow, i, 0, i + 1);
	arrive(flow, 5ull * FLOW_WINDOW, 0, 200);
	for (uint64_t i = 1; i < 100; i++)
		arrive(flow, 5ull * FLOW_WINDOW - i, 0, 201);
	assert_int_equal(flow->received, 200);
	assert_int_equal(flow->duplicated, 0);
	assert_int_equal(flow->reordered, 99);
}

static void older_than_the_window_is_late_and_nothing_else(void **state)
{
	struct flow *flow = *state;

	arrive(flow, FLOW_WINDOW, 0, 1);
	arrive(flow, 0, 0, 2);
	assert_int_equal(flow->late, 1);
	arrive(flow, 1, 0, 3);
	assert_int_equal(flow->reordered, 1);
	assert_int_equal(flow->received, 2);
	assert_int_equal(flow->duplicated, 0);
}

static void number_never_sent_is_corrupted(void **state)
{
	struct flow *flow = *state;

	send_n(flow, 5, MS);
	arrive(flow, 5, MS, 10 * MS);
	arrive(flow, UINT64_MAX, MS, 10 * MS);
	arrive(flow, 1, 11 * MS, 10 * MS); /* sent in the future */
	flow_receive_corrupted(flow);
	assert_int_equal(flow->corrupted, 4);
	assert_int_equal(flow->received, 0);
	assert_int_equal(flow_pending(flow), 5);
}

static void receiver_does_not_believe_an_absurd_jump(void **state)
{
	struct flow *flow = *state;

	arrive(flow, 3, 0, 1);
	arrive(flow, UINT64_MAX, 0, 2);
	assert_int_equal(flow->corrupted, 1);
	assert_int_equal(flow_sent(flow), 4);
	assert_int_equal(flow_lost(flow), 3);
}

static void blackout_is_the_longest_gap_between_arrivals(void **state)
{
	struct flow *flow = *state;

	send_n(flow, 100, 1000 * MS);
	arrive(flow, 0, 1000 * MS, 1001 * MS);
	arrive(flow, 1, 1001 * MS, 1002 * MS);
	arrive(flow, 50, 1050 * MS, 1051 * MS);
	arrive(flow, 99, 1099 * MS, 1099 * MS + 500);
	assert_int_equal(flow_longest_gap(flow).start_ns, 1002 * MS);
	assert_int_equal(flow_longest_gap(flow).end_ns, 1051 * MS);
	assert_false(flow_longest_gap(flow).open);
}

static void duplicates_do_not_end_a_gap(void **state)
{
	struct flow *flow = *state;

	send_n(flow, 2, MS);
	arrive(flow, 0, MS, 10 * MS);
	arrive(flow, 0, MS, 50 * MS);
	arrive(flow, 1, 2 * MS, 100 * MS);
	assert_int_equal(flow_longest_gap(flow).end_ns - flow_longest_gap(flow).start_ns, 90 * MS);
}

static void gap_that_has_not_ended_is_open(void **state)
{
	struct flow *flow = *state;

	send_n(flow, 100, 1000 * MS);
	arrive(flow, 0, 1000 * MS, 1001 * MS);
	assert_true(flow_longest_gap(flow).open);
	assert_int_equal(flow_longest_gap(flow).start_ns, 1001 * MS);
	assert_int_equal(flow_longest_gap(flow).end_ns, 1099 * MS);
}

static void flow_never_answered_is_one_open_gap(void **state)
{
	struct flow *flow = *state;

	send_n(flow, 11, 1000 * MS);
	assert_true(flow_longest_gap(flow).open);
	assert_int_equal(flow_longest_gap(flow).start_ns, 1000 * MS);
	assert_int_equal(flow_longest_gap(flow).end_ns, 1010 * MS);
}

static void wait_for_the_first_answer_is_a_gap(void **state)
{
	struct flow *flow = *state;

	send_n(flow, 11, 1000 * MS);
	arrive(flow, 10, 1010 * MS, 1500 * MS);
	assert_int_equal(flow_longest_gap(flow).start_ns, 1000 * MS);
	assert_int_equal(flow_longest_gap(flow).end_ns, 1500 * MS);
}

static void reset_begins_anew_and_ignores_the_old(void **state)
{
	struct flow *flow = *state;

	send_n(flow, 10, 1000 * MS);
	arrive(flow, 0, 1000 * MS, 1900 * MS);
	flow_reset(flow);
	assert_int_equal(flow_sent(flow), 0);
	assert_int_equal(flow_lost(flow), 0);
	assert_int_equal(flow_send(flow, 2000 * MS), 10);
	arrive(flow, 9, 1009 * MS, 2001 * MS);
	arrive(flow, 10, 2000 * MS, 2002 * MS);
	assert_int_equal(flow->early, 1);
	assert_int_equal(flow->received, 1);
	assert_int_equal(flow_lost(flow), 0);
	assert_int_equal(flow_longest_gap(flow).end_ns - flow_longest_gap(flow).start_ns, 2 * MS);
}

static void receiver_counts_up_to_the_greatest_it_has_seen(void **state)
{
	struct flow *flow = *state;

	arrive(flow, 2, 0, 10 * MS);
	arrive(flow, 3, 0, 11 * MS);
	arrive(flow, 9, 0, 30 * MS);
	assert_int_equal(flow_sent(flow), 10);
	assert_int_equal(flow_lost(flow), 7);
	assert_int_equal(flow_pending(flow), 0);
	assert_int_equal(flow->rtt.total, 0);
	assert_int_equal(flow_longest_gap(flow).end_ns - flow_longest_gap(flow).start_ns, 19 * MS);
}

static void percentiles_are_nearest_rank(void **state)
{
	struct histogram *histogram = calloc(1, sizeof(*histogram));

	assert_non_null(histogram);
	assert_int_equal(histogram_permille(histogram, 500), 0);
	for (uint64_t v = 1; v <= 50; v++)
		histogram_add(histogram, v);
	assert_int_equal(histogram_permille(histogram, 500), 25);
	assert_int_equal(histogram_permille(histogram, 900), 45);
	assert_int_equal(histogram_permille(histogram, 990), 50);
	assert_int_equal(histogram_permille(histogram, 1000), 50);
	assert_int_equal(histogram_permille(histogram, 0), 1);
	free(histogram);
}

static void percentiles_are_at_most_1_6_percent_above(void **state)
{
	struct histogram *histogram = calloc(1, sizeof(*histogram));
	const uint64_t n = 100000, step = 12345;

	assert_non_null(histogram);
	for (uint64_t i = 1; i <= n; i++)
		histogram_add(histogram, i * step);
	for (unsigned int permille = 1; permille <= 1000; permille++) {
		uint64_t exact = (n * permille + 999) / 1000 * step;
		uint64_t got = histogram_permille(histogram, permille);

		assert_in_range(got, exact, exact + exact / 64);
	}
	free(histogram);
}

static void histogram_holds_any_duration(void **state)
{
	struct histogram *histogram = calloc(1, sizeof(*histogram));

	assert_non_null(histogram);
	for (unsigned int bit = 0; bit < 64; bit++) {
		histogram_add(histogram, 1ull << bit);
		histogram_add(histogram, (1ull << bit) - 1);
	}
	histogram_add(histogram, UINT64_MAX);
	assert_int_equal(histogram->min, 0);
	assert_true(histogram->max == UINT64_MAX);
	assert_true(histogram_permille(histogram, 1000) == UINT64_MAX);
	free(histogram);
}

#define SENDER(test)   cmocka_unit_test_setup_teardown(test, sender, end)
#define RECEIVER(test) cmocka_unit_test_setup_teardown(test, receiver, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(payload_comes_back_as_built),
		cmocka_unit_test(payload_on_the_wire_does_not_change),
		cmocka_unit_test(any_flipped_bit_is_damage),
		cmocka_unit_test(unknown_kind_is_damage),
		SENDER(all_answered_is_no_loss),
		SENDER(holes_are_lost_and_the_tail_is_pending),
		SENDER(nothing_received_is_all_pending),
		SENDER(duplicates_are_counted_once_each),
		SENDER(reordered_frame_fills_its_hole),
		SENDER(account_stays_exact_while_the_window_wraps),
		RECEIVER(stale_bits_of_a_skipped_window_are_no_duplicates),
		RECEIVER(older_than_the_window_is_late_and_nothing_else),
		SENDER(number_never_sent_is_corrupted),
		RECEIVER(receiver_does_not_believe_an_absurd_jump),
		SENDER(blackout_is_the_longest_gap_between_arrivals),
		SENDER(duplicates_do_not_end_a_gap),
		SENDER(gap_that_has_not_ended_is_open),
		SENDER(flow_never_answered_is_one_open_gap),
		SENDER(wait_for_the_first_answer_is_a_gap),
		SENDER(reset_begins_anew_and_ignores_the_old),
		RECEIVER(receiver_counts_up_to_the_greatest_it_has_seen),
		cmocka_unit_test(percentiles_are_nearest_rank),
		cmocka_unit_test(percentiles_are_at_most_1_6_percent_above),
		cmocka_unit_test(histogram_holds_any_duration),
	};

	return cmocka_run_group_tests_name("wire_flow", tests, NULL, NULL);
}
