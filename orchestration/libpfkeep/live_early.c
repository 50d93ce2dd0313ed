// SPDX-License-Identifier: GPL-2.0-only
#include "orchestration/libpfkeep/live_early.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pfkeep/cleanup.h"

#define MOUNTS_MAX (1 << 20)

struct host {
	const struct root *root;
	char *mounts; /* /proc/self/mountinfo */
};

/* Made of memory or by the kernel itself: there in the initramfs, or gone with the kernel. */
static bool is_memory(const char *type)
{
	static const char *const types[] = { "tmpfs ", "devtmpfs ",  "proc ",
					     "sysfs ", "hugetlbfs ", "ramfs " };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (!strncmp(type, types[i], strlen(types[i])))
			return true;
	return false;
}

/* "36 35 98:0 /inside /mnt rw,noatime shared:1 - ext4 /dev/sda1 rw" */
static const char *next_mount(const char *line, const char **ret_dir, const char **ret_type)
{
	const char *end = strchrnul(line, '\n');

	*ret_dir = line;
	for (int i = 0; i < 4; i++) {
		const char *blank = memchr(*ret_dir, ' ', (size_t)(end - *ret_dir));

		*ret_dir = blank ? blank + 1 : end;
	}
	*ret_type = strstr(line, " - ");
	if (*ret_type && *ret_type < end)
		*ret_type += 3;
	else
		*ret_dir = NULL;
	return *end ? end + 1 : end;
}

/* Its letters, blanks as "\040", are the path's first: how many; 0 if they aren't. */
static size_t is_above(const char *dir, const char *path)
{
	size_t n = 0;

	while (*dir != ' ' && *dir != '\n' && *dir) {
		unsigned int letter = (unsigned char)*dir++;

		if (letter == '\\' && sscanf(dir, "%3o", &letter) == 1)
			dir += 3;
		if ((unsigned char)path[n++] != letter)
			return 0;
	}
	return n == 1 || !path[n] || path[n] == '/' ? n : 0;
}

/* Of mounts on the same directory the last is seen. */
static bool is_there(const struct host *host, const char *path)
{
	bool there = true;
	size_t longest = 0;

	for (const char *dir, *type, *line = host->mounts; *line;) {
		line = next_mount(line, &dir, &type);

		size_t len = dir ? is_above(dir, path) : 0;

		if (len && len >= longest) {
			longest = len;
			there = len == 1 || is_memory(type) || !strncmp(dir, "/usr ", 5);
		}
	}
	return there;
}

/* The initramfs brings up the root's volumes, not those of VMs. */
static bool is_assembled(const char *path)
{
	return !strncmp(path, "/dev/dm-", 8) || !strncmp(path, "/dev/md", 7);
}

static bool is_fit(const struct host *host, const char *path)
{
	return *path != '/' || (!is_assembled(path) && is_there(host, path));
}

static int look_at_vm(const struct host *host, const struct live_vm *vm, bool *early)
{
	CLEANUP(cleanup_dir) DIR *dir = NULL;
	char path[64], link[320], target[PATH_MAX];
	struct dirent *entry;
	int ret;

	snprintf(path, sizeof(path), "proc/%d/fd", vm->pid);
	ret = root_opendir(host->root, path, &dir);
	if (ret)
		return ret;
	*early &= is_fit(host, vm->argv[0]);
	while (*early && (entry = readdir(dir))) {
		snprintf(link, sizeof(link), "%s/%s", path, entry->d_name);
		if (entry->d_name[0] != '.' &&
		    !root_target(host->root, link, target, sizeof(target)))
			*early = is_fit(host, target);
	}
	return 0;
}

int live_early(const struct root *root, const struct live *live, bool *ret_early,
	       struct problem *problem)
{
	CLEANUP(cleanup_free) char *mounts = NULL;
	struct host host = { .root = root };
	int ret = root_slurp(root, "proc/self/mountinfo", MOUNTS_MAX, &mounts);

	if (ret)
		return problem_set(problem, ret, "/proc/self/mountinfo: %s", strerror(-ret));
	host.mounts = mounts;
	*ret_early = true;
	for (size_t i = 0; i < live->n_vms && !ret; i++) {
		ret = look_at_vm(&host, &live->vms[i], ret_early);
		if (ret)
			problem_set(problem, ret, "%s: its files: %s", live->vms[i].name,
				    strerror(-ret));
	}
	return ret;
}

void live_early_strip(char *cmdline)
{
	static const char *const words[] = { " " LIVE_EARLY, " " LIVE_LATE };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t len = strlen(words[i]);
		char *at = cmdline;

		while ((at = strstr(at, words[i]))) {
			if (at[len] && at[len] != ' ')
				at++;
			else
				memmove(at, at + len, strlen(at + len) + 1);
		}
	}
}
