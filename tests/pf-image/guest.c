// SPDX-License-Identifier: GPL-2.0-only
#include "tests/pf-image/guest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <json-c/json.h>
#include <cmocka.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void await_agent(struct guest *g)
{
	int ret = qga_open(g->vm.agent, GUEST_BOOT_MS, &g->agent);

	if (ret) {
		vm_kill(&g->vm);
		fail_msg("agent: %s", strerror(-ret));
	}
	g->ready = now();
}

void guest_boot(const char *image, const char *dir, const char *append, struct guest *g)
{
	g->started = now();
	assert_int_equal(vm_start(image, dir, append, &g->vm), 0);
	await_agent(g);
}

void guest_boot_disk(const struct vm_boot *boot, struct guest *g)
{
	g->started = now();
	assert_int_equal(vm_boot(boot, &g->vm), 0);
	await_agent(g);
}

void guest_kill(struct guest *g)
{
	vm_kill(&g->vm);
	qga_close(&g->agent);
}

void guest_end(struct guest *g)
{
	struct json_object *value;
	/* No answer comes to a shutdown that works. */
	int ret = qga_call(&g->agent, "guest-shutdown", NULL, GUEST_CALL_MS, &value);

	assert_true(ret == -ECONNRESET || ret == -ETIMEDOUT);
	assert_int_equal(vm_wait(&g->vm, GUEST_CALL_MS), 0);
	qga_close(&g->agent);
}

char *guest_shell(struct guest *g, const char *line)
{
	char *out;

	assert_int_equal(qga_shell(&g->agent, line, GUEST_CALL_MS, &out), 0);
	return out;
}

void guest_expect(struct guest *g, const char *line, const char *wanted)
{
	char *out = guest_shell(g, line);

	if (strcmp(out, wanted))
		fail_msg("%s: '%s', not '%s'", line, out, wanted);
	free(out);
}

static double number(struct guest *g, const char *line)
{
	char *out = guest_shell(g, line), *end;
	double n = strtod(out, &end);

	if (end == out)
		fail_msg("%s: '%s' is no number", line, out);
	free(out);
	return n;
}

long guest_number(struct guest *g, const char *line)
{
	return (long)number(g, line);
}

double guest_kernel_time(struct guest *g, const char *pattern)
{
	char line[256];

	/* What the kernel itself wrote: "[    3.141592] igb 0000:01:00.0: ..." */
	snprintf(line, sizeof(line),
		 "journalctl -k -o short-monotonic | sed -n '/%s/{s/^\\[ "
		 "*\\([0-9.]*\\)\\].*/\\1/p;q}'",
		 pattern);
	return number(g, line);
}

double guest_clock_zero(struct guest *g)
{
	return now() - number(g, "cat /proc/uptime");
}

long guest_memory_used_kib(struct guest *g)
{
	return guest_number(g, "sed -n 's/MemTotal: *//p' /proc/meminfo") -
	       guest_number(g, "sed -n 's/MemAvailable: *//p' /proc/meminfo");
}

void guest_expect_vfs(struct guest *g, unsigned int vfs)
{
	char wanted[16];

	snprintf(wanted, sizeof(wanted), "%u\n", vfs);
	/* The agent may be there before the PF: until udev has nothing left to do. */
	free(guest_shell(g, "udevadm settle"));
	guest_expect(g, "cat /sys/bus/pci/drivers/igb/0*/sriov_numvfs", wanted);
	guest_expect(g, "ls -d /sys/bus/pci/drivers/igb/0*/virtfn* | wc -l", wanted);
	guest_expect(g, "ls -d /sys/bus/pci/drivers/pci-stub/0* | wc -l", wanted);
}
