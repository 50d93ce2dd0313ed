// SPDX-License-Identifier: GPL-2.0-only
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "pf-vm-image/appliance.h"
#include "pf-vm-image/root.h"
#include "pf-vm-image/run.h"

/* What an image and a vendor's additions need, several times over. */
#define WORK_BYTES (1LL << 30)
#define ROOM_MIN   (1u << 20)
#define WORK_DISK  "/dev/sda"
#define OLD_DISK   "/dev/sdb"

/* A squashfs superblock: magic, number of inodes, then when it was made. */
#define SQUASHFS_MAGIC	     0x73717368u
#define SQUASHFS_TIME_OFFSET 8

/* mksquashfs in the appliance can't be told the time: it goes in afterwards. */
static int date_squashfs(const char *path, int64_t epoch, struct problem *p)
{
	uint32_t magic = 0, date = htole32((uint32_t)epoch);
	int fd = open(path, O_RDWR | O_CLOEXEC), ret = 0;

	if (fd < 0)
		return problem_set(p, -errno, "%s: %m", path);
	if (pread(fd, &magic, 4, 0) != 4 || le32toh(magic) != SQUASHFS_MAGIC)
		ret = problem_set(p, -EIO, "%s: mksquashfs made no squashfs", path);
	else if (pwrite(fd, &date, 4, SQUASHFS_TIME_OFFSET) != 4)
		ret = problem_set(p, -errno, "%s: %m", path);
	close(fd);
	return ret;
}

/* libguestfs says of what it receives into dir that the receiver gave up, not why. */
static int not_received(guestfs_h *g, const char *what, const char *dir, struct problem *p)
{
	struct statvfs fs;

	if (!statvfs(dir, &fs) && fs.f_bavail < ROOM_MIN / fs.f_frsize)
		return problem_set(p, -ENOSPC, "%s: %s", what, strerror(ENOSPC));
	return edit_failed(g, what, p);
}

/* The tar goes through a file without a name: nothing of it can be left behind. */
static int list_root(guestfs_h *g, const char *tmpdir, struct tree_want *wants, size_t n_wants,
		     struct tree *ret_tree, struct problem *p)
{
	char path[64];
	int fd = open(tmpdir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), ret;

	if (fd < 0)
		return problem_set(p, -errno, "%s: %m", tmpdir);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (guestfs_tar_out_opts(g, "/", path, GUESTFS_TAR_OUT_OPTS_NUMERICOWNER, 1, -1))
		ret = not_received(g, "image: can't be listed", tmpdir, p);
	else
		ret = tree_read_tar(fd, wants, n_wants, ret_tree, p);
	close(fd);
	return ret;
}

/*
 * With all of its room taken now: on a host disk that fills up, QEMU would stop the
 * appliance at a write until there is room again, and libguestfs wait for it for ever.
 */
static int make_work_disk(const struct root_job *job, char ret_path[PATH_MAX], struct problem *p)
{
	int fd, err;

	if (scratch_path(job->scratch->dir, "work.img", ret_path))
		return problem_set(p, -ENAMETOOLONG, "%s: the name is too long", job->scratch->dir);
	fd = open(ret_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return problem_set(p, -errno, "%s: %m", ret_path);
	err = posix_fallocate(fd, 0, WORK_BYTES);
	close(fd);
	return err ? problem_set(p, -err, "%s: %s", ret_path, strerror(err)) : 0;
}

static int add_disks(guestfs_h *g, const struct root_job *job, const char *work, struct problem *p)
{
	if (guestfs_add_drive_opts(g, work, GUESTFS_ADD_DRIVE_OPTS_FORMAT, "raw",
				   GUESTFS_ADD_DRIVE_OPTS_CACHEMODE, "unsafe", -1))
		return edit_failed(g, work, p);
	if (job->disk && guestfs_add_drive_opts(g, job->disk, GUESTFS_ADD_DRIVE_OPTS_READONLY, 1,
						GUESTFS_ADD_DRIVE_OPTS_FORMAT, "qcow2", -1))
		return edit_failed(g, job->disk, p);
	return 0;
}

/* An old image is unpacked through a folder beside the new root. */
static int unpack_old(guestfs_h *g, const char *disk, struct problem *p)
{
	if (guestfs_mkmountpoint(g, "/old") || guestfs_mkmountpoint(g, "/new") ||
	    guestfs_mount_vfs(g, "ro", "squashfs", OLD_DISK, "/old"))
		return edit_failed(g, disk, p);
	if (guestfs_mount_options(g, "noatime", WORK_DISK, "/new") ||
	    guestfs_cp_a(g, "/old/.", "/new") || guestfs_umount_all(g))
		return edit_failed(g, disk, p);
	return 0;
}

static int prepare(guestfs_h *g, const struct root_job *job, struct problem *p)
{
	int ret = 0;

	if (guestfs_mkfs(g, "ext4", WORK_DISK))
		return edit_failed(g, "libguestfs: scratch file system", p);
	if (job->disk)
		ret = unpack_old(g, job->disk, p);
	if (!ret && guestfs_mount_options(g, "noatime", WORK_DISK, "/"))
		ret = edit_failed(g, "libguestfs: scratch file system", p);
	return ret;
}

static int fill_and_pack(guestfs_h *g, const struct root_job *job, const char *squashfs,
			 struct tree *ret_tree, struct problem *p)
{
	struct edit e = { .g = g, .problem = p };
	int ret;

	progress_step(job->progress, "fill the root file system");
	ret = prepare(g, job, p);
	if (!ret)
		ret = job->fill(&e, job->data);
	if (!ret)
		ret = edit_remove(&e, "/lost+found");
	if (!ret)
		ret = edit_settle(&e, job->epoch);
	edit_free(&e);
	if (ret)
		return ret;
	progress_step(job->progress, "list every file");
	ret = list_root(g, job->scratch->dir, job->wants, job->n_wants, ret_tree, p);
	if (ret)
		return ret;
	progress_step(job->progress, "pack the root file system");
	/* lz4: the packing and the PF VM's start cost least; the size is no matter here. */
	if (guestfs_mksquashfs(g, "/", squashfs, GUESTFS_MKSQUASHFS_COMPRESS, "lz4", -1))
		ret = not_received(g, "mksquashfs", job->scratch->dir, p);
	return ret ?: date_squashfs(squashfs, job->epoch, p);
}

int root_make(const struct root_job *job, const char *squashfs, struct tree *ret_tree,
	      struct problem *p)
{
	struct tree t = { 0 };
	char work[PATH_MAX];
	guestfs_h *g;
	int ret, closed;

	progress_step(job->progress, "start libguestfs' appliance");
	ret = appliance_open(job->progress, job->scratch->dir, job->scratch->log, &g, p);
	if (ret)
		return ret;
	ret = make_work_disk(job, work, p) ?: add_disks(g, job, work, p) ?: appliance_launch(g, p);
	if (!ret)
		ret = fill_and_pack(g, job, squashfs, &t, p);
	closed = appliance_close(g, p);
	unlink(work);
	ret = ret ?: closed;
	if (!ret && run_interrupted())
		ret = problem_set(p, -EINTR, "interrupted");
	if (ret) {
		tree_free(&t);
		return ret;
	}
	*ret_tree = t;
	return 0;
}

int root_read(const char *disk, struct progress *pg, struct tree_want *wants, size_t n_wants,
	      struct tree *ret_tree, struct problem *p)
{
	const char *tmpdir = getenv("TMPDIR") ?: "/var/tmp";
	struct tree t = { 0 };
	guestfs_h *g;
	int ret, closed;

	progress_step(pg, "start libguestfs' appliance");
	ret = appliance_open(pg, NULL, NULL, &g, p);
	if (ret)
		return ret;
	if (guestfs_add_drive_opts(g, disk, GUESTFS_ADD_DRIVE_OPTS_READONLY, 1,
				   GUESTFS_ADD_DRIVE_OPTS_FORMAT, "qcow2", -1))
		ret = edit_failed(g, disk, p);
	ret = ret ?: appliance_launch(g, p);
	if (!ret && guestfs_mount_vfs(g, "ro", "squashfs", WORK_DISK, "/"))
		ret = edit_failed(g, disk, p);
	progress_step(pg, "read every file");
	if (!ret)
		ret = list_root(g, tmpdir, wants, n_wants, &t, p);
	closed = appliance_close(g, p);
	ret = ret ?: closed;
	if (ret) {
		tree_free(&t);
		return ret;
	}
	*ret_tree = t;
	return 0;
}
