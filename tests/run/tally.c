// SPDX-License-Identifier: GPL-2.0-only
#include "tests/run/tally.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS_MAX 64
#define COUNT_MAX  100000000

int tally_append(const char *path, const char *title, const struct tap_counts *counts)
{
	FILE *file = fopen(path, "ae");
	bool bad;

	if (!file)
		return -errno;
	fprintf(file, "%u %u %u %u %s\n", counts->passed, counts->failed, counts->skipped,
		counts->emulator, title);
	bad = ferror(file);
	return fclose(file) || bad ? -EIO : 0;
}

/* A number and the blank after it. */
static int parse_count(const char **text, unsigned int *ret_count)
{
	char *end;
	unsigned long count = strtoul(*text, &end, 10);

	if (**text < '0' || **text > '9' || *end != ' ' || count > COUNT_MAX)
		return -EINVAL;
	*text = end + 1;
	*ret_count = (unsigned int)count;
	return 0;
}

static int parse_line(const char *line, struct tap_counts *ret_counts, const char **ret_title)
{
	if (parse_count(&line, &ret_counts->passed) < 0 ||
	    parse_count(&line, &ret_counts->failed) < 0 ||
	    parse_count(&line, &ret_counts->skipped) < 0 ||
	    parse_count(&line, &ret_counts->emulator) < 0 || !*line)
		return -EINVAL;
	*ret_title = line;
	return 0;
}

static void mark_seen(const char *title, char *const groups[], int n_groups, bool *seen)
{
	for (int i = 0; i < n_groups; i++)
		seen[i] |= strcmp(groups[i], title) == 0;
}

static int sum_file(FILE *file, char *const groups[], int n_groups, bool *seen, FILE *out,
		    struct tap_counts *sum)
{
	char line[512];

	while (fgets(line, sizeof(line), file)) {
		struct tap_counts counts;
		const char *title;
		int r;

		line[strcspn(line, "\n")] = '\0';
		r = parse_line(line, &counts, &title);
		if (r < 0)
			return r;
		fprintf(out, "  %s: ", title);
		tally_print(out, &counts);
		mark_seen(title, groups, n_groups, seen);
		tap_counts_add(sum, &counts);
	}
	return ferror(file) ? -EIO : 0;
}

int tally_sum(const char *path, char *const groups[], int n_groups, FILE *out,
	      struct tap_counts *ret_sum)
{
	bool seen[GROUPS_MAX] = { false };
	struct tap_counts sum = { 0 };
	FILE *file;
	int r = 0;

	if (n_groups > GROUPS_MAX)
		return -E2BIG;
	file = fopen(path, "re");
	if (!file && errno != ENOENT)
		return -errno;
	if (file) {
		r = sum_file(file, groups, n_groups, seen, out, &sum);
		fclose(file);
	}
	if (r < 0)
		return r;
	for (int i = 0; i < n_groups; i++) {
		if (seen[i])
			continue;
		fprintf(out, "  %s: did not come to its end (1 failed)\n", groups[i]);
		sum.failed++;
	}
	*ret_sum = sum;
	return 0;
}

void tally_print(FILE *out, const struct tap_counts *counts)
{
	fprintf(out, "%u passed, %u failed", counts->passed, counts->failed);
	if (counts->skipped)
		fprintf(out, ", %u skipped", counts->skipped);
	fputc('\n', out);
}

int tally_exit_status(const struct tap_counts *counts)
{
	return counts->failed == 0 && counts->passed > 0 ? 0 : 1;
}
