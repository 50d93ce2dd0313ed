// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pf-vm-image/bootstrap.h"
#include "pf-vm-image/build.h"
#include "pf-vm-image/closure.h"
#include "pf-vm-image/debian.h"
#include "pf-vm-image/files.h"
#include "pf-vm-image/finish.h"
#include "pf-vm-image/initrd.h"
#include "pf-vm-image/kernel.h"
#include "pf-vm-image/recipe.h"
#include "pf-vm-image/run.h"

#define SPACE_NEEDED (2048ULL << 20)
/* The root as mmdebstrap makes it, with the packages that it is made of. */
#define TMP_NEEDED (640ULL << 20)
#define NAMES_MAX  64

struct build {
	const struct build_options *o;
	struct progress *progress;
	struct scratch scratch;
	struct manifest manifest;
	struct tree root; /* what mmdebstrap made */
	char tmp[PATH_MAX];
	char root_tar[PATH_MAX];
	char modules_tar[PATH_MAX];
	char kernel_dir[PATH_MAX];  /* the package, whole */
	char modules_dir[PATH_MAX]; /* what goes into the image of it */
	char deb[PATH_MAX];
	char release[KERNEL_RELEASE_SIZE];
	char *kernel_status; /* the package's stanza for dpkg's status file */
};

static int find_deb(struct build *b, struct problem *p)
{
	char pattern[PATH_MAX];
	glob_t g = { 0 };
	int ret;

	if (b->o->kernel_deb) {
		snprintf(b->deb, sizeof(b->deb), "%s", b->o->kernel_deb);
		return 0;
	}
	ret = scratch_path(b->kernel_dir, "pf-kernel/linux-image-*.deb", pattern);
	if (!ret && glob(pattern, 0, NULL, &g))
		ret = problem_set(p, -ENOENT, "%s: has no kernel for %s", b->o->suite,
				  debian_architecture());
	if (!ret)
		snprintf(b->deb, sizeof(b->deb), "%s", g.gl_pathv[0]);
	globfree(&g);
	return ret;
}

static int check_architecture(struct build *b, struct problem *p)
{
	const char *const argv[] = { "dpkg-deb", "--field", b->deb, "Architecture", NULL };
	char out[64];
	struct run_how how = { .log = b->scratch.log, .out = out, .size = sizeof(out) };
	int ret = run_program(argv, &how, p);

	if (ret)
		return ret;
	out[strcspn(out, "\n")] = '\0';
	if (strcmp(out, debian_architecture()))
		return problem_set(p, -EINVAL, "%s: is for %s, this machine builds for %s", b->deb,
				   out, debian_architecture());
	return 0;
}

/* The kernel isn't installed through dpkg; its stanza is what inspect and the SBOM read. */
static int read_stanza(struct build *b, struct problem *p)
{
	const char *const argv[] = { "dpkg-deb", "--field", b->deb, NULL };
	char out[16384];
	struct run_how how = { .log = b->scratch.log, .out = out, .size = sizeof(out) };
	int ret = run_program(argv, &how, p);

	if (!ret && asprintf(&b->kernel_status, "\nStatus: install ok installed\n%s", out) < 0) {
		b->kernel_status = NULL;
		ret = -ENOMEM;
	}
	return ret;
}

/*
 * A folder of our own in $TMPDIR, which mmdebstrap and QEMU work in: when they are
 * ended, they leave things behind. Everybody may look into it, as mmdebstrap may give its
 * processes another user.
 */
static int make_tmp(struct build *b, struct problem *p)
{
	const char *dir = getenv("TMPDIR");
	int ret;

	dir = dir && *dir ? dir : "/tmp";
	ret = scratch_check_space(dir, TMP_NEEDED, p);
	if (ret)
		return ret;
	if (scratch_path(dir, "pf-image.XXXXXX", b->tmp))
		return problem_set(p, -ENAMETOOLONG, "%s: the name is too long", dir);
	if (!mkdtemp(b->tmp)) {
		b->tmp[0] = '\0';
		return problem_set(p, -errno, "%s: %m", dir);
	}
	if (chmod(b->tmp, 0755) || setenv("TMPDIR", b->tmp, 1))
		return problem_set(p, -errno, "%s: %m", b->tmp);
	return 0;
}

static int stage_packages(struct build *b, struct problem *p)
{
	struct bootstrap boot = {
		.suite = b->o->suite,
		.firmware = b->o->firmware,
		.want_kernel = !b->o->kernel_deb,
		.kernel_dir = b->kernel_dir,
		.tmp_dir = b->tmp,
		.tar = b->root_tar,
		.log = b->scratch.log,
	};
	int fd, ret = bootstrap_run(&boot, p);

	if (ret)
		return ret;
	fd = open(b->root_tar, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return problem_set(p, -errno, "%s: %m", b->root_tar);
	ret = tree_read_tar(fd, NULL, 0, &b->root, p);
	close(fd);
	return ret;
}

static int stage_kernel(struct build *b, struct problem *p)
{
	char from[2 * PATH_MAX], to[PATH_MAX];
	int ret = find_deb(b, p) ?: check_architecture(b, p) ?: read_stanza(b, p);

	if (!ret)
		ret = kernel_unpack(b->deb, b->kernel_dir, b->scratch.log, b->release, p);
	if (ret)
		return problem_set(p, ret, "%s: %s", b->deb, strerror(-ret));
	b->manifest.epoch = b->o->epoch;
	b->manifest.kernel = strdup(b->release);
	snprintf(from, sizeof(from), "%s/boot/vmlinuz-%s", b->kernel_dir, b->release);
	return scratch_path(b->scratch.image, manifest_part_names[PART_KERNEL], to)
		       ?: files_copy(from, to, 0644, p);
}

static int join_names(const char *const *a, const char *const *b, const char *ret_names[NAMES_MAX])
{
	size_t n = 0;

	for (; *a && n < NAMES_MAX - 1; a++)
		ret_names[n++] = *a;
	for (; b && *b && n < NAMES_MAX - 1; b++)
		ret_names[n++] = *b;
	ret_names[n] = NULL;
	return (b && *b) ? -E2BIG : 0;
}

static int tar_modules(struct build *b, struct problem *p)
{
	char date[32];
	const char *const argv[] = { "tar", "--create", "--file", b->modules_tar, "--sort=name",
				     "--owner=0", "--group=0", "--numeric-owner",
				     "--mode=go=rX,u+rw", date, "--directory", b->modules_dir,
				     "--transform",
				     /* one folder, whose parents the root has */
				     "s,^lib/,usr/lib/,", "lib/modules", NULL };
	struct run_how how = { .log = b->scratch.log };

	snprintf(date, sizeof(date), "--mtime=@%" PRId64, b->manifest.epoch);
	return run_program(argv, &how, p);
}

static int stage_drivers(struct build *b, struct problem *p)
{
	const char *names[NAMES_MAX], *all[NAMES_MAX];
	int ret = join_names(recipe_drivers, b->o->drivers, names)
			  ?: join_names(names, recipe_initrd_modules, all);

	if (ret)
		return problem_set(p, ret, "drivers: at most %d", NAMES_MAX);
	ret = kernel_copy_drivers(b->kernel_dir, b->modules_dir, b->release, all, b->scratch.log,
				  p);
	return ret ?: tar_modules(b, p);
}

static int stage_initrd(struct build *b, struct problem *p)
{
	char *dep = NULL, *builtin = NULL, dir[PATH_MAX + 160], path[PATH_MAX];
	struct closure c = { 0 };
	int ret;

	snprintf(dir, sizeof(dir), "%s/lib/modules/%s", b->modules_dir, b->release);
	ret = files_read(dir, "modules.dep", &dep, p)
		      ?: files_read(dir, "modules.builtin", &builtin, p);
	if (!ret)
		ret = closure_find(dep, builtin, recipe_initrd_modules, b->release, &c, p);
	if (!ret)
		ret = scratch_path(b->scratch.image, manifest_part_names[PART_INITRD], path);
	if (!ret) {
		struct initrd_source s = { .init = b->o->init,
					   .modules_dir = dir,
					   .modules = (const char *const *)c.paths,
					   .n_modules = c.n };

		ret = initrd_write(&s, path, p);
	}
	closure_free(&c);
	free(dep);
	free(builtin);
	return ret;
}

/* As dpkg would have recorded it. */
static int add_kernel_status(struct edit *e, const struct build *b)
{
	static const char path[] = "/var/lib/dpkg/status";

	if (guestfs_write_append(e->g, path, b->kernel_status, strlen(b->kernel_status)))
		return edit_failed(e->g, path, e->problem);
	return edit_touched(e, path);
}

static int fill_root(struct edit *e, void *data)
{
	const struct build *b = data;

	return edit_tar_in(e, b->root_tar, "/") ?: edit_tar_in(e, b->modules_tar, "/") ?:
	       edit_touched(e, "/usr/lib/modules") ?: add_kernel_status(e, b) ?: recipe_apply(e, &b->root);
}

static int stage_root(struct build *b, struct problem *p)
{
	struct root_job job = {
		.progress = b->progress,
		.scratch = &b->scratch,
		.epoch = b->manifest.epoch,
		.fill = fill_root,
		.data = b,
	};

	b->manifest.architecture = strdup(debian_architecture());
	b->manifest.suite = strdup(b->o->suite);
	b->manifest.cmdline = strdup(recipe_cmdline);
	return finish_image(&job, &b->manifest, p);
}

static int stage_publish(struct build *b, struct problem *p)
{
	return scratch_check_output(b->o->output, p)
		       ?: scratch_publish(&b->scratch, b->o->output, p);
}

static const struct {
	const char *name;
	int (*run)(struct build *b, struct problem *p);
} stages[] = {
	{ "packages (mmdebstrap)", stage_packages },
	{ "kernel", stage_kernel },
	{ "drivers", stage_drivers },
	{ "initrd", stage_initrd },
	{ "root file system", stage_root },
	{ "publish", stage_publish },
};

/* Everything in the image is dated alike; mmdebstrap reads it from here. */
static void set_epoch(const struct build_options *o)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRId64, o->epoch);
	setenv("SOURCE_DATE_EPOCH", text, 1);
}

static int prepare(struct build *b, struct problem *p)
{
	int ret = scratch_check_output(b->o->output, p);

	if (!ret)
		ret = make_tmp(b, p);
	if (!ret)
		ret = scratch_open(b->o->output, SPACE_NEEDED, &b->scratch, p);
	if (ret)
		return ret;
	ret = scratch_path(b->scratch.dir, "root.tar", b->root_tar) ?:
	      scratch_path(b->scratch.dir, "modules.tar", b->modules_tar) ?:
	      scratch_path(b->scratch.dir, "kernel", b->kernel_dir) ?:
	      scratch_path(b->scratch.dir, "modules", b->modules_dir);
	if (!ret && (mkdir(b->kernel_dir, 0755) || mkdir(b->modules_dir, 0755)))
		ret = -errno;
	if (ret)
		return problem_set(p, ret, "%s: %s", b->scratch.dir, strerror(-ret));
	/* What is wrong with a kernel that was given is said before anything is fetched. */
	return b->o->kernel_deb ? find_deb(b, p) ?: check_architecture(b, p) : 0;
}

int build_image(const struct build_options *o, struct progress *pg, struct problem *p)
{
	struct build b = { .o = o, .progress = pg };
	int ret = prepare(&b, p);

	set_epoch(o);
	for (size_t i = 0; !ret && i < sizeof(stages) / sizeof(stages[0]); i++) {
		progress_step(pg, stages[i].name);
		ret = stages[i].run(&b, p);
		if (!ret && run_interrupted())
			ret = problem_set(p, -EINTR, "interrupted at '%s'", stages[i].name);
	}
	scratch_close(&b.scratch);
	if (b.tmp[0])
		scratch_remove_tree(b.tmp);
	manifest_free(&b.manifest);
	tree_free(&b.root);
	free(b.kernel_status);
	return ret;
}
