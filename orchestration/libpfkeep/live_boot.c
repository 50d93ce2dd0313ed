// SPDX-License-Identifier: GPL-2.0-only
#include "orchestration/libpfkeep/live_boot.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "pfkeep/cleanup.h"

#define LINE_MAX_BYTES 8192 /* what the kernel puts into one at most */
#define LINES_MAX      100000

/* "6,345,1234567,-;Run /init as init process" */
bool live_boot_is_init(const char *line, uint64_t *ret_us)
{
	const char *text = strchr(line, ';');
	unsigned int level, sequence;

	return text && !strncmp(text, ";Run ", 5) && strstr(text, " as init process") &&
	       sscanf(line, "%u,%u,%" SCNu64 ",", &level, &sequence, ret_us) == 3;
}

/* The first: where there is an initrd, that one's. */
static bool find_init(const struct root *root, uint64_t *ret_us)
{
	CLEANUP(cleanup_close) int fd = -1;
	static char line[LINE_MAX_BYTES + 1];

	if (root_openat(root, "dev/kmsg", O_RDONLY | O_NONBLOCK, &fd))
		return false;
	for (unsigned int i = 0; i < LINES_MAX; i++) {
		ssize_t n = read(fd, line, LINE_MAX_BYTES);

		if (n <= 0)
			return false;
		line[n] = '\0';
		if (live_boot_is_init(line, ret_us))
			return true;
	}
	return false;
}

void live_boot_split(struct live *live, const struct root *root, uint64_t ticks)
{
	uint64_t last = live->n_phases ? live->phases[live->n_phases - 1].ticks : 0;
	uint64_t init_us, up_us, start, init;
	struct timespec up;

	clock_gettime(CLOCK_MONOTONIC, &up);
	up_us = (uint64_t)up.tv_sec * 1000000 + (uint64_t)up.tv_nsec / 1000;
	/* The clock begins some milliseconds after the kernel's first instruction. */
	start = live_ticks() - up_us * live->ticks_per_ms / 1000;
	if (!find_init(root, &init_us) || start <= last) {
		live_phase_at(live, "boot", ticks);
		return;
	}
	init = start + init_us * live->ticks_per_ms / 1000;
	live_phase_at(live, "jump", start);
	live_phase_at(live, "kernel", init);
	live_phase_at(live, "init", ticks);
}
