// SPDX-License-Identifier: GPL-2.0-only
/*
 * The state's reader over files of any content. What it takes it must be able to
 * write on from and read again to the same; what it refuses it must leave as
 * it is. Lines get their right sum first, or nothing would get past that.
 */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pfkeep/crc32c.h"
#include "pfkeep/state.h"

#define HOLDS(x)                                                   \
	do {                                                       \
		if (!(x)) {                                        \
			fprintf(stderr, "doesn't hold: %s\n", #x); \
			abort();                                   \
		}                                                  \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[40], path[64], lock[64];

static void remove_dir(void)
{
	unlink(path);
	unlink(lock);
	rmdir(dir);
}

static void make_dir(void)
{
	snprintf(dir, sizeof(dir), "/dev/shm/pfkeep-fuzz-XXXXXX");
	if (!mkdtemp(dir)) {
		snprintf(dir, sizeof(dir), "/tmp/pfkeep-fuzz-XXXXXX");
		HOLDS(mkdtemp(dir));
	}
	snprintf(path, sizeof(path), "%s/state", dir);
	snprintf(lock, sizeof(lock), "%s/lock", dir);
	atexit(remove_dir);
}

/* A line that starts with '+' gets its sum in the place of that; others stay. */
static void spill(const uint8_t *data, size_t size)
{
	FILE *out = fopen(path, "w");

	HOLDS(out);
	while (size) {
		const uint8_t *nl = memchr(data, '\n', size);
		size_t len = nl ? (size_t)(nl - data) : size;

		size_t skip = len && *data == '+';

		if (skip)
			fprintf(out, "%08x ", crc32c(data + 1, len - 1));
		fwrite(data + skip, 1, len - skip, out);
		if (nl)
			fputc('\n', out);
		data += len + (nl != NULL);
		size -= len + (nl != NULL);
	}
	HOLDS(!fclose(out));
}

static void write_on(void)
{
	struct state *state, *again;
	struct state_change change;
	uint64_t serial;
	char *before;

	HOLDS(!state_open(dir, &state, NULL));
	HOLDS(!state_was_torn(state));
	serial = state_serial(state);
	HOLDS(!state_change_init(&change));
	HOLDS(!state_put(&change, "vf/0000:01:00.0/0", json_object_new_object()));
	HOLDS(!state_commit(state, &change, NULL));
	state_change_release(&change);
	before = strdup(json_object_to_json_string(state_all(state)));
	state_close(state);
	HOLDS(!state_open(dir, &again, NULL));
	HOLDS(state_serial(again) == serial + 1);
	HOLDS(!strcmp(before, json_object_to_json_string(state_all(again))));
	state_close(again);
	free(before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stat before, after;
	struct state *state;
	int ret;

	if (!*dir)
		make_dir();
	spill(data, size);
	HOLDS(!stat(path, &before));
	ret = state_open(dir, &state, NULL);
	if (!ret) {
		state_close(state);
		write_on();
		return 0;
	}
	HOLDS(ret == -EBADMSG || ret == -ENOTSUP);
	HOLDS(!stat(path, &after));
	HOLDS(before.st_size == after.st_size && before.st_ino == after.st_ino);
	return 0;
}
