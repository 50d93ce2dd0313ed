// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pf-vm-image/build.h"
#include "pf-vm-image/command.h"
#include "pf-vm-image/recipe.h"

#define INIT_NAME      "pf-init"
#define INIT_INSTALLED "../libexec/pfkeep/" INIT_NAME

static const char help[] =
	"usage: pf-image build [OPTION]... IMAGE\n"
	"Builds a PF VM's image: the folder IMAGE with disk, kernel, initrd, bill of\n"
	"materials and manifest. An image of that name is replaced as a whole.\n\n"
	"  --suite SUITE       Debian's release to build from (trixie)\n"
	"  --kernel-deb FILE   this kernel instead of the release's own\n"
	"  --driver MODULE     one more driver of the kernel's; may be repeated\n"
	"  --firmware PACKAGE  a firmware package; may be repeated\n\n"
	"SOURCE_DATE_EPOCH dates the files; the same packages and date give the same image.\n";

static const struct option options[] = {
	{ "suite", required_argument, NULL, 's' },  { "kernel-deb", required_argument, NULL, 'k' },
	{ "driver", required_argument, NULL, 'd' }, { "firmware", required_argument, NULL, 'f' },
	{ "help", no_argument, NULL, 'h' },	    { 0 },
};

/* Beside us in a build tree, else where it is installed with us. */
static int find_init(char ret_path[PATH_MAX], struct problem *p)
{
	static const char *const places[] = { INIT_NAME, INIT_INSTALLED };
	ssize_t n = readlink("/proc/self/exe", ret_path, PATH_MAX - sizeof(INIT_INSTALLED) - 1);
	char *slash;

	ret_path[n > 0 ? n : 0] = '\0';
	slash = strrchr(ret_path, '/');
	if (!slash)
		return problem_set(p, -ENOENT, "/proc/self/exe: says nothing");
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		memcpy(slash + 1, places[i], strlen(places[i]) + 1);
		if (!access(ret_path, R_OK))
			return 0;
	}
	return problem_set(p, -errno, "%s: %m", ret_path);
}

static int read_epoch(int64_t *ret_epoch, struct problem *p)
{
	const char *text = getenv("SOURCE_DATE_EPOCH");
	uint64_t number = RECIPE_EPOCH;

	if (text && command_number("SOURCE_DATE_EPOCH", text, 0, UINT32_MAX, &number, p))
		return -EINVAL;
	*ret_epoch = (int64_t)number;
	return 0;
}

struct lists {
	struct command_list drivers, firmware;
};

/* 1: help was asked for. */
static int parse(int argc, char **argv, struct build_options *o, struct lists *l, struct problem *p)
{
	int c, ret = 0;

	opterr = 0;
	while (!ret && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'h')
			return 1;
		if (c == 's') {
			o->suite = optarg;
			ret = command_name("--suite", optarg, p);
		} else if (c == 'k') {
			o->kernel_deb = optarg;
		} else if (c == 'd') {
			ret = command_name("--driver", optarg, p)
				      ?: command_list_add(&l->drivers, "--driver", optarg, p);
		} else if (c == 'f') {
			ret = command_name("--firmware", optarg, p)
				      ?: command_list_add(&l->firmware, "--firmware", optarg, p);
		} else {
			ret = problem_set(p, -EINVAL, "build: bad option '%s'", argv[optind - 1]);
		}
	}
	return ret ?: command_operand(argc, argv, optind, "IMAGE", &o->output, p);
}

int command_build(int argc, char **argv, struct problem *p)
{
	struct lists l = { 0 };
	struct build_options o = { .suite = "trixie" };
	char init[PATH_MAX];
	struct progress pg;
	int ret = parse(argc, argv, &o, &l, p) ?: read_epoch(&o.epoch, p);

	if (ret == 1) {
		fputs(help, stdout);
		return EXIT_DONE;
	}
	if (ret)
		return EXIT_USAGE;
	o.drivers = l.drivers.words;
	o.firmware = l.firmware.words;
	o.init = init;
	if (o.kernel_deb && access(o.kernel_deb, R_OK)) {
		problem_set(p, -errno, "%s: %m", o.kernel_deb);
		return EXIT_FAILED;
	}
	if (find_init(init, p))
		return EXIT_FAILED;
	progress_start(&pg, stderr, "pf-image");
	ret = build_image(&o, &pg, p);
	progress_end(&pg, ret ? "failed" : "built");
	return ret ? EXIT_FAILED : EXIT_DONE;
}
