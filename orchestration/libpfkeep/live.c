// SPDX-License-Identifier: GPL-2.0-only
#include "pfkeep/live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <x86intrin.h>

#include "orchestration/libpfkeep/live_domain.h"

void live_init(struct live *live)
{
	memset(live, 0, sizeof(*live));
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void release_vm(struct live_vm *vm)
{
	for (int i = 0; i < vm->argc; i++)
		free(vm->argv[i]);
	free(vm->argv);
	for (size_t i = 0; i < vm->n_fds; i++) {
		close_fd(vm->fds[i].fd);
		free(vm->fds[i].path);
	}
	free(vm->fds);
	close_fd(vm->state);
	close_fd(vm->hold);
	live_domain_release(vm->domain);
}

void live_release(struct live *live)
{
	for (size_t i = 0; i < live->n_vms; i++)
		release_vm(&live->vms[i]);
	free(live->vms);
	free(live->functions);
	live_init(live);
}

/* The time stamp counter: no clock of the kernel's outlives it with its precision. */
uint64_t live_ticks(void)
{
	return __rdtsc();
}

static void add_phase(struct live_phase *phases, size_t *n, size_t max, const char *name,
		      uint64_t ticks)
{
	struct live_phase *last = &phases[*n ? *n - 1 : 0];

	if (*n && !strcmp(last->name, name)) {
		last->ticks = ticks;
		return;
	}
	if (*n == max)
		return;
	snprintf(phases[*n].name, sizeof(phases[*n].name), "%s", name);
	phases[(*n)++].ticks = ticks;
}

void live_phase_at(struct live *live, const char *name, uint64_t ticks)
{
	add_phase(live->phases, &live->n_phases, LIVE_PHASES, name, ticks);
}

void live_phase(struct live *live, const char *name)
{
	live_phase_at(live, name, live_ticks());
}

void live_vm_phase_at(struct live_vm *vm, const char *name, uint64_t ticks)
{
	add_phase(vm->phases, &vm->n_phases, LIVE_VM_PHASES, name, ticks);
}

void live_vm_phase(struct live_vm *vm, const char *name)
{
	live_vm_phase_at(vm, name, live_ticks());
}
