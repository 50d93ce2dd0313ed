// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <archive.h>
#include <archive_entry.h>

#include "pf-vm-image/closure.h"
#include "pf-vm-image/initrd.h"

struct cpio {
	struct archive *archive;
	int64_t inode;
	struct problem *problem;
};

/* libarchive's own words are only that it couldn't write. */
static int failed(struct cpio *c)
{
	int err = archive_errno(c->archive);

	return problem_set(c->problem, err > 0 ? -err : -EIO, "initrd: %s",
			   err > 0 ? strerror(err) : archive_error_string(c->archive));
}

static int add_header(struct cpio *c, const char *name, mode_t mode, int64_t size)
{
	struct archive_entry *e = archive_entry_new();
	int ret = 0;

	if (!e)
		return -ENOMEM;
	archive_entry_set_pathname(e, name);
	archive_entry_set_mode(e, mode);
	archive_entry_set_size(e, size);
	archive_entry_set_nlink(e, 1);
	archive_entry_set_ino64(e, ++c->inode);
	archive_entry_set_mtime(e, 0, 0);
	if (archive_write_header(c->archive, e) != ARCHIVE_OK)
		ret = failed(c);
	archive_entry_free(e);
	return ret;
}

static int copy_file(struct cpio *c, int fd, int64_t size)
{
	char buf[1 << 16];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		if (archive_write_data(c->archive, buf, n) != n)
			return failed(c);
		size -= n;
	}
	if (n < 0)
		return -errno;
	return size ? -EIO : 0;
}

static int add_file(struct cpio *c, const char *name, mode_t mode, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret;
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) {
		ret = -errno;
	} else {
		ret = add_header(c, name, S_IFREG | mode, st.st_size);
		if (!ret)
			ret = copy_file(c, fd, st.st_size);
	}
	if (fd >= 0)
		close(fd);
	if (ret)
		problem_set(c->problem, ret, "%s: %s", path, strerror(-ret));
	return ret;
}

static int add_all(struct cpio *c, const struct initrd_source *s)
{
	int ret = add_header(c, "modules", S_IFDIR | 0755, 0);

	for (size_t i = 0; !ret && i < s->n_modules; i++) {
		char name[160], module[128], *path;

		closure_module_name(s->modules[i], module, sizeof(module));
		snprintf(name, sizeof(name), "modules/%02zu-%s.ko", i, module);
		if (asprintf(&path, "%s/%s", s->modules_dir, s->modules[i]) < 0)
			return -ENOMEM;
		ret = add_file(c, name, 0444, path);
		free(path);
	}
	if (!ret)
		ret = add_file(c, "init", 0555, s->init);
	return ret;
}

int initrd_write(const struct initrd_source *s, const char *path, struct problem *p)
{
	struct cpio c = { .archive = archive_write_new(), .problem = p };
	int ret = 0;

	if (!c.archive)
		return problem_set(p, -ENOMEM, "%s: no memory", path);
	archive_write_set_format_cpio_newc(c.archive);
	if (archive_write_open_filename(c.archive, path) != ARCHIVE_OK)
		ret = failed(&c);
	if (!ret)
		ret = add_all(&c, s);
	if (archive_write_close(c.archive) != ARCHIVE_OK && !ret)
		ret = failed(&c);
	archive_write_free(c.archive);
	return ret;
}
