// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/wire/pcap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/lab/wire/frame.h"

#define MAGIC_NS      0xa1b23c4d
#define LINK_ETHERNET 1
#define NS_PER_S      1000000000ull

/* Both are in the writer's byte order, which the magic number tells. */
struct file_header {
	uint32_t magic;
	uint16_t major;
	uint16_t minor;
	int32_t zone;
	uint32_t accuracy;
	uint32_t snap_len;
	uint32_t link_type;
};

struct record_header {
	uint32_t seconds;
	uint32_t nanoseconds;
	uint32_t captured;
	uint32_t len;
};

struct pcap {
	FILE *file;
	char *path;
	uint64_t max_bytes;
	uint64_t bytes; /* in the present file */
	uint64_t frames;
	uint64_t wall_offset_ns; /* wall-clock time less monotonic time */
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static int begin_file(struct pcap *pcap)
{
	const struct file_header header = {
		.magic = MAGIC_NS,
		.major = 2,
		.minor = 4,
		.snap_len = FRAME_MAX,
		.link_type = LINK_ETHERNET,
	};

	pcap->file = fopen(pcap->path, "we");
	if (!pcap->file)
		return -errno;
	if (fwrite(&header, sizeof(header), 1, pcap->file) != 1)
		return -EIO;
	pcap->bytes = sizeof(header);
	return 0;
}

static int rotate(struct pcap *pcap)
{
	char *old;
	int r = 0;

	if (asprintf(&old, "%s.1", pcap->path) < 0)
		return -ENOMEM;
	if (fclose(pcap->file) != 0)
		r = -errno;
	pcap->file = NULL;
	if (rename(pcap->path, old) < 0 && r == 0)
		r = -errno;
	free(old);
	return r < 0 ? r : begin_file(pcap);
}

int pcap_open(const char *path, uint64_t max_bytes, struct pcap **ret_pcap)
{
	struct pcap *pcap;
	int r;

	if (max_bytes && max_bytes < PCAP_MIN_BYTES)
		return -EINVAL;
	pcap = calloc(1, sizeof(*pcap));
	if (!pcap)
		return -ENOMEM;
	pcap->max_bytes = max_bytes;
	pcap->wall_offset_ns = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
	pcap->path = strdup(path);
	r = pcap->path ? begin_file(pcap) : -ENOMEM;
	if (r < 0) {
		pcap_close(pcap);
		return r;
	}
	*ret_pcap = pcap;
	return 0;
}

int pcap_write(struct pcap *pcap, const uint8_t *frame, size_t len, uint64_t now_ns)
{
	uint64_t stamp = now_ns + pcap->wall_offset_ns;
	struct record_header header = {
		.seconds = (uint32_t)(stamp / NS_PER_S),
		.nanoseconds = (uint32_t)(stamp % NS_PER_S),
		.captured = (uint32_t)(len < FRAME_MAX ? len : FRAME_MAX),
		.len = (uint32_t)len,
	};
	int r;

	if (pcap->max_bytes &&
	    pcap->bytes + sizeof(header) + header.captured > pcap->max_bytes / 2) {
		r = pcap->file ? rotate(pcap) : -EIO;
		if (r < 0)
			return r;
	}
	if (!pcap->file || fwrite(&header, sizeof(header), 1, pcap->file) != 1 ||
	    fwrite(frame, 1, header.captured, pcap->file) != header.captured)
		return -EIO;
	pcap->bytes += sizeof(header) + header.captured;
	pcap->frames++;
	return 0;
}

int pcap_flush(struct pcap *pcap)
{
	return pcap->file && fflush(pcap->file) == 0 ? 0 : -EIO;
}

uint64_t pcap_frames(const struct pcap *pcap)
{
	return pcap->frames;
}

void pcap_close(struct pcap *pcap)
{
	if (!pcap)
		return;
	if (pcap->file)
		fclose(pcap->file);
	free(pcap->path);
	free(pcap);
}
