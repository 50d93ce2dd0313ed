// SPDX-License-Identifier: GPL-2.0-only
#include "tests/pf-image/user.h"

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pf-vm-image/files.h"
#include "pf-vm-image/scratch.h"

#define NAME	  "pf-builder"
#define ID	  61234
#define SUB_FIRST 1700000000

/* What was in the environment before. */
static const char *const changed[] = { "HOME",	   "USER",	   "LIBGUESTFS_CACHEDIR",
				       "PF_IMAGE", "PF_IMAGE_LOG", "PFKEEP_CACHE" };
#define CHANGED (sizeof(changed) / sizeof(changed[0]))
static char *before[CHANGED];
static bool entered;

/* /etc/NAME as it is, with one more line, for this mount namespace. */
static int add_line(const char *name, const char *line)
{
	char path[PATH_MAX], copy[PATH_MAX], *text = NULL, *all;
	struct problem p = { .text = "" };
	int ret;

	snprintf(path, sizeof(path), "etc-%s", name);
	ret = scratch_path(e2e_dir, path, copy) ?: scratch_path("/etc", name, path);
	if (ret || files_read("/etc", name, &text, &p) ||
	    asprintf(&all, "%s%s\n", text, line) < 0) {
		free(text);
		return -1;
	}
	ret = files_write(copy, all, strlen(all), &p) || mount(copy, path, NULL, MS_BIND, NULL);
	free(text);
	free(all);
	return ret ? -1 : 0;
}

static int make_known(const char *home)
{
	char line[PATH_MAX + 64];

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -1;
	snprintf(line, sizeof(line), NAME ":x:%d:%d::%s:/bin/sh", ID, ID, home);
	if (add_line("passwd", line))
		return -1;
	snprintf(line, sizeof(line), NAME ":x:%d:", ID);
	if (add_line("group", line))
		return -1;
	snprintf(line, sizeof(line), NAME ":%d:65536", SUB_FIRST);
	return add_line("subuid", line) || add_line("subgid", line) ? -1 : 0;
}

/* As installed: where everybody may read them. */
static int copy_programs(void)
{
	const char *from = getenv("PF_IMAGE") ?: "build/pf-vm-image/pf-image";
	char bin[PATH_MAX], to[PATH_MAX], init[PATH_MAX];
	struct problem p = { .text = "" };

	snprintf(init, sizeof(init), "%.*spf-init", (int)(strlen(from) - strlen("pf-image")), from);
	if (scratch_path(e2e_dir, "bin", bin) || mkdir(bin, 0755) ||
	    scratch_path(bin, "pf-image", to) || files_copy(from, to, 0755, &p) ||
	    scratch_path(bin, "pf-init", to) || files_copy(init, to, 0755, &p))
		return -1;
	return 0;
}

int user_create(char ret_home[PATH_MAX])
{
	const char *tmp = getenv("TMPDIR");

	if (scratch_path(e2e_dir, "home", ret_home) || make_known(ret_home) || copy_programs())
		return -1;
	/* TMPDIR is everybody's, like /tmp, and a home its owner's only, as Debian has them. */
	if (!tmp || chmod(e2e_dir, 0711) || chmod(tmp, 01777))
		return -1;
	return mkdir(ret_home, 0700) || chown(ret_home, ID, ID) ? -1 : 0;
}

void user_enter(const char *home)
{
	char path[PATH_MAX];

	entered = true;
	for (size_t i = 0; i < CHANGED; i++) {
		const char *value = getenv(changed[i]);

		before[i] = value ? strdup(value) : NULL;
		unsetenv(changed[i]);
	}
	setenv("HOME", home, 1);
	setenv("USER", NAME, 1);
	setenv("LIBGUESTFS_CACHEDIR", home, 1);
	if (!scratch_path(e2e_dir, "bin/pf-image", path))
		setenv("PF_IMAGE", path, 1);
	e2e_as(&(struct e2e_user){ .uid = ID, .gid = ID });
}

/* Twice is as good as once. */
void user_leave(void)
{
	if (!entered)
		return;
	entered = false;
	e2e_as(NULL);
	for (size_t i = 0; i < CHANGED; i++) {
		if (before[i])
			setenv(changed[i], before[i], 1);
		else
			unsetenv(changed[i]);
		free(before[i]);
		before[i] = NULL;
	}
}
