// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "pf-vm-image/disk.h"
#include "pf-vm-image/root.h"
#include "pf-vm-image/verify.h"

static int compare_parts(const char *image, const struct manifest *m, manifest_differs *differs,
			 void *data, size_t *n, struct problem *p)
{
	struct manifest now = { 0 };
	int ret = manifest_hash_parts(&now, image, p);

	for (int i = 0; !ret && i < PARTS; i++) {
		struct manifest_difference d = { manifest_part_names[i], "content" };

		if (now.parts[i].size == m->parts[i].size &&
		    !strcmp(now.parts[i].sha256, m->parts[i].sha256))
			continue;
		differs(data, &d);
		(*n)++;
	}
	return ret;
}

int verify_image(const char *image, const char *manifest, struct progress *pg,
		 manifest_differs *differs, void *data, size_t *ret_n, struct problem *p)
{
	struct tree found = { 0 };
	struct manifest m;
	char path[PATH_MAX];
	size_t n = 0;
	int ret = scratch_path(image, MANIFEST_NAME, path);

	if (ret)
		return problem_set(p, ret, "%s: the name is too long", image);
	ret = manifest_read(manifest ?: path, &m, p);
	if (ret)
		return ret;
	ret = scratch_path(image, manifest_part_names[PART_DISK], path) ?: disk_check(path, p);
	if (!ret)
		ret = compare_parts(image, &m, differs, data, &n, p);
	if (!ret)
		ret = root_read(path, pg, NULL, 0, &found, p);
	if (!ret)
		n += manifest_compare(&m.files, &found, differs, data);
	*ret_n = n;
	tree_free(&found);
	manifest_free(&m);
	return ret;
}
