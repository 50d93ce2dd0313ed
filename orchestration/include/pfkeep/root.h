/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files of the host (sysfs, proc, /etc), below a root directory that is "/" but
 * in tests. Nothing, not even a symlink, leads out of the root.
 */
#ifndef PFKEEP_ROOT_H
#define PFKEEP_ROOT_H

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct root {
	int fd;
	char path[PATH_MAX];
	/*
	 * Instead of a plain write when set; for a test's kernel. Receives what
	 * root_write() does.
	 */
	int (*write)(const struct root *root, const char *path, const char *text);
	void *data;
};

#define ROOT_ATTR 4096 /* no attribute in sysfs is longer */

int root_open(const char *path, struct root *ret_root);
void root_close(struct root *root);

/* All paths are relative to the root; a leading slash is taken as such. */
int root_openat(const struct root *root, const char *path, int flags, int *ret_fd);
int root_opendir(const struct root *root, const char *path, DIR **ret_dir);
bool root_exists(const struct root *root, const char *path);

/* A small file, terminated, without its last newline. -EFBIG if size is too small. */
int root_read(const struct root *root, const char *path, char *ret_text, size_t size);
/* A file of any size up to max, allocated. */
int root_slurp(const struct root *root, const char *path, size_t max, char **ret_text);
/* Decimal, or hexadecimal with 0x. */
int root_read_number(const struct root *root, const char *path, uint64_t max, uint64_t *ret_value);
/* A symlink's target, and the last component of it. -EINVAL if it is no symlink. */
int root_target(const struct root *root, const char *path, char *ret_target, size_t size);
int root_link(const struct root *root, const char *path, char *ret_name, size_t size);
int root_write(const struct root *root, const char *path, const char *text);

#endif
