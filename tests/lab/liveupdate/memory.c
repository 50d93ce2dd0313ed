// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/lab/liveupdate/lu.h"

#define CANARY 0xa5

static void map(struct lu_memory *memory)
{
	memory->base = mmap(NULL, LU_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, memory->fd, 0);
	if (memory->base == MAP_FAILED)
		lu_fail("the memory can't be mapped");
}

void lu_memory_new(struct lu_memory *memory)
{
	memory->fd = memfd_create("lu", MFD_CLOEXEC);
	if (memory->fd < 0 || ftruncate(memory->fd, LU_MEMORY))
		lu_fail("no memory");
	map(memory);
	memset(memory->base, CANARY, LU_MEMORY);
}

void lu_memory_take(struct lu_memory *memory, int fd)
{
	memory->fd = fd;
	map(memory);
}

static unsigned int damage(const uint8_t *from, const uint8_t *to)
{
	unsigned int n = 0;

	for (; from < to; from++)
		n += *from != CANARY;
	return n;
}

unsigned int lu_memory_damage(const struct lu_memory *memory)
{
	const uint8_t *base = memory->base;

	return damage(base, base + LU_RING) +
	       damage(base + LU_RING + LU_RING_SIZE * 16, base + LU_BUFFERS) +
	       damage(base + LU_BUFFERS + LU_RING_SIZE * LU_BUFFER_SIZE, base + LU_MEMORY);
}
