// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tests/lab/labctl/command.h"
#include "tests/lab/lib/up.h"

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void show_progress(void *data, const char *text)
{
	double *start = data;

	fprintf(stderr, "[%5.1f s] %s\n", seconds() - *start, text);
}

static int parse(const struct command *command, int argc, char **argv, struct lab_spec *spec)
{
	struct lab_error error;
	int pos = 1, ret;

	lab_spec_init(spec);
	while (pos < argc) {
		if (strcmp(argv[pos], "--help") == 0)
			return command_help(command);
		ret = lab_spec_option(spec, argv, argc, &pos, &error);
		if (ret < 0)
			return command_fail(command, EXIT_USAGE, "%s", error.text);
		if (ret == 0)
			return command_fail(command, EXIT_USAGE, "unknown argument %s", argv[pos]);
	}
	if (lab_spec_check(spec, &error) < 0)
		return command_fail(command, EXIT_USAGE, "%s", error.text);
	return -1;
}

static int run(const struct command *command, int argc, char **argv)
{
	double start = seconds();
	struct lab_error error;
	struct lab_spec spec;
	int status;

	status = parse(command, argc, argv, &spec);
	if (status >= 0)
		return status;
	if (lab_up(&spec, show_progress, &start, &error) < 0)
		return command_fail(command, EXIT_FAILED, "%s", error.text);
	fprintf(stderr, "[%5.1f s] lab %s is up\n", seconds() - start, spec.name);
	return EXIT_DONE;
}

const struct command cmd_up = {
	"up",
	"[--name N] [--kernel K] [--pf igb|nvme|nvme-127|virtio-net]... [--ram GIB] [--cpus N] "
	"[--timeout S] [--append ARGS] [--owner PID]",
	"Starts a lab: a lab host with emulated SR-IOV devices, each PF behind a root\n"
	"port of its own. Returns when the lab host's libvirt answers.\n\n"
	"  --name N       the lab's name (lab)\n"
	"  --kernel K     the lab host's kernel: pfkeep (default), stock, stock-6.12, or debug,\n"
	"                 whose reports of its own faults soak tests look for\n"
	"  --pf DEVICE    a PF: igb (7 VFs), nvme (32 VFs), nvme-127, virtio-net (7 VFs); up to 6\n"
	"  --ram GIB      the lab host's memory (4)\n"
	"  --cpus N       the lab host's CPUs (4): more than all of its VMs have\n"
	"  --timeout S    give up when it isn't ready by then (300)\n"
	"  --append ARGS  more for the kernel's command line\n"
	"  --owner PID    end the lab when this process ends, however it does\n",
	run,
};
