// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>
#include <unistd.h>

#include "tests/lab/products/progress.h"

#define BAR_WIDTH     24
#define PLAIN_EVERY_S 30

long progress_elapsed(const struct progress *pg)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - pg->start.tv_sec;
}

void progress_start(struct progress *pg, FILE *out, const char *name)
{
	*pg = (struct progress){ .out = out, .name = name, .terminal = isatty(fileno(out)) };
	clock_gettime(CLOCK_MONOTONIC, &pg->start);
}

static void put_head(struct progress *pg)
{
	long s = progress_elapsed(pg);

	fprintf(pg->out, "  %-14s %2ld:%02ld  ", pg->name, s / 60, s % 60);
}

static void draw(struct progress *pg)
{
	unsigned int filled;

	fputs("\r\033[K", pg->out);
	put_head(pg);
	if (pg->total) {
		filled = pg->done * BAR_WIDTH / pg->total;
		for (unsigned int i = 0; i < BAR_WIDTH; i++)
			fputc(i < filled ? '#' : '.', pg->out);
		fprintf(pg->out, " %3lu%%  ", pg->done * 100 / pg->total);
	}
	fprintf(pg->out, "%.60s", pg->step);
	fflush(pg->out);
	pg->open = true;
}

static void put_plain(struct progress *pg)
{
	put_head(pg);
	fputs(pg->step, pg->out);
	if (pg->total)
		fprintf(pg->out, " (%lu of %lu)", pg->done, pg->total);
	fputc('\n', pg->out);
	fflush(pg->out);
	pg->last_plain = progress_elapsed(pg);
}

static void show(struct progress *pg)
{
	if (pg->terminal)
		draw(pg);
	else
		put_plain(pg);
}

void progress_step(struct progress *pg, const char *text)
{
	snprintf(pg->step, sizeof(pg->step), "%s", text);
	pg->done = 0;
	pg->total = 0;
	show(pg);
}

void progress_count(struct progress *pg, unsigned long done, unsigned long total)
{
	pg->total = total;
	pg->done = done < total ? done : total;
}

void progress_tick(struct progress *pg)
{
	if (pg->terminal)
		draw(pg);
	else if (progress_elapsed(pg) - pg->last_plain >= PLAIN_EVERY_S)
		put_plain(pg);
}

void progress_end(struct progress *pg, const char *verdict)
{
	if (pg->open)
		fputs("\r\033[K", pg->out);
	put_head(pg);
	fprintf(pg->out, "%s\n", verdict);
	fflush(pg->out);
	pg->open = false;
}
