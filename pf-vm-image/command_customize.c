// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pf-vm-image/command.h"
#include "pf-vm-image/customize.h"

static const char help[] =
	"usage: pf-image customize [OPTION]... IMAGE OUTPUT\n"
	"Makes a changed copy of IMAGE. OUTPUT may be IMAGE: it is replaced as a whole or\n"
	"not at all. All but --vfs may be repeated.\n\n"
	"  --driver-deb FILE    a package with modules built for the image's kernel\n"
	"  --module FILE        a .ko file for the image's kernel\n"
	"  --file FROM:TO       a file of this machine, to an absolute name in the image\n"
	"  --firmware FROM      a firmware file, to /usr/lib/firmware\n"
	"  --boot-script FILE   run at each boot, once devices are being found (an image\n"
	"                       keeps nothing, so that each boot is its first)\n"
	"  --vfs N              VFs that every PF gets at boot; pf_vm.vfs=N on the kernel's\n"
	"                       command line goes before it\n";

static const struct option options[] = {
	{ "driver-deb", required_argument, NULL, 'd' },
	{ "module", required_argument, NULL, 'm' },
	{ "file", required_argument, NULL, 'f' },
	{ "firmware", required_argument, NULL, 'w' },
	{ "boot-script", required_argument, NULL, 'b' },
	{ "vfs", required_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

struct customize_lists {
	struct command_list debs, modules, scripts;
	struct customize_file files[COMMAND_LIST_MAX];
	char names[COMMAND_LIST_MAX][512]; /* what from and to point into */
	size_t n_files;
};

static bool is_clean_path(const char *path)
{
	size_t len = strlen(path);

	return path[0] == '/' && len > 1 && path[len - 1] != '/' && !strstr(path, "//") &&
	       !strstr(path, "/../") && !strstr(path, "/./") &&
	       (len < 3 || strcmp(path + len - 3, "/.."));
}

static int is_regular(const char *path, unsigned int *ret_mode, struct problem *p)
{
	struct stat st;

	if (stat(path, &st))
		return problem_set(p, -errno, "%s: %m", path);
	if (!S_ISREG(st.st_mode))
		return problem_set(p, -EINVAL, "%s: no regular file", path);
	*ret_mode = st.st_mode & 0111 ? 0755 : 0644;
	return 0;
}

static struct customize_file *new_file(struct customize_lists *l, const char *option,
				       const char *text, struct problem *p)
{
	if (l->n_files == COMMAND_LIST_MAX)
		problem_set(p, -E2BIG, "%s: at most %d files", option, COMMAND_LIST_MAX);
	else if (strlen(text) >= sizeof(l->names[0]) - 32)
		problem_set(p, -ENAMETOOLONG, "%s: '%.40s...' is too long", option, text);
	else
		return &l->files[l->n_files];
	return NULL;
}

static int add_file(struct customize_lists *l, const char *text, struct problem *p)
{
	struct customize_file *f = new_file(l, "--file", text, p);
	char *name, *colon;

	if (!f)
		return -EINVAL;
	name = l->names[l->n_files];
	memcpy(name, text, strlen(text) + 1);
	colon = strrchr(name, ':');
	if (!colon || !is_clean_path(colon + 1))
		return problem_set(p, -EINVAL, "--file: '%s' must be FROM:/ABSOLUTE/TO", text);
	*colon = '\0';
	f->from = name;
	f->to = colon + 1;
	l->n_files++;
	return is_regular(f->from, &f->mode, p);
}

static int add_firmware(struct customize_lists *l, const char *text, struct problem *p)
{
	struct customize_file *f = new_file(l, "--firmware", text, p);
	const char *slash = strrchr(text, '/');

	if (!f)
		return -EINVAL;
	f->from = text;
	f->to = l->names[l->n_files];
	snprintf(l->names[l->n_files], sizeof(l->names[0]), "/usr/lib/firmware/%s",
		 slash ? slash + 1 : text);
	l->n_files++;
	return is_regular(f->from, &f->mode, p);
}

static int add_checked(struct command_list *list, const char *option, const char *path,
		       struct problem *p)
{
	unsigned int mode;

	return is_regular(path, &mode, p) ?: command_list_add(list, option, path, p);
}

static int take_option(int c, struct customize_lists *l, struct customize_options *o,
		       struct problem *p)
{
	uint64_t number;
	int ret;

	switch (c) {
	case 'd':
		return add_checked(&l->debs, "--driver-deb", optarg, p);
	case 'm':
		return add_checked(&l->modules, "--module", optarg, p);
	case 'b':
		return add_checked(&l->scripts, "--boot-script", optarg, p);
	case 'f':
		return add_file(l, optarg, p);
	case 'w':
		return add_firmware(l, optarg, p);
	default:
		/* The capability's NumVFs has 16 bits. */
		ret = command_number("--vfs", optarg, 0, 65535, &number, p);
		o->set_vfs = true;
		o->vfs = (unsigned int)number;
		return ret;
	}
}

static int parse(int argc, char **argv, struct customize_lists *l, struct customize_options *o,
		 struct problem *p)
{
	int c, ret = 0;

	opterr = 0;
	while (!ret && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'h')
			return 1;
		if (c == '?')
			return problem_set(p, -EINVAL, "customize: bad option '%s'",
					   argv[optind - 1]);
		ret = take_option(c, l, o, p);
	}
	if (ret)
		return ret;
	if (argc - optind != 2)
		return problem_set(p, -EINVAL, "customize: IMAGE and OUTPUT are needed");
	o->image = argv[optind];
	o->output = argv[optind + 1];
	o->debs = l->debs.words;
	o->modules = l->modules.words;
	o->scripts = l->scripts.words;
	o->files = l->files;
	o->n_files = l->n_files;
	return 0;
}

int command_customize(int argc, char **argv, struct problem *p)
{
	struct customize_options o = { 0 };
	struct customize_lists l = { 0 };
	struct progress pg;
	int ret = parse(argc, argv, &l, &o, p);

	if (ret == 1) {
		fputs(help, stdout);
		return EXIT_DONE;
	}
	if (ret)
		return ret == -EINVAL || ret == -E2BIG ? EXIT_USAGE : EXIT_FAILED;
	progress_start(&pg, stderr, "pf-image");
	ret = customize_image(&o, &pg, p);
	progress_end(&pg, ret ? "failed" : "customized");
	return ret ? EXIT_FAILED : EXIT_DONE;
}
