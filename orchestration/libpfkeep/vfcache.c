// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pfkeep/cleanup.h"
#include "pfkeep/vfcache.h"

#define MARKS 256 /* more than these, and all is read again */

struct entry {
	struct pci_pf pf;
	char *lines; /* NULL: to be written anew */
	size_t len;
};

struct mark {
	struct bdf bdf;
	bool owner; /* of a PF's VF; else a function of the host */
};

struct marks {
	struct mark list[MARKS];
	size_t n;
	bool all;
};

struct vfcache {
	const struct root *root;
	void (*catch_up)(void *data, struct vfcache *cache);
	void *data;
	pthread_mutex_t lock;  /* protects entries and sheet */
	struct entry *entries; /* by BDF */
	size_t n;
	int sheet;		 /* all lines in a memory file; -1: none */
	pthread_mutex_t marking; /* protects marks; nothing is called with it held */
	struct marks marks;
};

int vfcache_new(const struct root *root, void (*catch_up)(void *data, struct vfcache *cache),
		void *data, struct vfcache **ret_cache)
{
	struct vfcache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return -ENOMEM;
	*cache = (struct vfcache){ .root = root, .catch_up = catch_up, .data = data, .sheet = -1 };
	cache->marks.all = true;
	pthread_mutex_init(&cache->lock, NULL);
	pthread_mutex_init(&cache->marking, NULL);
	*ret_cache = cache;
	return 0;
}

static void drop_sheet(struct vfcache *cache)
{
	if (cache->sheet >= 0)
		close(cache->sheet);
	cache->sheet = -1;
}

static void drop_lines(struct vfcache *cache, struct entry *entry)
{
	free(entry->lines);
	entry->lines = NULL;
	drop_sheet(cache);
}

static void drop_entries(struct vfcache *cache)
{
	for (size_t i = 0; i < cache->n; i++) {
		drop_lines(cache, &cache->entries[i]);
		pci_pf_release(&cache->entries[i].pf);
	}
	free(cache->entries);
	cache->entries = NULL;
	cache->n = 0;
	drop_sheet(cache);
}

void vfcache_free(struct vfcache *cache)
{
	if (!cache)
		return;
	drop_entries(cache);
	pthread_mutex_destroy(&cache->marking);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}

static bool same_mark(const struct mark *a, const struct mark *b)
{
	return bdf_equal(&a->bdf, &b->bdf) && a->owner == b->owner;
}

static void mark(struct vfcache *cache, const struct mark *new)
{
	struct marks *marks = &cache->marks;

	pthread_mutex_lock(&cache->marking);
	/* An operation marks the same PF again and again. */
	if (!marks->n || !same_mark(&marks->list[marks->n - 1], new)) {
		if (marks->n < MARKS)
			marks->list[marks->n++] = *new;
		else
			marks->all = true;
	}
	pthread_mutex_unlock(&cache->marking);
}

static void touch(struct vfcache *cache, const struct bdf *bdf, bool owner)
{
	mark(cache, &(struct mark){ *bdf, owner });
}

void vfcache_touch(struct vfcache *cache, const struct bdf *function)
{
	touch(cache, function, false);
}

void vfcache_touch_owner(struct vfcache *cache, const struct bdf *pf)
{
	touch(cache, pf, true);
}

void vfcache_touch_all(struct vfcache *cache)
{
	pthread_mutex_lock(&cache->marking);
	cache->marks.all = true;
	pthread_mutex_unlock(&cache->marking);
}

static int compare(const void *a, const void *b)
{
	return bdf_compare(&((const struct entry *)a)->pf.fn.bdf,
			   &((const struct entry *)b)->pf.fn.bdf);
}

static struct entry *find(struct vfcache *cache, const struct bdf *pf)
{
	const struct entry key = { .pf = { .fn = { .bdf = *pf } } };

	return cache->n ? bsearch(&key, cache->entries, cache->n, sizeof(key), compare) : NULL;
}

static struct entry *find_by_vf(struct vfcache *cache, const struct bdf *vf)
{
	for (size_t i = 0; i < cache->n; i++)
		for (size_t v = 0; v < cache->entries[i].pf.n_vfs; v++)
			if (bdf_equal(&cache->entries[i].pf.vfs[v].fn.bdf, vf))
				return &cache->entries[i];
	return NULL;
}

static int read_all(struct vfcache *cache, struct problem *problem)
{
	struct pci_inventory inventory;
	int ret;

	drop_entries(cache);
	ret = pci_read_all(cache->root, &inventory, problem);
	if (ret)
		return ret;
	cache->entries = calloc(inventory.n_pfs + 1, sizeof(*cache->entries));
	if (!cache->entries) {
		pci_inventory_release(&inventory);
		return -ENOMEM;
	}
	for (; cache->n < inventory.n_pfs; cache->n++)
		cache->entries[cache->n].pf = inventory.pfs[cache->n];
	free(inventory.pfs);
	return 0;
}

static int insert(struct vfcache *cache, const struct pci_pf *pf)
{
	struct entry *entries = reallocarray(cache->entries, cache->n + 1, sizeof(*cache->entries));

	if (!entries)
		return -ENOMEM;
	cache->entries = entries;
	cache->entries[cache->n++] = (struct entry){ .pf = *pf };
	qsort(cache->entries, cache->n, sizeof(*cache->entries), compare);
	drop_sheet(cache);
	return 0;
}

static void remove_entry(struct vfcache *cache, struct entry *entry)
{
	drop_lines(cache, entry);
	pci_pf_release(&entry->pf);
	*entry = cache->entries[--cache->n];
	qsort(cache->entries, cache->n, sizeof(*cache->entries), compare);
}

/* Whether it was here before or is no more. */
static int read_pf(struct vfcache *cache, const struct bdf *bdf, struct problem *problem)
{
	struct entry *entry = find(cache, bdf);
	struct pci_pf pf;
	int ret;

	ret = pci_read_pf(cache->root, bdf, &pf, problem);
	if (ret == -ENODEV || ret == -ENOTSUP) {
		if (entry)
			remove_entry(cache, entry);
		return 0;
	}
	if (ret)
		return ret;
	if (!entry) {
		ret = insert(cache, &pf);
		if (ret)
			pci_pf_release(&pf);
		return ret;
	}
	drop_lines(cache, entry);
	pci_pf_release(&entry->pf);
	entry->pf = pf;
	return 0;
}

/* A VF that is there knows its PF, one that is gone is known here; else it is a PF or nothing. */
static int read_function(struct vfcache *cache, const struct bdf *bdf, struct problem *problem)
{
	char path[PCI_ATTR_PATH], name[PCI_NAME];
	const struct entry *entry;
	struct bdf pf = *bdf;

	if (!root_link(cache->root, pci_path(bdf, "physfn", path), name, sizeof(name)))
		return bdf_parse(name, &pf) ? -EBADMSG : read_pf(cache, &pf, problem);
	entry = find(cache, bdf) ? NULL : find_by_vf(cache, bdf);
	if (entry)
		pf = entry->pf.fn.bdf;
	return read_pf(cache, &pf, problem);
}

static int heed(struct vfcache *cache, const struct mark *mark, struct problem *problem)
{
	struct entry *entry;

	if (!mark->owner)
		return read_function(cache, &mark->bdf, problem);
	entry = find(cache, &mark->bdf);
	if (entry)
		drop_lines(cache, entry);
	return 0;
}

/* A bind is told as several changes of one function: it is read once. */
static bool seen(const struct marks *marks, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (same_mark(&marks->list[k], &marks->list[i]))
			return true;
	return false;
}

static int refresh(struct vfcache *cache, struct problem *problem)
{
	struct marks marks;
	int ret = 0;

	if (cache->catch_up)
		cache->catch_up(cache->data, cache);
	else
		vfcache_touch_all(cache);
	pthread_mutex_lock(&cache->marking);
	marks = cache->marks;
	cache->marks.n = 0;
	cache->marks.all = false;
	pthread_mutex_unlock(&cache->marking);
	if (marks.all)
		ret = read_all(cache, problem);
	for (size_t i = 0; i < marks.n && !marks.all && !ret; i++)
		if (!seen(&marks, i))
			ret = heed(cache, &marks.list[i], problem);
	/* What was marked isn't known any more. */
	if (ret)
		vfcache_touch_all(cache);
	return ret;
}

static int write_lines(struct entry *entry, const struct vftable_owners *owners)
{
	FILE *out;

	if (entry->lines)
		return 0;
	out = open_memstream(&entry->lines, &entry->len);
	if (!out)
		return -ENOMEM;
	vftable_lines(out, &entry->pf, owners);
	return fclose(out) ? -ENOMEM : 0;
}

static int print_lines(FILE *out, struct entry *entries, size_t n,
		       const struct vftable_owners *owners)
{
	int ret = 0;

	vftable_head(out);
	for (size_t i = 0; i < n && !ret; i++) {
		ret = write_lines(&entries[i], owners);
		if (!ret)
			fwrite(entries[i].lines, 1, entries[i].len, out);
	}
	return ret;
}

static int print_json(FILE *out, const struct entry *entries, size_t n,
		      const struct vftable_owners *owners)
{
	size_t count = 0;
	int ret = 0;

	fputc('[', out);
	for (size_t i = 0; i < n && !ret; i++)
		ret = vftable_json(out, &entries[i].pf, owners, &count);
	fputs("\n]\n", out);
	return ret;
}

static int make_sheet(struct entry *entries, size_t n, enum vfcache_form form,
		      const struct vftable_owners *owners, int *ret_fd)
{
	CLEANUP(cleanup_close) int fd = memfd_create("pfkeep-vfs", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	FILE *out;
	int ret, copy;

	if (fd < 0)
		return -errno;
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (copy < 0)
		return -errno;
	out = fdopen(copy, "w");
	if (!out) {
		ret = -errno;
		close(copy); /* cppcheck-suppress doubleFree ; fdopen() took it only if it succeeded */
		return ret;
	}
	ret = form == VFCACHE_JSON ? print_json(out, entries, n, owners)
				   : print_lines(out, entries, n, owners);
	if (fclose(out) && !ret)
		ret = -errno;
	if (!ret &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL))
		ret = -errno;
	if (!ret)
		*ret_fd = take_fd(&fd);
	return ret;
}

/* All lines are made once for all who ask. */
static int share_sheet(struct vfcache *cache, const struct vftable_owners *owners, int *ret_fd)
{
	int ret = 0;

	if (cache->sheet < 0)
		ret = make_sheet(cache->entries, cache->n, VFCACHE_LINES, owners, &cache->sheet);
	if (ret)
		return ret;
	*ret_fd = fcntl(cache->sheet, F_DUPFD_CLOEXEC, 0);
	return *ret_fd < 0 ? -errno : 0;
}

static int open_one(struct vfcache *cache, const struct bdf *only, enum vfcache_form form,
		    const struct vftable_owners *owners, int *ret_fd, struct problem *problem)
{
	struct entry *entry = find(cache, only);
	struct pci_pf pf;
	int ret;

	if (entry)
		return make_sheet(entry, 1, form, owners, ret_fd);
	/* What it is instead of a PF that was found. */
	ret = pci_read_pf(cache->root, only, &pf, problem);
	if (ret)
		return ret;
	pci_pf_release(&pf);
	return problem_set(problem, -EAGAIN, "it has come only now, ask again");
}

int vfcache_open(struct vfcache *cache, const struct bdf *only, enum vfcache_form form,
		 const struct vftable_owners *owners, int *ret_fd, struct problem *problem)
{
	struct problem why = { "" };
	int ret;

	pthread_mutex_lock(&cache->lock);
	ret = refresh(cache, &why);
	if (!ret && only)
		ret = open_one(cache, only, form, owners, ret_fd, &why);
	else if (!ret && form == VFCACHE_LINES)
		ret = share_sheet(cache, owners, ret_fd);
	else if (!ret)
		ret = make_sheet(cache->entries, cache->n, form, owners, ret_fd);
	pthread_mutex_unlock(&cache->lock);
	if (ret)
		problem_set(problem, ret, "%s", *why.text ? why.text : strerror(-ret));
	return ret;
}
