// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/harness/bench.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "tests/lab/lib/jsonline.h"

#define BENCH_DIR "build/bench"

struct bench bench_open(void)
{
	/* For what a scenario puts there itself, too; bench_save() finds out if it isn't there. */
	mkdir(BENCH_DIR, 0777);
	return (struct bench){ json_object_new_array(), json_object_new_object() };
}

void bench_row(struct bench *bench, const char *figure, double value, const char *unit)
{
	struct json_object *row = json_object_new_object(), *number = json_object_new_double(value);

	json_object_set_serializer(number, json_object_double_to_json_string, (void *)"%.4g", NULL);
	json_object_object_add(row, "figure", json_object_new_string(figure));
	json_object_object_add(row, "value", number);
	json_object_object_add(row, "unit", json_object_new_string(unit));
	json_object_array_add(bench->rows, row);
}

void bench_flow(struct bench *bench, const char *figure, const struct wire_report *report)
{
	struct json_object *rtt;
	char name[128];

	json_object_object_add(bench->reports, figure, json_object_get(report->json));
	if (json_object_object_get_ex(report->json, "rtt_ns", &rtt)) {
		snprintf(name, sizeof(name), "%s, round trip, median", figure);
		bench_row(bench, name, (double)jsonline_int(rtt, "p50", 0) / 1e6, "ms");
		snprintf(name, sizeof(name), "%s, round trip, 99 of 100", figure);
		bench_row(bench, name, (double)jsonline_int(rtt, "p99", 0) / 1e6, "ms");
	}
	snprintf(name, sizeof(name), "%s, frames lost", figure);
	bench_row(bench, name, (double)report->lost, "");
}

void bench_silence(struct bench *bench, const char *figure, const struct wire_report *report)
{
	double silence = (double)report->gap_ns / 1e9;
	char name[128];

	printf("# %s: %lld of %lld frames lost, longest silence %.2f s\n", figure,
	       (long long)report->lost, (long long)report->sent, silence);
	fflush(stdout);
	snprintf(name, sizeof(name), "%s: longest silence", figure);
	bench_row(bench, name, silence, "s");
	snprintf(name, sizeof(name), "%s: frames lost", figure);
	bench_row(bench, name, (double)report->lost, "frames");
}

int bench_save(struct bench *bench, const char *name)
{
	struct json_object *all = json_object_new_object();
	char path[256], tmp[270];
	int ret = 0;

	snprintf(path, sizeof(path), BENCH_DIR "/%s.json", name);
	snprintf(tmp, sizeof(tmp), "%s.new", path);
	json_object_object_add(all, "rows", bench->rows);
	json_object_object_add(all, "reports", bench->reports);
	if (json_object_array_length(bench->rows) &&
	    (json_object_to_file_ext(tmp, all, JSON_C_TO_STRING_PRETTY) || rename(tmp, path))) {
		ret = -errno;
		printf("# %s can't be written\n", path);
	}
	json_object_put(all);
	*bench = (struct bench){ 0 };
	return ret;
}
