// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <archive.h>
#include <archive_entry.h>

#include "pf-vm-image/tree.h"

#define WANT_MAX    (16u << 20)
#define ENTRIES_MAX 1000000

static void entry_free(struct tree_entry *e)
{
	free(e->path);
	free(e->target);
	*e = (struct tree_entry){ 0 };
}

void tree_free(struct tree *t)
{
	for (size_t i = 0; i < t->n; i++)
		entry_free(&t->entries[i]);
	free(t->entries);
	*t = (struct tree){ 0 };
}

int tree_add(struct tree *t, struct tree_entry *e)
{
	struct tree_entry *grown = t->entries;

	/* Room is doubled whenever the number is a power of two. */
	if (!(t->n & (t->n - 1)))
		grown = reallocarray(t->entries, t->n ? t->n * 2 : 1, sizeof(*grown));
	if (!grown || !e->path || t->n >= ENTRIES_MAX) {
		entry_free(e);
		if (grown)
			t->entries = grown;
		return -ENOMEM;
	}
	t->entries = grown;
	t->entries[t->n++] = *e;
	*e = (struct tree_entry){ 0 };
	return 0;
}

static int by_path(const void *a, const void *b)
{
	const struct tree_entry *x = a, *y = b;

	return strcmp(x->path, y->path);
}

void tree_sort(struct tree *t)
{
	if (t->n)
		qsort(t->entries, t->n, sizeof(t->entries[0]), by_path);
}

const struct tree_entry *tree_find(const struct tree *t, const char *path)
{
	struct tree_entry key = { .path = (char *)path };

	if (!t->n)
		return NULL;
	return bsearch(&key, t->entries, t->n, sizeof(key), by_path);
}

uint64_t tree_bytes(const struct tree *t)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < t->n; i++)
		sum += t->entries[i].size;
	return sum;
}

/* "./usr/bin/" is "/usr/bin"; NULL for a name that climbs or is too long. */
static char *clean_path(const char *name)
{
	char out[PATH_MAX], *at = out;
	size_t len;

	for (; *name; name += len) {
		name += strspn(name, "/");
		len = strcspn(name, "/");
		if (!len || (len == 1 && name[0] == '.'))
			continue;
		if (len == 2 && !strncmp(name, "..", 2))
			return NULL;
		if (at + len + 2 > out + sizeof(out))
			return NULL;
		*at++ = '/';
		memcpy(at, name, len);
		at += len;
	}
	*at = '\0';
	return strdup(at == out ? "/" : out);
}

static char type_letter(mode_t filetype)
{
	switch (filetype) {
	case AE_IFREG:
		return 'f';
	case AE_IFDIR:
		return 'd';
	case AE_IFLNK:
		return 'l';
	case AE_IFCHR:
		return 'c';
	case AE_IFBLK:
		return 'b';
	case AE_IFIFO:
		return 'p';
	default:
		return '?';
	}
}

static struct tree_want *wanted(struct tree_want *wants, size_t n, const char *path)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(wants[i].path, path))
			return &wants[i];
	return NULL;
}

static int keep(struct tree_want *w, const void *data, size_t len)
{
	char *grown;

	if (w->size + len > WANT_MAX)
		return -EFBIG;
	grown = realloc(w->data, w->size + len + 1);
	if (!grown)
		return -ENOMEM;
	memcpy(grown + w->size, data, len);
	grown[w->size + len] = '\0';
	w->data = grown;
	w->size += len;
	return 0;
}

static int read_content(struct archive *a, struct tree_want *w, struct tree_entry *e)
{
	struct hash *h = hash_new();
	char buf[1 << 16];
	la_ssize_t n;
	int ret = w ? keep(w, "", 0) : 0;

	while ((n = archive_read_data(a, buf, sizeof(buf))) > 0) {
		hash_add(h, buf, n);
		if (w && !ret)
			ret = keep(w, buf, n);
	}
	hash_end(h, e->sha256);
	return n < 0 ? -EIO : ret;
}

/* A second name of a file that came before. */
static int copy_hardlink(const struct tree *t, const char *name, struct tree_entry *e)
{
	char *first = clean_path(name);
	int ret = -ENOENT;

	for (size_t i = 0; first && i < t->n; i++) {
		if (strcmp(t->entries[i].path, first))
			continue;
		e->type = 'f';
		e->size = t->entries[i].size;
		memcpy(e->sha256, t->entries[i].sha256, sizeof(e->sha256));
		ret = 0;
	}
	free(first);
	return ret;
}

static int read_entry(struct archive *a, struct archive_entry *ae, struct tree_want *wants,
		      size_t n_wants, struct tree *t, struct problem *p)
{
	const char *name = archive_entry_pathname(ae);
	struct tree_entry e = { .path = name ? clean_path(name) : NULL };
	int ret = 0;

	if (!e.path)
		return problem_set(p, -EINVAL,
				   "archive: the name '%s' leaves the tree or is too long",
				   name ? name : "(none)");
	e.type = type_letter(archive_entry_filetype(ae));
	e.mode = archive_entry_perm(ae);
	e.uid = archive_entry_uid(ae);
	e.gid = archive_entry_gid(ae);
	if (archive_entry_hardlink(ae)) {
		ret = copy_hardlink(t, archive_entry_hardlink(ae), &e);
	} else if (e.type == 'f') {
		e.size = archive_entry_size(ae);
		ret = read_content(a, wanted(wants, n_wants, e.path), &e);
	} else if (e.type == 'l') {
		e.target = strdup(archive_entry_symlink(ae) ?: "");
	} else if (e.type == 'c' || e.type == 'b') {
		e.major = archive_entry_rdevmajor(ae);
		e.minor = archive_entry_rdevminor(ae);
	} else if (e.type == '?') {
		ret = -EINVAL;
	}
	if (ret)
		problem_set(p, ret, "archive: '%s' can't be read: %s", e.path, strerror(-ret));
	if (ret)
		entry_free(&e);
	else
		ret = tree_add(t, &e);
	return ret;
}

int tree_read_tar(int fd, struct tree_want *wants, size_t n_wants, struct tree *ret_tree,
		  struct problem *p)
{
	struct archive *a = archive_read_new();
	struct tree t = { 0 };
	struct archive_entry *ae;
	int ret = 0, r;

	if (!a)
		return problem_set(p, -ENOMEM, "archive: no memory");
	archive_read_support_format_tar(a);
	archive_read_support_filter_all(a);
	if (archive_read_open_fd(a, fd, 1 << 16) != ARCHIVE_OK)
		ret = problem_set(p, -EINVAL, "archive: no tar archive: %s",
				  archive_error_string(a));
	while (!ret && (r = archive_read_next_header(a, &ae)) != ARCHIVE_EOF) {
		if (r < ARCHIVE_WARN)
			ret = problem_set(p, -EINVAL, "archive: damaged: %s",
					  archive_error_string(a));
		else
			ret = read_entry(a, ae, wants, n_wants, &t, p);
	}
	archive_read_free(a);
	if (ret) {
		tree_free(&t);
		return ret;
	}
	tree_sort(&t);
	*ret_tree = t;
	return 0;
}
