// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pf-vm-image/disk.h"
#include "pf-vm-image/inspect.h"
#include "pf-vm-image/root.h"

enum { WANT_STATUS, WANT_ALIASES, WANTS };

void inspect_free(struct inspection *i)
{
	manifest_free(&i->manifest);
	tree_free(&i->files);
	packages_free(&i->packages);
	drivers_free(&i->drivers);
}

static int parse(const char *image, const struct tree_want *wants, struct inspection *i,
		 struct problem *p)
{
	int ret;

	for (int n = 0; n < WANTS; n++)
		if (!wants[n].data)
			return problem_set(p, -ENOENT, "%s: has no %s on its disk", image,
					   wants[n].path);
	ret = packages_parse(wants[WANT_STATUS].data, &i->packages)
		      ?: drivers_parse(wants[WANT_ALIASES].data, &i->drivers);
	return ret ? problem_set(p, ret, "%s: %s", image, strerror(-ret)) : 0;
}

static int read_disk(const char *image, struct progress *pg, struct inspection *i,
		     struct problem *p)
{
	char aliases[256], disk[PATH_MAX];
	struct tree_want wants[WANTS] = {
		[WANT_STATUS] = { .path = "/var/lib/dpkg/status" },
		[WANT_ALIASES] = { .path = aliases },
	};
	int ret = scratch_path(image, manifest_part_names[PART_DISK], disk);

	snprintf(aliases, sizeof(aliases), "/usr/lib/modules/%s/modules.alias", i->manifest.kernel);
	ret = ret ?: disk_check(disk, p);
	if (!ret)
		ret = root_read(disk, pg, wants, WANTS, &i->files, p);
	if (!ret)
		ret = parse(image, wants, i, p);
	for (int n = 0; n < WANTS; n++)
		free(wants[n].data);
	return ret;
}

int inspect_image(const char *image, struct progress *pg, struct inspection *ret_inspection,
		  struct problem *p)
{
	struct inspection i = { 0 };
	char path[PATH_MAX];
	int ret = scratch_path(image, MANIFEST_NAME, path);

	if (ret)
		return problem_set(p, ret, "%s: the name is too long", image);
	ret = manifest_read(path, &i.manifest, p) ?: read_disk(image, pg, &i, p);
	if (ret) {
		inspect_free(&i);
		return ret;
	}
	*ret_inspection = i;
	return 0;
}
