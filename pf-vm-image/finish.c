// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <json-c/json.h>

#include "pf-vm-image/disk.h"
#include "pf-vm-image/files.h"
#include "pf-vm-image/finish.h"
#include "pf-vm-image/sbom.h"

static int write_sbom(const char *status, int64_t epoch, const char *path, struct problem *p)
{
	struct json_object *doc;
	struct packages pk;
	const char *text;
	int ret;

	if (!status)
		return problem_set(p, -ENOENT, "image: has no dpkg status file");
	ret = packages_parse(status, &pk);
	if (ret)
		return problem_set(p, ret, "image: dpkg's status: %s", strerror(-ret));
	ret = sbom_new(&pk, epoch, &doc);
	packages_free(&pk);
	if (ret)
		return problem_set(p, ret, "%s: %s", path, strerror(-ret));
	text = json_object_to_json_string_ext(doc, JSON_C_TO_STRING_PRETTY |
							   JSON_C_TO_STRING_NOSLASHESCAPE);
	ret = files_write(path, text, strlen(text), p);
	json_object_put(doc);
	return ret;
}

static int write_parts(const struct root_job *job, struct manifest *m, const char *squashfs,
		       const char *status, struct problem *p)
{
	const char *image = job->scratch->image;
	char path[PATH_MAX];
	int ret;

	progress_step(job->progress, "write the disk");
	ret = scratch_path(image, manifest_part_names[PART_DISK], path)
		      ?: disk_pack(squashfs, path, job->scratch->log, p);
	if (ret)
		return ret;
	progress_step(job->progress, "write the manifest");
	ret = scratch_path(image, manifest_part_names[PART_SBOM], path)
		      ?: write_sbom(status, job->epoch, path, p);
	ret = ret ?: manifest_hash_parts(m, image, p);
	ret = ret ?: scratch_path(image, MANIFEST_NAME, path);
	return ret ?: manifest_write(m, path, p);
}

int finish_image(struct root_job *job, struct manifest *m, struct problem *p)
{
	struct tree_want wants[FINISH_WANTS] = {
		[WANT_DPKG_STATUS] = { .path = "/var/lib/dpkg/status" },
	};
	char squashfs[PATH_MAX];
	int ret = scratch_path(job->scratch->dir, "squashfs", squashfs);

	job->wants = wants;
	job->n_wants = FINISH_WANTS;
	if (!ret)
		ret = root_make(job, squashfs, &m->files, p);
	if (!ret)
		ret = write_parts(job, m, squashfs, wants[WANT_DPKG_STATUS].data, p);
	job->wants = NULL;
	job->n_wants = 0;
	for (size_t i = 0; i < FINISH_WANTS; i++)
		free(wants[i].data);
	unlink(squashfs);
	return ret ? problem_set(p, ret, "image: %s", strerror(-ret)) : 0;
}
