// SPDX-License-Identifier: GPL-2.0-only
/* Options, the loop over the programs, and the closing line. */
#include "tests/run/runner.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/run/child.h"
#include "tests/run/program.h"
#include "tests/run/progress.h"
#include "tests/run/tally.h"

#define EXIT_USAGE 2

struct options {
	const char *title;
	const char *log_dir;
	const char *tally;
	const char *sum;
	bool plain;
	bool follow;
	int timeout_s;
	int grace_s;
};

static const char usage[] =
	"usage: run [--title T] [--timeout S] [--grace S] [--log-dir D] [--tally FILE] [--plain]\n"
	"           [--follow] -- PROGRAM...\n"
	"       run --sum FILE [--] [GROUP...]\n"
	"\n"
	"Runs each cmocka program and counts its tests. A PROGRAM may hold arguments, parted\n"
	"by blanks, and begin with NAME=. The last line is \"N passed, N failed\", and\n"
	"\", N skipped\" if any; the exit status is 0 only if a test passed and none failed.\n"
	"\n"
	"  --title T      what these tests are called (default: tests)\n"
	"  --timeout S    seconds a program may take (default: 300)\n"
	"  --grace S      seconds it has to clean up after SIGTERM (default: 10)\n"
	"  --log-dir D    keep each program's output in D/NAME.log\n"
	"  --plain        the programs aren't cmocka's: exit status 0 is one test passed\n"
	"  --follow       show their output as it comes, not only of those that failed\n"
	"  --tally FILE   add the counts to FILE as a group named T; the closing line is left\n"
	"                 to --sum\n"
	"  --sum FILE     print the closing line of all groups in FILE; a GROUP that FILE\n"
	"                 lacks counts as failed\n";

static int parse_seconds(const char *name, const char *text, int *ret_seconds)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno || end == text || *end || value < 1 || value > 86400) {
		fprintf(stderr, "run: --%s '%s': must be 1 to 86400 seconds\n", name, text);
		return -EINVAL;
	}
	*ret_seconds = (int)value;
	return 0;
}

static const struct option long_options[] = {
	{ "title", required_argument, NULL, 't' }, { "timeout", required_argument, NULL, 's' },
	{ "grace", required_argument, NULL, 'g' }, { "log-dir", required_argument, NULL, 'l' },
	{ "tally", required_argument, NULL, 'a' }, { "sum", required_argument, NULL, 'u' },
	{ "plain", no_argument, NULL, 'p' },	   { "follow", no_argument, NULL, 'f' },
	{ "help", no_argument, NULL, 'h' },	   { NULL, 0, NULL, 0 },
};

/* Returns 0, -EINVAL when the complaint is printed, or 1 when help was asked for. */
static int parse_option(struct options *options, int c)
{
	switch (c) {
	case 't':
		options->title = optarg;
		return 0;
	case 's':
		return parse_seconds("timeout", optarg, &options->timeout_s);
	case 'g':
		return parse_seconds("grace", optarg, &options->grace_s);
	case 'l':
		options->log_dir = optarg;
		return 0;
	case 'a':
		options->tally = optarg;
		return 0;
	case 'u':
		options->sum = optarg;
		return 0;
	case 'p':
		options->plain = true;
		return 0;
	case 'f':
		options->follow = true;
		return 0;
	case 'h':
		fputs(usage, stdout);
		return 1;
	default:
		return -EINVAL;
	}
}

static int parse_options(struct options *options, int argc, char *argv[])
{
	int c, r;

	*options = (struct options){ .title = "tests", .timeout_s = 300, .grace_s = 10 };
	optind = 0;
	while ((c = getopt_long(argc, argv, "+h", long_options, NULL)) != -1) {
		r = parse_option(options, c);
		if (r)
			return r;
	}
	if (options->sum || optind < argc)
		return 0;
	fprintf(stderr, "run: no test program named; see run --help\n");
	return -EINVAL;
}

/* "build/tests/frame -x" is logged in "frame.log": names are unique within build/tests. */
static FILE *open_log(const struct options *options, const char *name)
{
	char path[4096];
	FILE *log;

	if (!options->log_dir)
		return tmpfile();
	if (mkdir(options->log_dir, 0777) < 0 && errno != EEXIST)
		return NULL;
	if (snprintf(path, sizeof(path), "%s/%s.log", options->log_dir, name) >=
	    (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	log = fopen(path, "w+e");
	return log;
}

static void tick(void *arg, const char *last)
{
	progress_tick(arg, last);
}

static void show_line(void *arg, const char *line)
{
	progress_line(arg, line);
}

static int run_one(const struct options *options, struct progress *progress, int signals,
		   const char *command, struct program_result *ret_result)
{
	struct program program = {
		.command = command,
		.plain = options->plain,
		.timeout_s = options->timeout_s,
		.grace_ms = options->grace_s * 1000,
		.tick = tick,
		.line = options->follow ? show_line : NULL,
		.tick_arg = progress,
	};
	char name[64];
	int r;

	program_name(command, name, sizeof(name));
	program.log = open_log(options, name);
	if (!program.log)
		return -errno;
	progress_program(progress, name);
	r = program_run(&program, signals, ret_result);
	if (r < 0)
		goto out;
	progress_result(progress, ret_result);
	if (ret_result->counts.failed && !options->follow)
		progress_output(progress, program.log);
	if (ret_result->reason[0])
		fprintf(progress->out, "%s: %s\n", name, ret_result->reason);
out:
	progress_clear(progress);
	fclose(program.log);
	return r;
}

static int run_all(const struct options *options, char *commands[], int n,
		   struct tap_counts *ret_sum, int *ret_interrupted)
{
	struct tap_counts sum = { 0 };
	struct progress progress;
	int r, signals;

	*ret_interrupted = 0;
	r = child_setup(&signals);
	if (r < 0) {
		fprintf(stderr, "run: can't watch children: %s\n", strerror(-r));
		return r;
	}
	progress_start(&progress, stdout, options->title, n);
	for (int i = 0; i < n && !*ret_interrupted; i++) {
		struct program_result result = { 0 };

		r = run_one(options, &progress, signals, commands[i], &result);
		if (r < 0) {
			fprintf(stderr, "run: %s: %s\n", commands[i], strerror(-r));
			result.counts.failed = 1;
		}
		tap_counts_add(&sum, &result.counts);
		*ret_interrupted = result.interrupted;
	}
	*ret_sum = sum;
	return 0;
}

static void print_emulator(const struct tap_counts *counts)
{
	if (counts->emulator)
		printf("%u of the failed: hit by an emulator failure\n", counts->emulator);
}

static int run_programs(const struct options *options, char *commands[], int n)
{
	struct tap_counts counts;
	int interrupted, r;

	r = run_all(options, commands, n, &counts, &interrupted);
	if (r < 0)
		return 1;
	print_emulator(&counts);
	if (options->tally) {
		r = tally_append(options->tally, options->title, &counts);
		if (r < 0) {
			fprintf(stderr, "run: %s: %s\n", options->tally, strerror(-r));
			return 1;
		}
		printf("%s: ", options->title);
	}
	tally_print(stdout, &counts);
	return interrupted ? 128 + interrupted : tally_exit_status(&counts);
}

static int sum_groups(const struct options *options, char *groups[], int n)
{
	struct tap_counts counts;
	int r = tally_sum(options->sum, groups, n, stdout, &counts);

	if (r < 0) {
		fprintf(stderr, "run: %s: %s\n", options->sum, strerror(-r));
		return 1;
	}
	print_emulator(&counts);
	tally_print(stdout, &counts);
	return tally_exit_status(&counts);
}

int runner_main(int argc, char *argv[])
{
	struct options options;
	int r = parse_options(&options, argc, argv);

	if (r)
		return r > 0 ? 0 : EXIT_USAGE;
	if (options.sum)
		return sum_groups(&options, argv + optind, argc - optind);
	return run_programs(&options, argv + optind, argc - optind);
}
