// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pf-vm-image/cache.h"

static int make_path(char *dir)
{
	for (char *at = dir + 1; (at = strchr(at, '/')); at++) {
		*at = '\0';
		mkdir(dir, 0755);
		*at = '/';
	}
	return mkdir(dir, 0755) && errno != EEXIST ? -errno : 0;
}

int cache_dir(char ret_dir[PATH_MAX], struct problem *p)
{
	const char *base = getenv("PFKEEP_CACHE"), *below = "";
	int n, ret;

	if (!base && geteuid() == 0) {
		base = "/var/cache";
	} else if (!base) {
		base = getenv("XDG_CACHE_HOME");
		below = base ? "" : "/.cache";
		base = base ?: getenv("HOME");
	}
	if (!base || base[0] != '/')
		return problem_set(p, -EINVAL,
				   "cache: PFKEEP_CACHE or HOME must be an absolute path");
	n = snprintf(ret_dir, PATH_MAX, "%s%s/pf-image", base, below);
	if (n < 0 || n >= PATH_MAX)
		return problem_set(p, -ENAMETOOLONG, "cache: the name is too long");
	ret = make_path(ret_dir);
	return ret ? problem_set(p, ret, "%s: %s", ret_dir, strerror(-ret)) : 0;
}
