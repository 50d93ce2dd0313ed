// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pfkeep/cleanup.h"
#include "pfkeep/livereport.h"

#define REPORT_MAX (4 << 20)
#define NEW	   LIVE_REPORT ".new"

int live_report_read(const struct root *root, struct live *ret_live, struct problem *problem)
{
	CLEANUP(cleanup_free) char *text = NULL;
	int ret = root_slurp(root, LIVE_REPORT, REPORT_MAX, &text);

	if (ret == -ENOENT)
		return problem_set(problem, ret, "there was no live update yet");
	if (ret)
		return problem_set(problem, ret, LIVE_REPORT ": %s", strerror(-ret));
	return live_record_parse_report(text, strlen(text), ret_live, problem);
}

static int write_file(const char *path, const char *text)
{
	CLEANUP(cleanup_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	size_t len = strlen(text);

	if (fd < 0)
		return -errno;
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return fsync(fd) ? -errno : 0;
}

/* The old report or the new one, whole. */
int live_report_write(const struct root *root, const struct live *live, struct problem *problem)
{
	char path[PATH_MAX + 64], temp[PATH_MAX + 64];
	CLEANUP(cleanup_free) char *text = NULL;
	int ret = live_record_format_report(live, &text);

	snprintf(path, sizeof(path), "%s/var/lib/pfkeep", root->path);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s" LIVE_REPORT, root->path);
	snprintf(temp, sizeof(temp), "%s" NEW, root->path);
	if (!ret)
		ret = write_file(temp, text);
	if (!ret && rename(temp, path))
		ret = -errno;
	return ret ? problem_set(problem, ret, LIVE_REPORT ": %s", strerror(-ret)) : 0;
}

void live_report_lost(const struct root *root, const char *stage, const struct problem *problem)
{
	struct live live;

	if (live_report_read(root, &live, NULL))
		return;
	if (live.result == LIVE_OPEN) {
		live_fail(&live, stage, problem);
		live_report_write(root, &live, NULL);
	}
	live_release(&live);
}

void live_fail(struct live *live, const char *stage, const struct problem *problem)
{
	if (live->result == LIVE_FAILED)
		return;
	live->result = LIVE_FAILED;
	snprintf(live->failed, sizeof(live->failed), "%s", stage);
	live->why = *problem;
}

double live_report_ms(const struct live *live, uint64_t from, uint64_t to)
{
	if (!live->ticks_per_ms || to <= from)
		return 0;
	return (double)(to - from) / (double)live->ticks_per_ms;
}

struct live_blackout live_report_blackout(const struct live_vm *vm)
{
	struct live_blackout blackout = { 0 };

	for (size_t i = 0; i < vm->n_phases; i++) {
		const struct live_phase *phase = &vm->phases[i];

		if (!strcmp(phase->name, LIVE_VM_STOP)) {
			blackout.from = phase->ticks;
			blackout.stopped = true;
			blackout.over = false;
		}
		blackout.to = phase->ticks;
		blackout.over |= blackout.stopped && !strcmp(phase->name, LIVE_VM_RESUME);
	}
	return blackout;
}

double live_report_longest_ms(const struct live *live)
{
	double longest = 0;

	for (size_t i = 0; i < live->n_vms; i++) {
		struct live_blackout blackout = live_report_blackout(&live->vms[i]);
		double ms = live_report_ms(live, blackout.from, blackout.to);

		if (blackout.over && ms > longest)
			longest = ms;
	}
	return longest;
}

uint64_t live_report_begin(const struct live *live)
{
	return live->n_phases ? live->phases[0].ticks : 0;
}

uint64_t live_report_end(const struct live *live)
{
	uint64_t end = live_report_begin(live);

	for (size_t i = 0; i < live->n_phases; i++)
		if (live->phases[i].ticks > end)
			end = live->phases[i].ticks;
	for (size_t i = 0; i < live->n_vms; i++)
		for (size_t k = 0; k < live->vms[i].n_phases; k++)
			if (live->vms[i].phases[k].ticks > end)
				end = live->vms[i].phases[k].ticks;
	return end;
}
