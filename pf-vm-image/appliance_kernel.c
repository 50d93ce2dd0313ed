// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pf-vm-image/appliance_kernel.h"
#include "pf-vm-image/cache.h"
#include "pf-vm-image/debian.h"
#include "pf-vm-image/kernel.h"
#include "pf-vm-image/run.h"
#include "pf-vm-image/scratch.h"

/* A kernel with its modules, both to be read by us. */
static bool machine_has_kernel(void)
{
	glob_t g = { 0 };
	bool found = false;

	if (!glob("/boot/vmlinuz-*", 0, NULL, &g)) {
		for (size_t i = 0; i < g.gl_pathc; i++) {
			char modules[PATH_MAX];

			snprintf(modules, sizeof(modules), "/lib/modules/%s/modules.dep",
				 g.gl_pathv[i] + strlen("/boot/vmlinuz-"));
			found |= !access(g.gl_pathv[i], R_OK) && !access(modules, R_OK);
		}
	}
	globfree(&g);
	return found;
}

/* supermin copies the folder's mode from the machine and fails without it. */
static int have_modules_folder(struct problem *p)
{
	if (!mkdir("/usr/lib/modules", 0755) || errno == EEXIST)
		return 0;
	problem_hint(p, "run once as root, or create the empty folder /usr/lib/modules");
	return problem_set(p, -errno, "/usr/lib/modules: %m");
}

static int unpack_into(const char *tmp, struct problem *p)
{
	char package[128], deb[PATH_MAX], log[PATH_MAX], release[KERNEL_RELEASE_SIZE];
	char meta[64];
	int ret = scratch_path(tmp, "log", log);

	snprintf(meta, sizeof(meta), "linux-image-cloud-%s", debian_architecture());
	if (!ret)
		ret = debian_kernel_package(meta, log, package, sizeof(package), p);
	if (!ret)
		ret = debian_download(package, tmp, log, deb, p);
	if (!ret)
		ret = kernel_unpack(deb, tmp, log, release, p);
	if (!ret)
		ret = kernel_depmod(tmp, release, log, p);
	if (!ret)
		unlink(deb);
	return ret;
}

static int fill_cache(const char *cache, const char *dir, struct problem *p)
{
	char tmp[PATH_MAX];
	int ret;

	if (scratch_path(cache, ".appliance-kernel.XXXXXX", tmp))
		return problem_set(p, -ENAMETOOLONG, "%s: the name is too long", cache);
	if (!mkdtemp(tmp))
		return problem_set(p, -errno, "%s: %m", cache);
	ret = unpack_into(tmp, p);
	/* Another pf-image may have been faster. */
	if (!ret && rename(tmp, dir) && errno != EEXIST && errno != ENOTEMPTY)
		ret = problem_set(p, -errno, "%s: %m", dir);
	scratch_remove_tree(tmp);
	return ret;
}

int appliance_kernel_provide(struct problem *p)
{
	char cache[PATH_MAX], dir[PATH_MAX], path[2 * PATH_MAX], release[KERNEL_RELEASE_SIZE];
	int ret;

	if (getenv("SUPERMIN_KERNEL") || machine_has_kernel())
		return 0;
	ret = have_modules_folder(p) ?: cache_dir(cache, p);
	if (ret)
		return ret;
	if (scratch_path(cache, "appliance-kernel", dir))
		return problem_set(p, -ENAMETOOLONG, "%s: the name is too long", cache);
	if (kernel_release(dir, release))
		ret = fill_cache(cache, dir, p) ?: kernel_release(dir, release);
	if (ret)
		return problem_set(p, ret, "%s: no kernel in it", dir);
	snprintf(path, sizeof(path), "%s/boot/vmlinuz-%s", dir, release);
	setenv("SUPERMIN_KERNEL", path, 1);
	snprintf(path, sizeof(path), "%s/lib/modules/%s", dir, release);
	setenv("SUPERMIN_MODULES", path, 1);
	setenv("SUPERMIN_KERNEL_VERSION", release, 1);
	return 0;
}
