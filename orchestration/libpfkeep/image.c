// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pfkeep/image.h"

#define FORMAT	     "pfkeep-pf-image-1"
#define MANIFEST_MAX (64 << 20)
#define CMDLINE_MAX  1024

void image_release(struct image *image)
{
	free(image->disk);
	free(image->kernel);
	free(image->initrd);
	free(image->cmdline);
	*image = (struct image){ 0 };
}

static const char *string_of(struct json_object *object, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value) ||
	    !json_object_is_type(value, json_type_string))
		return NULL;
	return json_object_get_string(value);
}

static bool is_printable(const char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

static int read_cmdline(const char *manifest, char **ret_cmdline, struct problem *problem)
{
	struct json_object *object;
	const char *format, *cmdline;
	struct stat st;
	int ret = 0;

	if (stat(manifest, &st))
		return problem_set(problem, -errno, "%s: %m", manifest);
	if (!S_ISREG(st.st_mode) || st.st_size > MANIFEST_MAX)
		return problem_set(problem, -EINVAL, "%s: must be a file of at most %d MiB",
				   manifest, MANIFEST_MAX >> 20);
	object = json_object_from_file(manifest);
	format = string_of(object, "format");
	cmdline = string_of(object, "cmdline");
	if (!format || strcmp(format, FORMAT))
		ret = problem_set(problem, -EINVAL, "%s: format must be '" FORMAT "'", manifest);
	else if (!cmdline || strlen(cmdline) > CMDLINE_MAX || !is_printable(cmdline))
		ret = problem_set(problem, -EINVAL,
				  "%s: cmdline must be at most %d printable characters", manifest,
				  CMDLINE_MAX);
	else
		*ret_cmdline = strdup(cmdline);
	json_object_put(object);
	return ret ? ret : *ret_cmdline ? 0 : -ENOMEM;
}

static int open_folder(const char *path, struct image *image, struct problem *problem)
{
	char *manifest;
	int ret;

	if (asprintf(&image->disk, "%s/root.qcow2", path) < 0)
		image->disk = NULL;
	if (asprintf(&image->kernel, "%s/vmlinuz", path) < 0)
		image->kernel = NULL;
	if (asprintf(&image->initrd, "%s/initrd", path) < 0)
		image->initrd = NULL;
	if (!image->disk || !image->kernel || !image->initrd ||
	    asprintf(&manifest, "%s/manifest.json", path) < 0)
		return -ENOMEM;
	ret = read_cmdline(manifest, &image->cmdline, problem);
	free(manifest);
	return ret;
}

int image_open(const char *path, struct image *ret_image, struct problem *problem)
{
	struct image image = { 0 };
	struct stat st;
	int ret = 0;

	/* A file that isn't there is libvirt's to report, with its own words. */
	if (stat(path, &st) || !S_ISDIR(st.st_mode)) {
		image.disk = strdup(path);
		ret = image.disk ? 0 : -ENOMEM;
	} else {
		ret = open_folder(path, &image, problem);
	}
	if (ret) {
		image_release(&image);
		return ret;
	}
	*ret_image = image;
	return 0;
}
