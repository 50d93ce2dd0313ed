// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/lab/wire/pcap.h"

#define FILE_HEADER   24
#define RECORD_HEADER 16

struct scratch {
	char dir[64];
	char path[96];
	char old[96];
};

static int scratch_new(void **state)
{
	struct scratch *scratch = calloc(1, sizeof(*scratch));

	if (!scratch)
		return -1;
	snprintf(scratch->dir, sizeof(scratch->dir), "/tmp/pcap-test-XXXXXX");
	if (!mkdtemp(scratch->dir))
		return -1;
	snprintf(scratch->path, sizeof(scratch->path), "%s/wire.pcap", scratch->dir);
	snprintf(scratch->old, sizeof(scratch->old), "%s/wire.pcap.1", scratch->dir);
	*state = scratch;
	return 0;
}

static int scratch_free(void **state)
{
	struct scratch *scratch = *state;

	unlink(scratch->path);
	unlink(scratch->old);
	rmdir(scratch->dir);
	free(scratch);
	return 0;
}

static size_t read_file(const char *path, uint8_t *data, size_t size)
{
	FILE *file = fopen(path, "re");
	size_t n;

	assert_non_null(file);
	n = fread(data, 1, size, file);
	fclose(file);
	return n;
}

static uint32_t u32(const uint8_t *data)
{
	uint32_t value;

	memcpy(&value, data, sizeof(value));
	return value;
}

static void header_says_ethernet_and_nanoseconds(void **state)
{
	struct scratch *scratch = *state;
	uint8_t data[64];
	struct pcap *pcap;

	assert_int_equal(pcap_open(scratch->path, 0, &pcap), 0);
	pcap_close(pcap);
	assert_int_equal(read_file(scratch->path, data, sizeof(data)), FILE_HEADER);
	assert_int_equal(u32(data), 0xa1b23c4d);
	assert_int_equal(data[4], 2);
	assert_int_equal(data[6], 4);
	assert_int_equal(u32(data + 20), 1);
}

static void record_holds_frame_and_wall_clock_stamp(void **state)
{
	struct scratch *scratch = *state;
	uint8_t data[256], frame[60] = { 0xff, 1, 2, 3 };
	struct timespec mono, before, after;
	struct pcap *pcap;
	uint64_t stamp;

	clock_gettime(CLOCK_REALTIME, &before);
	assert_int_equal(pcap_open(scratch->path, 0, &pcap), 0);
	clock_gettime(CLOCK_MONOTONIC, &mono);
	clock_gettime(CLOCK_REALTIME, &after);
	stamp = (uint64_t)mono.tv_sec * 1000000000ull + (uint64_t)mono.tv_nsec;
	assert_int_equal(pcap_write(pcap, frame, sizeof(frame), stamp), 0);
	assert_int_equal(pcap_write(pcap, frame, sizeof(frame), stamp + 1500000001), 0);
	assert_int_equal(pcap_flush(pcap), 0);
	assert_int_equal(read_file(scratch->path, data, sizeof(data)),
			 FILE_HEADER + 2 * (RECORD_HEADER + 60));
	assert_int_equal(pcap_frames(pcap), 2);
	pcap_close(pcap);
	assert_in_range(u32(data + FILE_HEADER), before.tv_sec, after.tv_sec + 1);
	assert_in_range(u32(data + FILE_HEADER + 4), 0, 999999999);
	assert_int_equal(u32(data + FILE_HEADER + 8), 60);
	assert_int_equal(u32(data + FILE_HEADER + 12), 60);
	assert_memory_equal(data + FILE_HEADER + RECORD_HEADER, frame, 60);
	/* the second comes 1.500000001 s later */
	assert_int_equal((u32(data + FILE_HEADER + 76) - u32(data + FILE_HEADER)) * 1000000000ull +
				 u32(data + FILE_HEADER + 80) - u32(data + FILE_HEADER + 4),
			 1500000001);
}

static off_t size_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

static void bounded_capture_keeps_the_newest(void **state)
{
	struct scratch *scratch = *state;
	static uint8_t data[PCAP_MIN_BYTES];
	uint8_t frame[1000] = { 0 };
	struct pcap *pcap;
	size_t n;

	assert_int_equal(pcap_open(scratch->path, PCAP_MIN_BYTES, &pcap), 0);
	for (uint32_t i = 0; i < 1000; i++) {
		memcpy(frame, &i, sizeof(i));
		assert_int_equal(pcap_write(pcap, frame, sizeof(frame), i), 0);
	}
	assert_int_equal(pcap_frames(pcap), 1000);
	pcap_close(pcap);
	assert_in_range(size_of(scratch->path) + size_of(scratch->old), PCAP_MIN_BYTES / 2,
			PCAP_MIN_BYTES);
	n = read_file(scratch->path, data, sizeof(data));
	assert_int_equal(u32(data), 0xa1b23c4d);
	assert_int_equal(u32(data + n - 1000), 999);
}

static void bound_too_small_is_refused(void **state)
{
	struct scratch *scratch = *state;
	struct pcap *pcap;

	assert_int_equal(pcap_open(scratch->path, PCAP_MIN_BYTES - 1, &pcap), -EINVAL);
}

static void path_that_can_not_be_is_refused(void **state)
{
	struct pcap *pcap;

	assert_int_equal(pcap_open("/nonexistent/wire.pcap", 0, &pcap), -ENOENT);
}

static void full_disk_is_reported(void **state)
{
	static const uint8_t frame[4096];
	struct pcap *pcap;
	int r = 0;

	assert_int_equal(pcap_open("/dev/full", 0, &pcap), 0);
	for (int i = 0; i < 100 && r == 0; i++)
		r = pcap_write(pcap, frame, sizeof(frame), 0);
	assert_int_equal(r, -EIO);
	pcap_close(pcap);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_new, scratch_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(header_says_ethernet_and_nanoseconds),
		TEST(record_holds_frame_and_wall_clock_stamp),
		TEST(bounded_capture_keeps_the_newest),
		TEST(bound_too_small_is_refused),
		cmocka_unit_test(path_that_can_not_be_is_refused),
		cmocka_unit_test(full_disk_is_reported),
	};

	return cmocka_run_group_tests_name("wire_pcap", tests, NULL, NULL);
}
