// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <json-c/json.h>

#include "pf-vm-image/manifest.h"

#define MANIFEST_MAX (64 << 20)

const char *const manifest_part_names[PARTS] = {
	[PART_DISK] = "root.qcow2",
	[PART_KERNEL] = "vmlinuz",
	[PART_INITRD] = "initrd",
	[PART_SBOM] = "sbom.spdx.json",
};

void manifest_free(struct manifest *m)
{
	free(m->architecture);
	free(m->suite);
	free(m->kernel);
	free(m->cmdline);
	tree_free(&m->files);
	*m = (struct manifest){ 0 };
}

static void add_string(struct json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, json_object_new_string(value));
}

static struct json_object *entry_to_json(const struct tree_entry *e)
{
	struct json_object *o = json_object_new_object();
	char text[32];

	add_string(o, "path", e->path);
	snprintf(text, sizeof(text), "%c", e->type);
	add_string(o, "type", text);
	snprintf(text, sizeof(text), "%04o", e->mode);
	add_string(o, "mode", text);
	json_object_object_add(o, "uid", json_object_new_int64(e->uid));
	json_object_object_add(o, "gid", json_object_new_int64(e->gid));
	if (e->type == 'f') {
		json_object_object_add(o, "size", json_object_new_int64((int64_t)e->size));
		add_string(o, "sha256", e->sha256);
	}
	if (e->target)
		add_string(o, "target", e->target);
	if (e->type == 'c' || e->type == 'b') {
		snprintf(text, sizeof(text), "%u:%u", e->major, e->minor);
		add_string(o, "device", text);
	}
	return o;
}

static struct json_object *manifest_to_json(const struct manifest *m)
{
	struct json_object *o = json_object_new_object(), *parts = json_object_new_array();

	add_string(o, "format", MANIFEST_FORMAT);
	add_string(o, "architecture", m->architecture);
	add_string(o, "suite", m->suite);
	add_string(o, "kernel", m->kernel);
	add_string(o, "cmdline", m->cmdline);
	json_object_object_add(o, "epoch", json_object_new_int64(m->epoch));
	for (int i = 0; i < PARTS; i++) {
		struct json_object *part = json_object_new_object();

		add_string(part, "name", manifest_part_names[i]);
		json_object_object_add(part, "size",
				       json_object_new_int64((int64_t)m->parts[i].size));
		add_string(part, "sha256", m->parts[i].sha256);
		json_object_array_add(parts, part);
	}
	json_object_object_add(o, "parts", parts);
	return o;
}

/* One line for the head and one a file, so that diff and grep work on it. */
int manifest_write(const struct manifest *m, const char *path, struct problem *p)
{
	const int flags = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;
	struct json_object *head = manifest_to_json(m);
	const char *text = json_object_to_json_string_ext(head, flags);
	FILE *f = fopen(path, "we");
	int ret = 0;

	if (!f) {
		json_object_put(head);
		return problem_set(p, -errno, "%s: %m", path);
	}
	fprintf(f, "%.*s,\"files\":[\n", (int)strlen(text) - 1, text);
	for (size_t i = 0; i < m->files.n; i++) {
		struct json_object *o = entry_to_json(&m->files.entries[i]);

		fprintf(f, "%s%s\n", json_object_to_json_string_ext(o, flags),
			i + 1 < m->files.n ? "," : "");
		json_object_put(o);
	}
	fprintf(f, "]}\n");
	json_object_put(head);
	if (fflush(f) || ferror(f) || fsync(fileno(f)))
		ret = problem_set(p, -EIO, "%s: %m", path);
	fclose(f);
	return ret;
}

static const char *get_string(struct json_object *o, const char *key)
{
	struct json_object *v;

	if (!json_object_object_get_ex(o, key, &v) || !json_object_is_type(v, json_type_string))
		return NULL;
	/* A NUL inside would hide what follows it. */
	if (strlen(json_object_get_string(v)) != (size_t)json_object_get_string_len(v))
		return NULL;
	return json_object_get_string(v);
}

static bool get_number(struct json_object *o, const char *key, int64_t max, int64_t *ret_number)
{
	struct json_object *v;

	if (!json_object_object_get_ex(o, key, &v) || !json_object_is_type(v, json_type_int))
		return false;
	*ret_number = json_object_get_int64(v);
	return *ret_number >= 0 && *ret_number <= max;
}

static bool get_hash(struct json_object *o, char ret_hex[HASH_HEX + 1])
{
	const char *text = get_string(o, "sha256");

	if (!text || strlen(text) != HASH_HEX || strspn(text, "0123456789abcdef") != HASH_HEX)
		return false;
	memcpy(ret_hex, text, HASH_HEX + 1);
	return true;
}

/* "0755", "4711": as this file writes it. */
static bool get_mode(struct json_object *o, unsigned int *ret_mode)
{
	const char *text = get_string(o, "mode");
	size_t len = text ? strlen(text) : 0;

	if (len != 4 || strspn(text, "01234567") != len)
		return false;
	*ret_mode = strtoul(text, NULL, 8);
	return true;
}

static bool get_typed(struct json_object *o, struct tree_entry *e)
{
	const char *target = get_string(o, "target"), *device = get_string(o, "device");
	int64_t size;

	switch (e->type) {
	case 'f':
		if (!get_number(o, "size", INT64_MAX, &size) || !get_hash(o, e->sha256))
			return false;
		e->size = (uint64_t)size;
		return true;
	case 'l':
		e->target = target ? strdup(target) : NULL;
		return e->target;
	case 'c':
	case 'b':
		return device && sscanf(device, "%u:%u", &e->major, &e->minor) == 2;
	default:
		return true;
	}
}

static int entry_from_json(struct json_object *o, struct tree *t)
{
	const char *path = get_string(o, "path"), *type = get_string(o, "type");
	struct tree_entry e = { 0 };
	int64_t uid, gid;
	bool good;

	if (!path || path[0] != '/' || !type || strlen(type) != 1 || !strchr("fdlcbp", type[0]))
		return -EINVAL;
	if (!get_number(o, "uid", UINT_MAX, &uid) || !get_number(o, "gid", UINT_MAX, &gid) ||
	    !get_mode(o, &e.mode))
		return -EINVAL;
	e.type = type[0];
	e.uid = (unsigned int)uid;
	e.gid = (unsigned int)gid;
	good = get_typed(o, &e);
	e.path = good ? strdup(path) : NULL;
	if (good)
		return tree_add(t, &e);
	free(e.target);
	return -EINVAL;
}

static int read_files(struct json_object *root, const char *path, struct tree *t, struct problem *p)
{
	struct json_object *files;

	if (!json_object_object_get_ex(root, "files", &files) ||
	    !json_object_is_type(files, json_type_array))
		return problem_set(p, -EINVAL, "%s: 'files' must be a list", path);
	for (size_t i = 0; i < json_object_array_length(files); i++) {
		int ret = entry_from_json(json_object_array_get_idx(files, i), t);

		if (ret)
			return problem_set(p, ret, "%s: file %zu is badly described", path, i + 1);
	}
	tree_sort(t);
	for (size_t i = 1; i < t->n; i++)
		if (!strcmp(t->entries[i - 1].path, t->entries[i].path))
			return problem_set(p, -EINVAL, "%s: '%s' is listed twice", path,
					   t->entries[i].path);
	return 0;
}

static int read_parts(struct json_object *root, const char *path, struct manifest *m,
		      struct problem *p)
{
	struct json_object *parts;

	if (!json_object_object_get_ex(root, "parts", &parts) ||
	    !json_object_is_type(parts, json_type_array) ||
	    json_object_array_length(parts) != PARTS)
		return problem_set(p, -EINVAL, "%s: 'parts' must list %d files", path, PARTS);
	for (int i = 0; i < PARTS; i++) {
		struct json_object *part = json_object_array_get_idx(parts, i);
		const char *name = get_string(part, "name");
		int64_t size;

		if (!name || strcmp(name, manifest_part_names[i]) ||
		    !get_number(part, "size", INT64_MAX, &size) ||
		    !get_hash(part, m->parts[i].sha256))
			return problem_set(p, -EINVAL, "%s: part '%s' is badly described", path,
					   manifest_part_names[i]);
		m->parts[i].size = (uint64_t)size;
	}
	return 0;
}

static int read_head(struct json_object *root, const char *path, struct manifest *m,
		     struct problem *p)
{
	const struct {
		const char *key;
		char **to;
	} strings[] = {
		{ "architecture", &m->architecture },
		{ "suite", &m->suite },
		{ "kernel", &m->kernel },
		{ "cmdline", &m->cmdline },
	};
	const char *format = get_string(root, "format");

	if (!format || strcmp(format, MANIFEST_FORMAT))
		return problem_set(p, -EINVAL, "%s: format must be '%s'", path, MANIFEST_FORMAT);
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		const char *value = get_string(root, strings[i].key);

		if (!value)
			return problem_set(p, -EINVAL, "%s: '%s' must be a string", path,
					   strings[i].key);
		for (const char *c = value; *c; c++)
			if (iscntrl((unsigned char)*c))
				return problem_set(p, -EINVAL, "%s: '%s' has a control character",
						   path, strings[i].key);
		*strings[i].to = strdup(value);
		if (!*strings[i].to)
			return problem_set(p, -ENOMEM, "%s: no memory", path);
	}
	if (!get_number(root, "epoch", INT64_MAX, &m->epoch))
		return problem_set(p, -EINVAL, "%s: 'epoch' must be a number", path);
	return read_parts(root, path, m, p);
}

int manifest_read(const char *path, struct manifest *ret_manifest, struct problem *p)
{
	struct manifest m = { 0 };
	struct json_object *root;
	struct stat st;
	int fd, ret;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return problem_set(p, -errno, "%s: %m", path);
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size > MANIFEST_MAX) {
		close(fd);
		return problem_set(p, -EINVAL, "%s: no file of at most %d MiB", path,
				   MANIFEST_MAX >> 20);
	}
	root = json_object_from_fd(fd);
	close(fd);
	if (!json_object_is_type(root, json_type_object)) {
		json_object_put(root);
		return problem_set(p, -EINVAL, "%s: no JSON object", path);
	}
	ret = read_head(root, path, &m, p);
	if (!ret)
		ret = read_files(root, path, &m.files, p);
	json_object_put(root);
	if (ret) {
		manifest_free(&m);
		return ret;
	}
	*ret_manifest = m;
	return 0;
}

int manifest_hash_parts(struct manifest *m, const char *dir, struct problem *p)
{
	int dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC), ret = 0;
	struct stat st;

	if (dirfd < 0)
		return problem_set(p, -errno, "%s: %m", dir);
	for (int i = 0; !ret && i < PARTS; i++) {
		const char *name = manifest_part_names[i];

		ret = fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) ? -errno : 0;
		if (!ret && !S_ISREG(st.st_mode))
			ret = -EINVAL;
		if (!ret)
			ret = hash_file_at(dirfd, name, m->parts[i].sha256);
		if (ret)
			problem_set(p, ret, "%s/%s: %s", dir, name, strerror(-ret));
		else
			m->parts[i].size = (uint64_t)st.st_size;
	}
	close(dirfd);
	return ret;
}

static const char *entry_differs(const struct tree_entry *a, const struct tree_entry *b)
{
	if (a->type != b->type)
		return "type";
	if (a->mode != b->mode)
		return "mode";
	if (a->uid != b->uid || a->gid != b->gid)
		return "owner";
	if (a->type == 'f' && (a->size != b->size || strcmp(a->sha256, b->sha256)))
		return "content";
	if (a->type == 'l' && strcmp(a->target, b->target))
		return "target";
	if ((a->type == 'c' || a->type == 'b') && (a->major != b->major || a->minor != b->minor))
		return "device";
	return NULL;
}

size_t manifest_compare(const struct tree *expected, const struct tree *found,
			manifest_differs *differs, void *data)
{
	size_t i = 0, j = 0, n = 0;

	while (i < expected->n || j < found->n) {
		struct manifest_difference d = { 0 };
		int order;

		if (i == expected->n)
			order = 1;
		else if (j == found->n)
			order = -1;
		else
			order = strcmp(expected->entries[i].path, found->entries[j].path);
		d.path = order > 0 ? found->entries[j].path : expected->entries[i].path;
		if (order < 0)
			d.what = "missing";
		else if (order > 0)
			d.what = "added";
		else
			d.what = entry_differs(&expected->entries[i], &found->entries[j]);
		i += order <= 0;
		j += order >= 0;
		if (!d.what)
			continue;
		n++;
		differs(data, &d);
	}
	return n;
}
