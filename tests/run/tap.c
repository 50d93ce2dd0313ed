// SPDX-License-Identifier: GPL-2.0-only
#include "tests/run/tap.h"

#include <stdio.h>
#include <string.h>

#define EMULATOR_MARK "# emulator-failure:"

/* strtoul() takes signs and blanks, and wraps; a TAP number has none of these. */
static bool number(const char **text, unsigned int *ret_value)
{
	unsigned int value = 0;
	const char *p = *text;

	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		value = value * 10 + (unsigned int)(*p - '0');
		if (value > TAP_PLAN_MAX)
			return false;
	}
	*text = p;
	*ret_value = value;
	return true;
}

static bool skip_prefix(const char **text, const char *prefix)
{
	size_t len = strlen(prefix);

	if (strncmp(*text, prefix, len) != 0)
		return false;
	*text += len;
	return true;
}

static void close_group(struct tap *tap)
{
	unsigned int missing;

	if (!tap->group_open)
		return;
	missing = tap->planned - tap->seen;
	tap->missing += missing;
	tap->counts.failed += missing;
	/* A failed setup shows as missing tests, a failed teardown as nothing. */
	if (!missing && (tap->fixture_failed || tap->emulator_hit))
		tap->counts.failed++;
	if (tap->emulator_hit)
		tap->counts.emulator += missing ? missing : 1;
	tap->group_open = false;
	tap->fixture_failed = false;
	tap->emulator_hit = false;
}

static bool plan_line(struct tap *tap, const char *line)
{
	unsigned int planned;
	bool before_any = tap->emulator_hit && !tap->group_open;

	if (!skip_prefix(&line, "1..") || !number(&line, &planned) || *line)
		return false;
	close_group(tap);
	tap->emulator_hit = before_any;
	tap->group_open = true;
	tap->planned = planned;
	tap->seen = 0;
	return true;
}

static enum tap_event failed(struct tap *tap)
{
	tap->counts.failed++;
	if (tap->emulator_hit)
		tap->counts.emulator++;
	tap->emulator_hit = false;
	return TAP_FAILED;
}

static enum tap_event result(struct tap *tap, bool ok, bool skipped)
{
	if (tap->emulator_hit || (!ok && !skipped))
		return failed(tap);
	if (skipped) {
		tap->counts.skipped++;
		return TAP_SKIPPED;
	}
	tap->counts.passed++;
	return TAP_PASSED;
}

static enum tap_event result_line(struct tap *tap, const char *line)
{
	bool ok = true, skipped = false;
	unsigned int n;

	if (skip_prefix(&line, "not ok "))
		ok = false;
	else if (!skip_prefix(&line, "ok "))
		return TAP_TEXT;
	if (!number(&line, &n) || (*line && *line != ' '))
		return TAP_TEXT;
	if (skip_prefix(&line, " # SKIP"))
		skipped = true;
	else
		skip_prefix(&line, " -");
	line += strspn(line, " ");
	snprintf(tap->last, sizeof(tap->last), "%s", line);

	if (n == 0 && !ok && tap->group_open) {
		tap->fixture_failed = true;
		return TAP_FAILED;
	}
	if (tap->group_open && n == tap->seen + 1 && n <= tap->planned) {
		tap->seen++;
		return result(tap, ok, skipped);
	}
	/* Out of its place, a success is only talk, but a failure still counts. */
	return ok || skipped ? TAP_TEXT : failed(tap);
}

enum tap_event tap_line(struct tap *tap, const char *line)
{
	if (plan_line(tap, line))
		return TAP_PLAN;
	if (strncmp(line, EMULATOR_MARK, strlen(EMULATOR_MARK)) == 0) {
		tap->emulator_hit = true;
		return TAP_EMULATOR;
	}
	return result_line(tap, line);
}

void tap_end(struct tap *tap)
{
	close_group(tap);
}

void tap_counts_add(struct tap_counts *sum, const struct tap_counts *more)
{
	sum->passed += more->passed;
	sum->failed += more->failed;
	sum->skipped += more->skipped;
	sum->emulator += more->emulator;
}
