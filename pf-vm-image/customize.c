// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pf-vm-image/customize.h"
#include "pf-vm-image/debian.h"
#include "pf-vm-image/disk.h"
#include "pf-vm-image/files.h"
#include "pf-vm-image/finish.h"
#include "pf-vm-image/recipe.h"
#include "pf-vm-image/run.h"
#include "pf-vm-image/vendor.h"

#define SPACE_NEEDED (1280ULL << 20)
#define DEBS_MAX     32

struct customize {
	const struct customize_options *o;
	struct progress *progress;
	struct scratch scratch;
	struct manifest manifest;
	char disk[PATH_MAX];
	char *deb_status[DEBS_MAX];
};

static int stage_read(struct customize *c, struct problem *p)
{
	char path[PATH_MAX];
	int ret = scratch_path(c->o->image, MANIFEST_NAME, path)
			  ?: scratch_path(c->o->image, manifest_part_names[PART_DISK], c->disk);

	if (ret)
		return problem_set(p, ret, "%s: the name is too long", c->o->image);
	ret = manifest_read(path, &c->manifest, p);
	if (ret)
		return ret;
	/* Made anew, from what the new root holds. */
	tree_free(&c->manifest.files);
	if (strcmp(c->manifest.architecture, debian_architecture()))
		return problem_set(p, -EINVAL, "%s: is for %s, this machine is %s", c->o->image,
				   c->manifest.architecture, debian_architecture());
	return disk_check(c->disk, p);
}

/* A damaged image must not get a manifest that says it is good. */
static int stage_check(struct customize *c, struct problem *p)
{
	struct manifest now = { 0 };
	int ret = manifest_hash_parts(&now, c->o->image, p);

	for (int i = 0; !ret && i < PARTS; i++)
		if (strcmp(now.parts[i].sha256, c->manifest.parts[i].sha256))
			ret = problem_set(p, -EBADMSG, "%s/%s: isn't what its manifest says",
					  c->o->image, manifest_part_names[i]);
	return ret;
}

static int deb_tar(const struct customize *c, size_t i, char ret_path[PATH_MAX])
{
	char name[32];

	snprintf(name, sizeof(name), "deb-%zu.tar", i);
	return scratch_path(c->scratch.dir, name, ret_path);
}

static int stage_drivers(struct customize *c, struct problem *p)
{
	const char *kernel = c->manifest.kernel;
	char tar[PATH_MAX];
	int ret = 0;

	for (size_t i = 0; !ret && c->o->modules[i]; i++)
		ret = vendor_check_module(c->o->modules[i], c->o->modules[i], kernel, p);
	for (size_t i = 0; !ret && c->o->debs[i] && i < DEBS_MAX; i++) {
		struct vendor_deb v = { .deb = c->o->debs[i],
					.kernel = kernel,
					.epoch = c->manifest.epoch,
					.work_dir = c->scratch.dir,
					.log = c->scratch.log };

		ret = deb_tar(c, i, tar) ?: vendor_convert_deb(&v, tar, &c->deb_status[i], p);
	}
	return ret;
}

static int stage_boot_files(struct customize *c, struct problem *p)
{
	static const enum manifest_part parts[] = { PART_KERNEL, PART_INITRD };
	char from[PATH_MAX], to[PATH_MAX];
	int ret = 0;

	for (size_t i = 0; !ret && i < 2; i++)
		ret = scratch_path(c->o->image, manifest_part_names[parts[i]], from) ?:
		      scratch_path(c->scratch.image, manifest_part_names[parts[i]], to) ?:
		      files_copy(from, to, 0644, p);
	return ret;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int add_debs(struct edit *e, const struct customize *c)
{
	static const char status[] = "/var/lib/dpkg/status";
	char tar[PATH_MAX];
	int ret = 0;

	for (size_t i = 0; !ret && c->o->debs[i]; i++) {
		ret = deb_tar(c, i, tar) ?: edit_tar_in(e, tar, "/");
		if (!ret &&
		    guestfs_write_append(e->g, status, c->deb_status[i], strlen(c->deb_status[i])))
			ret = edit_failed(e->g, status, e->problem);
		ret = ret ?: edit_touched(e, status);
	}
	return ret;
}

static int add_modules(struct edit *e, const struct customize *c)
{
	char path[PATH_MAX];
	int ret = 0;

	for (size_t i = 0; !ret && c->o->modules[i]; i++) {
		snprintf(path, sizeof(path), "/usr/lib/modules/%s/updates/%s", c->manifest.kernel,
			 base_name(c->o->modules[i]));
		ret = edit_upload(e, c->o->modules[i], path, 0644);
	}
	return ret;
}

/* With the image's own depmod: it is what will read the index. */
static int index_modules(struct edit *e, const struct customize *c)
{
	char *argv[] = { (char *)"/usr/sbin/depmod", (char *)"-a", c->manifest.kernel, NULL };
	char dir[256], path[PATH_MAX], *out, **names;
	int ret = 0;

	if (!c->o->debs[0] && !c->o->modules[0])
		return 0;
	out = guestfs_command(e->g, argv);
	if (!out)
		return edit_failed(e->g, "depmod", e->problem);
	free(out);
	snprintf(dir, sizeof(dir), "/usr/lib/modules/%s", c->manifest.kernel);
	names = guestfs_ls(e->g, dir);
	if (!names)
		return edit_failed(e->g, dir, e->problem);
	for (size_t i = 0; names[i]; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		if (!ret && !strncmp(names[i], "modules.", 8))
			ret = edit_touched(e, path);
		free(names[i]);
	}
	free(names);
	return ret;
}

static int add_scripts(struct edit *e, const struct customize *c)
{
	char path[PATH_MAX];
	int ret = 0;

	/* In the order given. */
	for (size_t i = 0; !ret && c->o->scripts[i]; i++) {
		snprintf(path, sizeof(path), RECIPE_BOOT_DIR "/%02zu-%s", i,
			 base_name(c->o->scripts[i]));
		ret = edit_upload(e, c->o->scripts[i], path, 0755);
	}
	return ret;
}

static int fill_root(struct edit *e, void *data)
{
	const struct customize *c = data;
	int ret = add_debs(e, c) ?: add_modules(e, c) ?: index_modules(e, c) ?: add_scripts(e, c);

	for (size_t i = 0; !ret && i < c->o->n_files; i++)
		ret = edit_upload(e, c->o->files[i].from, c->o->files[i].to, c->o->files[i].mode);
	if (!ret && c->o->set_vfs)
		ret = recipe_set_vfs(e, c->o->vfs);
	return ret;
}

static int stage_root(struct customize *c, struct problem *p)
{
	struct root_job job = {
		.progress = c->progress,
		.scratch = &c->scratch,
		.epoch = c->manifest.epoch,
		.disk = c->disk,
		.fill = fill_root,
		.data = c,
	};

	return finish_image(&job, &c->manifest, p);
}

static int stage_publish(struct customize *c, struct problem *p)
{
	return scratch_check_output(c->o->output, p)
		       ?: scratch_publish(&c->scratch, c->o->output, p);
}

static const struct {
	const char *name;
	int (*run)(struct customize *c, struct problem *p);
} stages[] = {
	{ "read the image", stage_read },	{ "check the image", stage_check },
	{ "check the drivers", stage_drivers }, { "kernel and initrd", stage_boot_files },
	{ "root file system", stage_root },	{ "publish", stage_publish },
};

int customize_image(const struct customize_options *o, struct progress *pg, struct problem *p)
{
	struct customize c = { .o = o, .progress = pg };
	int ret = scratch_check_output(o->output, p)
			  ?: scratch_open(o->output, SPACE_NEEDED, &c.scratch, p);

	for (size_t i = 0; !ret && i < sizeof(stages) / sizeof(stages[0]); i++) {
		progress_step(pg, stages[i].name);
		ret = stages[i].run(&c, p);
		if (!ret && run_interrupted())
			ret = problem_set(p, -EINTR, "interrupted at '%s'", stages[i].name);
	}
	scratch_close(&c.scratch);
	manifest_free(&c.manifest);
	for (size_t i = 0; i < DEBS_MAX; i++)
		free(c.deb_status[i]);
	return ret;
}
