// SPDX-License-Identifier: GPL-2.0-only
#include "tests/pf-image/cpu_use.h"

#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static double wall(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double used(int who)
{
	struct rusage r;

	getrusage(who, &r);
	return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
	       (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

/* Seconds of all CPUs, everybody's: all but idle and waiting for a disk. */
static double used_by_all(void)
{
	unsigned long long user, nice, system, idle, wait, irq, softirq, steal;
	FILE *f = fopen("/proc/stat", "re");
	int n = 0;

	if (f) {
		n = fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system,
			   &idle, &wait, &irq, &softirq, &steal);
		fclose(f);
	}
	return n == 8 ? (double)(user + nice + system + irq + softirq + steal) /
				(double)sysconf(_SC_CLK_TCK)
		      : 0;
}

/* Until the end: where the counters stood. */
struct cpu_use cpu_use_begin(void)
{
	return (struct cpu_use){ wall(), used(RUSAGE_CHILDREN) + used(RUSAGE_SELF), used_by_all() };
}

void cpu_use_end(struct cpu_use *use)
{
	double cpus = (double)sysconf(_SC_NPROCESSORS_ONLN);

	use->wall_s = wall() - use->wall_s;
	use->ours_s = used(RUSAGE_CHILDREN) + used(RUSAGE_SELF) - use->ours_s;
	use->others = (used_by_all() - use->others - use->ours_s) / (use->wall_s * cpus);
}
