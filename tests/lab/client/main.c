// SPDX-License-Identifier: GPL-2.0-only
/*
 * vfio_sriov_client: drives vfio-pci-sriov through VFIO itself, without QEMU, on
 * one PF, and says in TAP what it found. For the lab host; run as root.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "tests/lab/client/client.h"

static const struct client_case *const groups[] = {
	capability_cases, bad_input_cases,  protect_cases, token_cases,
	region_cases,	  keep_alive_cases, race_cases,	   cycle_cases,
};

static const char *const mode_names[] = { "group", "cdev" };

static bool wanted(const struct client_case *cc, const struct context *c, const char *only)
{
	return (!c->of || cc->of & c->of) && (!only || strstr(cc->name, only));
}

/* What is to be repeated not even once isn't there. */
static bool left_out(const struct client_case *group, const struct context *c)
{
	return (group == race_cases && !c->rounds) || (group == cycle_cases && !c->cycles);
}

static unsigned int count(const struct context *c, const char *only, const bool *modes)
{
	unsigned int n = 0;

	for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++)
		for (const struct client_case *cc = groups[g]; cc->name; cc++)
			n += wanted(cc, c, only) && !left_out(groups[g], c) ? modes[0] + modes[1]
									    : 0;
	return n;
}

struct tally {
	unsigned int passed, failed, skipped;
};

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void run_case(const struct client_case *cc, const struct context *c, struct tally *tally)
{
	unsigned int number = tally->passed + tally->failed + tally->skipped + 1;
	double start = now_s();

	tap_case_begin();
	if (!setjmp(tap_case_end))
		cc->run(c);
	printf("%sok %u - %s: %s (%.1f s)%s%s\n", tap_case_failed() ? "not " : "", number,
	       mode_names[c->mode], cc->name, now_s() - start, tap_case_skipped() ? " # SKIP " : "",
	       tap_case_skipped() ? tap_case_skipped() : "");
	fflush(stdout);
	if (tap_case_failed())
		tally->failed++;
	else if (tap_case_skipped())
		tally->skipped++;
	else
		tally->passed++;
}

static unsigned int run_all(struct context *c, const char *only, const bool *modes)
{
	struct tally tally = { 0 };

	printf("TAP version 13\n1..%u\n", count(c, only, modes));
	for (int mode = DEVICE_GROUP; mode <= DEVICE_CDEV; mode++) {
		if (!modes[mode])
			continue;
		c->mode = mode;
		for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++)
			for (const struct client_case *cc = groups[g]; cc->name; cc++)
				if (wanted(cc, c, only) && !left_out(groups[g], c))
					run_case(cc, c, &tally);
	}
	printf("# %u passed, %u failed, %u skipped\n", tally.passed, tally.failed, tally.skipped);
	return tally.failed;
}

static bool kernel_has_cdev_tokens(void)
{
	unsigned int major = 0, minor = 0;
	struct utsname name;

	uname(&name);
	return sscanf(name.release, "%u.%u", &major, &minor) == 2 &&
	       (major > 6 || (major == 6 && minor >= 17));
}

/* Debian's own kernels have no iommufd: say so, and fail if it was asked for. */
static bool settle_modes(bool *modes)
{
	if (!modes[DEVICE_CDEV] || !access("/dev/iommu", F_OK))
		return true;
	printf("# no /dev/iommu in this kernel: cdev cases can't run\n");
	modes[DEVICE_CDEV] = false;
	return modes[DEVICE_GROUP];
}

static int usage(void)
{
	fprintf(stderr, "usage: vfio_sriov_client --pf BDF [--mode group|cdev] [--case TEXT] "
			"[--of pf|mode]... [--cycles N] [--rounds N]\n"
			"       vfio_sriov_client --open BDF --mode group|cdev [--stay] <TOKEN\n");
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "pf", required_argument, NULL, 'p' },
		{ "mode", required_argument, NULL, 'm' },
		{ "case", required_argument, NULL, 'c' },
		{ "of", required_argument, NULL, 'o' },
		{ "cycles", required_argument, NULL, 'n' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "open", required_argument, NULL, 'O' },
		{ "stay", no_argument, NULL, 's' },
		{ 0 },
	};
	struct context c = { .cycles = 3, .rounds = 8, .cdev_tokens = kernel_has_cdev_tokens() };
	bool modes[2] = { true, true };
	const char *only = NULL, *open_only = NULL;
	bool stay = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 'p')
			c.pf = optarg;
		else if (opt == 'm')
			modes[!strcmp(optarg, "group")] = false;
		else if (opt == 'c')
			only = optarg;
		else if (opt == 'o' && !strcmp(optarg, "pf"))
			c.of |= OF_PF;
		else if (opt == 'o' && !strcmp(optarg, "mode"))
			c.of |= OF_MODE;
		else if (opt == 'n')
			c.cycles = (unsigned int)strtoul(optarg, NULL, 0);
		else if (opt == 'r')
			c.rounds = (unsigned int)strtoul(optarg, NULL, 0);
		else if (opt == 'O')
			open_only = optarg;
		else if (opt == 's')
			stay = true;
		else
			return usage();
	}
	if (open_only && !c.pf && optind == argc && modes[0] != modes[1])
		return client_try_open(open_only, modes[1] ? DEVICE_CDEV : DEVICE_GROUP, stay);
	if (!c.pf || optind != argc)
		return usage();
	signal(SIGPIPE, SIG_IGN);
	if (!settle_modes(modes))
		return 1;
	return run_all(&c, only, modes) ? 1 : 0;
}
