// SPDX-License-Identifier: GPL-2.0-only
#include "tests/run/progress.h"

#include <string.h>
#include <unistd.h>

#include "tests/run/clock.h"

#define BAR_WIDTH    24
#define HEARTBEAT_MS 30000

static void print_elapsed(const struct progress *progress)
{
	long long s = (clock_ms() - progress->start_ms) / 1000;

	fprintf(progress->out, "[%2lld:%02lld]", s / 60, s % 60);
}

void progress_clear(struct progress *progress)
{
	if (progress->terminal)
		fputs("\r\033[K", progress->out);
	fflush(progress->out);
}

static void draw_bar(struct progress *progress, const char *last)
{
	int full = progress->total ? progress->done * BAR_WIDTH / progress->total : BAR_WIDTH;

	fputs("\r\033[K", progress->out);
	print_elapsed(progress);
	fputs(" [", progress->out);
	for (int i = 0; i < BAR_WIDTH; i++)
		fputc(i < full ? '#' : '.', progress->out);
	fprintf(progress->out, "] %d/%d %s%s%.32s", progress->done, progress->total, progress->name,
		*last ? ": " : "", last);
	fflush(progress->out);
}

static void heartbeat(struct progress *progress, const char *last)
{
	if (clock_ms() - progress->said_ms < HEARTBEAT_MS)
		return;
	print_elapsed(progress);
	fprintf(progress->out, " %s runs%s%s\n", progress->name, *last ? ", last done: " : "",
		last);
	fflush(progress->out);
	progress->said_ms = clock_ms();
}

void progress_start(struct progress *progress, FILE *out, const char *title, int total)
{
	memset(progress, 0, sizeof(*progress));
	progress->out = out;
	progress->terminal = isatty(fileno(out));
	progress->title = title;
	progress->total = total;
	progress->start_ms = clock_ms();
	progress->said_ms = progress->start_ms;
	fprintf(out, "%s\n", title);
	fflush(out);
}

void progress_program(struct progress *progress, const char *name)
{
	snprintf(progress->name, sizeof(progress->name), "%s", name);
	progress->said_ms = clock_ms();
	progress_tick(progress, "");
}

void progress_tick(struct progress *progress, const char *last)
{
	if (progress->terminal)
		draw_bar(progress, last);
	else
		heartbeat(progress, last);
}

void progress_result(struct progress *progress, const struct program_result *result)
{
	const struct tap_counts *counts = &result->counts;
	bool remarkable = counts->failed || counts->skipped;

	progress->done++;
	progress_clear(progress);
	if (progress->terminal && !remarkable)
		return;
	print_elapsed(progress);
	fprintf(progress->out, " %s %s: %u passed", counts->failed ? "FAILED" : "ok    ",
		progress->name, counts->passed);
	if (counts->failed)
		fprintf(progress->out, ", %u failed", counts->failed);
	if (counts->skipped)
		fprintf(progress->out, ", %u skipped", counts->skipped);
	if (counts->emulator)
		fprintf(progress->out, ", %u of the failed by the emulator", counts->emulator);
	fprintf(progress->out, " (%.1f s)\n", (double)result->elapsed_ms / 1000);
	fflush(progress->out);
}

void progress_line(struct progress *progress, const char *line)
{
	progress_clear(progress);
	fprintf(progress->out, "%s\n", line);
	fflush(progress->out);
	progress->said_ms = clock_ms();
}

void progress_output(struct progress *progress, FILE *log)
{
	char data[16384], end = '\n';
	size_t n;

	fprintf(progress->out, "---- output of %s\n", progress->name);
	fseek(log, 0, SEEK_SET);
	while ((n = fread(data, 1, sizeof(data), log)) > 0) {
		fwrite(data, 1, n, progress->out);
		end = data[n - 1];
	}
	fprintf(progress->out, "%s---- end of %s\n", end == '\n' ? "" : "\n", progress->name);
	fflush(progress->out);
}
