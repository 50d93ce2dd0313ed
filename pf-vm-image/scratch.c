// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "pf-vm-image/manifest.h"
#include "pf-vm-image/scratch.h"

/* Where QEMU locks bytes of an image that it has open (its docs call it image locking). */
#define QEMU_LOCK_FIRST 100
#define QEMU_LOCK_BYTES 200

int scratch_path(const char *dir, const char *name, char ret_path[PATH_MAX])
{
	int n = snprintf(ret_path, PATH_MAX, "%s/%s", dir, name);

	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path) ? -errno : 0;
}

int scratch_remove_tree(const char *path)
{
	return nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

int scratch_check_space(const char *dir, uint64_t need, struct problem *p)
{
	struct statvfs fs;
	uint64_t have;

	if (statvfs(dir, &fs))
		return problem_set(p, -errno, "%s: %m", dir);
	have = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (have < need)
		return problem_set(p, -ENOSPC, "%s: %" PRIu64 " MiB free, %" PRIu64 " MiB needed",
				   dir, have >> 20, need >> 20);
	return 0;
}

/* $PF_IMAGE_LOG outlives the program, whatever comes of it. */
static int log_path(const char *dir, char ret_path[PATH_MAX])
{
	const char *wanted = getenv("PF_IMAGE_LOG");

	if (!wanted)
		return scratch_path(dir, "log", ret_path);
	return snprintf(ret_path, PATH_MAX, "%s", wanted) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* dirname() writes to its argument. */
static char *parent_of(const char *output, char parent[PATH_MAX])
{
	snprintf(parent, PATH_MAX, "%s", output);
	return dirname(parent);
}

int scratch_open(const char *output, uint64_t need, struct scratch *ret_scratch, struct problem *p)
{
	char parent[PATH_MAX];
	struct scratch s;

	if (snprintf(parent, sizeof(parent), "%s", output) >= (int)sizeof(parent) ||
	    scratch_path(dirname(parent), ".pf-image.XXXXXX", s.dir))
		return problem_set(p, -ENAMETOOLONG, "%s: the name is too long", output);
	if (scratch_check_space(parent_of(output, parent), need, p))
		return -ENOSPC;
	if (!mkdtemp(s.dir))
		return problem_set(p, -errno, "%s: %m", parent_of(output, parent));
	if (scratch_path(s.dir, "image", s.image) || log_path(s.dir, s.log) ||
	    mkdir(s.image, 0755)) {
		scratch_close(&s);
		return problem_set(p, -ENAMETOOLONG, "%s: the name is too long", output);
	}
	/* mmdebstrap may give its processes another user. */
	chmod(s.dir, 0755);
	*ret_scratch = s;
	return 0;
}

void scratch_close(struct scratch *s)
{
	if (s->dir[0])
		scratch_remove_tree(s->dir);
	s->dir[0] = '\0';
}

static int check_unused(const char *image, struct problem *p)
{
	struct flock lock = { .l_type = F_WRLCK,
			      .l_whence = SEEK_SET,
			      .l_start = QEMU_LOCK_FIRST,
			      .l_len = QEMU_LOCK_BYTES };
	char disk[PATH_MAX];
	int fd, ret = 0;

	if (scratch_path(image, manifest_part_names[PART_DISK], disk))
		return problem_set(p, -ENAMETOOLONG, "%s: the name is too long", image);
	fd = open(disk, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? 0 : problem_set(p, -errno, "%s: %m", disk);
	if (fcntl(fd, F_OFD_GETLK, &lock))
		ret = problem_set(p, -errno, "%s: %m", disk);
	else if (lock.l_type != F_UNLCK)
		ret = problem_set(p, -EBUSY, "%s: in use by a running VM", disk);
	close(fd);
	return ret;
}

static bool is_image_file(const char *name)
{
	for (int i = 0; i < PARTS; i++)
		if (!strcmp(name, manifest_part_names[i]))
			return true;
	return !strcmp(name, MANIFEST_NAME);
}

/* A folder with an image's files and no others: anything else is somebody's. */
static bool is_image(const char *path)
{
	struct dirent *entry;
	bool whole = false, alien = false;
	DIR *dir = opendir(path);

	if (!dir)
		return false;
	while ((entry = readdir(dir))) {
		whole |= !strcmp(entry->d_name, MANIFEST_NAME);
		alien |= entry->d_name[0] != '.'
				 ? !is_image_file(entry->d_name)
				 : strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
	}
	closedir(dir);
	return whole && !alien;
}

int scratch_check_output(const char *output, struct problem *p)
{
	struct stat st;

	if (lstat(output, &st))
		return errno == ENOENT ? 0 : problem_set(p, -errno, "%s: %m", output);
	if (!S_ISDIR(st.st_mode) || !is_image(output))
		return problem_set(p, -EEXIST, "%s: is there and is no image: not replaced",
				   output);
	return check_unused(output, p);
}

int scratch_publish(struct scratch *s, const char *output, struct problem *p)
{
	struct stat st;
	int dirfd = open(s->image, O_RDONLY | O_DIRECTORY | O_CLOEXEC), ret = 0;

	if (dirfd < 0 || syncfs(dirfd))
		ret = -errno;
	/* An old image swaps places with the new one and goes with the scratch. */
	if (!ret && renameat2(AT_FDCWD, s->image, AT_FDCWD, output,
			      lstat(output, &st) ? RENAME_NOREPLACE : RENAME_EXCHANGE))
		ret = -errno;
	if (dirfd >= 0)
		close(dirfd);
	return ret ? problem_set(p, ret, "%s: %s", output, strerror(-ret)) : 0;
}
