// SPDX-License-Identifier: GPL-2.0-only
/* pf-image: builds, customises, inspects and verifies the PF VM's image. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pf-vm-image/command.h"
#include "pf-vm-image/run.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv, struct problem *p);
	const char *what;
} commands[] = {
	{ "build", command_build, "an image from Debian's packages" },
	{ "customize", command_customize, "a copy of an image, with drivers, files or VFs added" },
	{ "inspect", command_inspect, "what an image holds" },
	{ "verify", command_verify, "an image against its manifest" },
};

static void usage(FILE *f)
{
	fputs("usage: pf-image COMMAND [OPTION]...\n\n", f);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(f, "  %-10s %s\n", commands[i].name, commands[i].what);
	fputs("\n`pf-image COMMAND --help` tells its options. Exit status: 0 done, 1 failed, "
	      "2 usage.\n",
	      f);
}

static int run_command(int argc, char **argv)
{
	struct problem p = { .text = "" };
	int status = -1;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(argv[0], commands[i].name))
			status = commands[i].run(argc, argv, &p);
	if (status < 0) {
		fprintf(stderr, "pf-image: '%s' is no command; see `pf-image --help`\n", argv[0]);
		return EXIT_USAGE;
	}
	if (p.text[0] && status != EXIT_DONE)
		fprintf(stderr, "pf-image: %s\n", p.text);
	if (p.hint[0] && status != EXIT_DONE)
		fprintf(stderr, "pf-image: hint: %s\n", p.hint);
	return status;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		usage(stdout);
		return EXIT_DONE;
	}
	/* What other programs say is read here, too. */
	setenv("LC_ALL", "C.UTF-8", 1);
	run_signals();
	return run_command(argc - 1, argv + 1);
}
