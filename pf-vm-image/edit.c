// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pf-vm-image/edit.h"

int edit_failed(guestfs_h *g, const char *what, struct problem *p)
{
	int err = guestfs_last_errno(g);
	const char *text = guestfs_last_error(g);
	int len = text ? (int)strcspn(text, "\n") : 0;

	/* What the appliance's disk is out of is this machine's business too. */
	return problem_set(p, err ? -err : -EIO, "%s: %.*s", what, len, text ? text : "");
}

void edit_free(struct edit *e)
{
	for (size_t i = 0; i < e->n_touched; i++)
		free(e->touched[i]);
	free(e->touched);
	e->touched = NULL;
	e->n_touched = 0;
}

static int remember(struct edit *e, char *path)
{
	char **grown = NULL;

	if (path)
		grown = reallocarray(e->touched, e->n_touched + 1, sizeof(*grown));
	if (!grown) {
		free(path);
		return problem_set(e->problem, -ENOMEM, "image: no memory");
	}
	e->touched = grown;
	e->touched[e->n_touched++] = path;
	return 0;
}

/* The folder's date changes with its names. */
static int remember_parent(struct edit *e, const char *path)
{
	const char *slash = strrchr(path, '/');

	return remember(e, slash == path ? strdup("/") : strndup(path, slash - path));
}

int edit_touched(struct edit *e, const char *path)
{
	return remember(e, strdup(path)) ?: remember_parent(e, path);
}

/* The folders above path, as far as they are missing. */
static int make_parents(struct edit *e, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir;
	int ret = 0;

	if (slash == path)
		return 0;
	dir = strndup(path, slash - path);
	if (!dir)
		return -ENOMEM;
	if (guestfs_is_dir_opts(e->g, dir, GUESTFS_IS_DIR_OPTS_FOLLOWSYMLINKS, 1, -1) != 1)
		ret = edit_mkdir(e, dir);
	free(dir);
	return ret;
}

int edit_mkdir(struct edit *e, const char *path)
{
	int ret = make_parents(e, path);

	if (!ret && guestfs_mkdir_mode(e->g, path, 0755))
		ret = edit_failed(e->g, path, e->problem);
	return ret ?: edit_touched(e, path);
}

int edit_chmod(struct edit *e, const char *path, unsigned int mode)
{
	if (guestfs_chmod(e->g, (int)mode, path))
		return edit_failed(e->g, path, e->problem);
	return 0;
}

int edit_write(struct edit *e, const char *path, unsigned int mode, const char *data, size_t len)
{
	int ret = make_parents(e, path);

	/* Through a symbolic link the write would land elsewhere. */
	if (!ret)
		ret = edit_remove(e, path);
	if (!ret && guestfs_write(e->g, path, data, len))
		ret = edit_failed(e->g, path, e->problem);
	return ret ?: edit_chmod(e, path, mode) ?: edit_touched(e, path);
}

int edit_upload(struct edit *e, const char *from, const char *path, unsigned int mode)
{
	int ret = make_parents(e, path) ?: edit_remove(e, path);

	if (!ret && guestfs_upload(e->g, from, path))
		ret = edit_failed(e->g, from, e->problem);
	return ret ?: edit_chmod(e, path, mode) ?: edit_touched(e, path);
}

int edit_symlink(struct edit *e, const char *target, const char *path)
{
	int ret = make_parents(e, path) ?: edit_remove(e, path);

	if (!ret && guestfs_ln_s(e->g, target, path))
		ret = edit_failed(e->g, path, e->problem);
	return ret ?: edit_touched(e, path);
}

int edit_remove(struct edit *e, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash == path ? strdup("/") : strndup(path, slash - path);
	int there = dir ? guestfs_is_dir_opts(e->g, dir, GUESTFS_IS_DIR_OPTS_FOLLOWSYMLINKS, 1, -1)
			: -1;

	free(dir);
	if (there == 0)
		return 0;
	if (there < 0 || guestfs_rm_rf(e->g, path))
		return edit_failed(e->g, path, e->problem);
	return remember_parent(e, path);
}

static bool is_kept(const char *const *keep, const char *name)
{
	for (; *keep; keep++)
		if (!strcmp(*keep, name))
			return true;
	return false;
}

int edit_keep_only(struct edit *e, const char *dir, const char *const *keep)
{
	char **names = guestfs_ls(e->g, dir), *path;
	int ret = 0;

	if (!names)
		return edit_failed(e->g, dir, e->problem);
	for (size_t i = 0; names[i]; i++) {
		if (!ret && !is_kept(keep, names[i])) {
			if (asprintf(&path, "%s/%s", dir, names[i]) < 0) {
				ret = -ENOMEM;
			} else {
				ret = edit_remove(e, path);
				free(path);
			}
		}
		free(names[i]);
	}
	free(names);
	return ret;
}

int edit_tar_in(struct edit *e, const char *tar, const char *dir)
{
	if (guestfs_tar_in_opts(e->g, tar, dir, GUESTFS_TAR_IN_OPTS_XATTRS, 1, -1))
		return edit_failed(e->g, tar, e->problem);
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int edit_settle(struct edit *e, int64_t epoch)
{
	if (e->n_touched)
		qsort(e->touched, e->n_touched, sizeof(char *), by_text);
	for (size_t i = 0; i < e->n_touched; i++) {
		const char *path = e->touched[i];
		int there;

		if (i && !strcmp(path, e->touched[i - 1]))
			continue;
		there = guestfs_exists(e->g, path);
		if (!there) /* removed since, or a link that leads nowhere */
			there = guestfs_is_symlink(e->g, path);
		if (there < 0)
			return edit_failed(e->g, path, e->problem);
		if (there && guestfs_utimens(e->g, path, epoch, 0, epoch, 0))
			return edit_failed(e->g, path, e->problem);
	}
	return 0;
}
