// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <archive.h>
#include <archive_entry.h>
#include <libkmod.h>

#include "pf-vm-image/debian.h"
#include "pf-vm-image/files.h"
#include "pf-vm-image/run.h"
#include "pf-vm-image/scratch.h"
#include "pf-vm-image/vendor.h"

static int check_vermagic(struct kmod_module *mod, const char *name, const char *kernel,
			  struct problem *p)
{
	struct kmod_list *info = NULL, *at;
	size_t len = strlen(kernel);
	const char *magic = NULL;
	int ret = 0;

	if (kmod_module_get_info(mod, &info) < 0)
		return problem_set(p, -EINVAL, "%s: no kernel module", name);
	kmod_list_foreach(at, info) if (!strcmp(kmod_module_info_get_key(at), "vermagic")) magic =
		kmod_module_info_get_value(at);
	if (!magic)
		ret = problem_set(p, -EINVAL, "%s: no kernel module: it names no kernel", name);
	else if (strncmp(magic, kernel, len) || (magic[len] && magic[len] != ' '))
		ret = problem_set(p, -EINVAL, "%s: built for kernel %.*s, the image has %s", name,
				  (int)strcspn(magic, " "), magic, kernel);
	kmod_module_info_free_list(info);
	return ret;
}

int vendor_check_module(const char *path, const char *name, const char *kernel, struct problem *p)
{
	const char *no_config = NULL;
	struct kmod_ctx *ctx = kmod_new("/nonexistent", &no_config);
	struct kmod_module *mod = NULL;
	int ret;

	if (!ctx)
		return problem_set(p, -ENOMEM, "%s: no memory", name);
	kmod_set_log_fn(ctx, NULL, NULL);
	ret = kmod_module_new_from_path(ctx, path, &mod);
	if (ret < 0)
		ret = problem_set(p, ret, "%s: no kernel module: %s", name, strerror(-ret));
	else
		ret = check_vermagic(mod, name, kernel, p);
	if (mod)
		kmod_module_unref(mod);
	kmod_unref(ctx);
	return ret;
}

/* One package on its way into the image. */
struct convert {
	const struct vendor_deb *v;
	struct archive *in, *out;
	size_t modules;
	bool dkms;
	struct problem *problem;
};

/* "./lib/modules/x" is "usr/lib/modules/x"; NULL for a name that climbs. */
static char *merged_path(const char *name)
{
	static const char *const merged[] = { "bin", "lib", "lib64", "sbin" };
	char *path = NULL;

	while (name[0] == '/' || !strncmp(name, "./", 2))
		name += name[0] == '/' ? 1 : 2;
	if (!strcmp(name, "..") || !strncmp(name, "../", 3) || strstr(name, "/../"))
		return NULL;
	if (strlen(name) >= 3 && !strcmp(name + strlen(name) - 3, "/.."))
		return NULL;
	for (size_t i = 0; i < sizeof(merged) / sizeof(merged[0]); i++) {
		size_t len = strlen(merged[i]);

		if (!strncmp(name, merged[i], len) && (name[len] == '/' || !name[len]))
			return asprintf(&path, "usr/%s", name) < 0 ? NULL : path;
	}
	return strdup(name);
}

static bool is_module(const char *path)
{
	const char *end = strstr(path, ".ko");

	return end && !strchr(end, '/') && (!end[3] || end[3] == '.');
}

/* libarchive's own words are only that it couldn't write. */
static int write_error(struct archive *out)
{
	return archive_errno(out) > 0 ? -archive_errno(out) : -EIO;
}

/* To the new tar, and to fd unless it is negative. */
static int copy_data(struct convert *c, int fd)
{
	char buf[1 << 16];
	la_ssize_t n;
	int ret = 0;

	while (!ret && (n = archive_read_data(c->in, buf, sizeof(buf))) > 0) {
		if (archive_write_data(c->out, buf, (size_t)n) != n)
			ret = write_error(c->out);
		else if (fd >= 0)
			ret = files_append(fd, buf, (size_t)n);
	}
	return ret ?: n < 0 ? -EIO : 0;
}

static int copy_module(struct convert *c, const char *path)
{
	char copy[PATH_MAX], *name;
	int fd, ret;

	ret = scratch_path(c->v->work_dir, strrchr(path, '/') + 1, copy);
	if (ret)
		return ret;
	fd = open(copy, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	ret = copy_data(c, fd);
	close(fd);
	if (!ret && asprintf(&name, "%s: /%s", c->v->deb, path) < 0)
		ret = -ENOMEM;
	if (!ret) {
		ret = vendor_check_module(copy, name, c->v->kernel, c->problem);
		free(name);
	}
	unlink(copy);
	c->modules++;
	return ret;
}

static void clean_entry(struct convert *c, struct archive_entry *e)
{
	archive_entry_set_perm(e, archive_entry_perm(e) & 0777);
	archive_entry_set_mtime(e, c->v->epoch, 0);
	archive_entry_unset_atime(e);
	archive_entry_unset_ctime(e);
	archive_entry_set_uname(e, "root");
	archive_entry_set_gname(e, "root");
	archive_entry_set_uid(e, 0);
	archive_entry_set_gid(e, 0);
}

/* Devices have no business in a driver's package. */
static bool is_allowed(struct archive_entry *e)
{
	mode_t type = archive_entry_filetype(e);

	return archive_entry_hardlink(e) || type == AE_IFREG || type == AE_IFDIR ||
	       type == AE_IFLNK;
}

static int convert_entry(struct convert *c, struct archive_entry *e)
{
	const char *name = archive_entry_pathname(e), *link = archive_entry_hardlink(e);
	char *path = name ? merged_path(name) : NULL, *first = link ? merged_path(link) : NULL;
	int ret = 0;

	if (!path || (link && !first) || !is_allowed(e)) {
		ret = problem_set(c->problem, -EINVAL, "%s: '%s' doesn't belong into an image",
				  c->v->deb, name ? name : "(no name)");
	} else if (path[0]) {
		archive_entry_set_pathname(e, path);
		if (first)
			archive_entry_set_hardlink(e, first);
		clean_entry(c, e);
		c->dkms |= !!strstr(path, "/dkms.conf");
		if (archive_write_header(c->out, e) != ARCHIVE_OK)
			ret = write_error(c->out);
		else if (!link && archive_entry_filetype(e) == AE_IFREG && is_module(path) &&
			 strchr(path, '/'))
			ret = copy_module(c, path);
		else
			ret = copy_data(c, -1);
	}
	free(path);
	free(first);
	return ret;
}

static int convert_all(struct convert *c)
{
	struct archive_entry *e;
	int ret = 0, r;

	while (!ret && (r = archive_read_next_header(c->in, &e)) != ARCHIVE_EOF)
		ret = r < ARCHIVE_WARN ? -EINVAL : convert_entry(c, e);
	if (ret)
		return problem_set(c->problem, ret, "%s: can't be converted: %s", c->v->deb,
				   archive_error_string(c->in) ?: strerror(-ret));
	if (!c->modules && c->dkms) {
		problem_hint(c->problem,
			     "build the module with DKMS on a machine with kernel %s and "
			     "give the .ko file",
			     c->v->kernel);
		return problem_set(c->problem, -EINVAL, "%s: holds a module's source, none built",
				   c->v->deb);
	}
	if (!c->modules)
		return problem_set(c->problem, -EINVAL, "%s: holds no kernel module", c->v->deb);
	return 0;
}

static int convert_tar(struct convert *c, const char *from, const char *to)
{
	int ret = -EIO;

	c->in = archive_read_new();
	c->out = archive_write_new();
	if (c->in && c->out) {
		archive_read_support_format_tar(c->in);
		archive_write_set_format_pax_restricted(c->out);
		if (archive_read_open_filename(c->in, from, 1 << 16) == ARCHIVE_OK &&
		    archive_write_open_filename(c->out, to) == ARCHIVE_OK)
			ret = convert_all(c);
		if (archive_write_close(c->out) != ARCHIVE_OK && !ret)
			ret = write_error(c->out);
	}
	archive_read_free(c->in);
	archive_write_free(c->out);
	return ret ? problem_set(c->problem, ret, "%s: %s", c->v->deb, strerror(-ret)) : 0;
}

static int read_fields(const struct vendor_deb *v, char *fields, size_t size, struct problem *p)
{
	const char *const argv[] = { "dpkg-deb", "--field", v->deb, NULL };
	struct run_how how = { .log = v->log, .out = fields, .size = size };
	const char *arch;
	int ret = run_program(argv, &how, p);

	if (ret)
		return ret;
	arch = strstr(fields, "Architecture: ");
	arch = arch ? arch + strlen("Architecture: ") : "(none)";
	if (strncmp(arch, "all\n", 4) &&
	    (strncmp(arch, debian_architecture(), strlen(debian_architecture())) ||
	     arch[strlen(debian_architecture())] != '\n'))
		return problem_set(p, -EINVAL, "%s: is for %.*s, the image is for %s", v->deb,
				   (int)strcspn(arch, "\n"), arch, debian_architecture());
	return 0;
}

/* A package that ends in the middle: dpkg-deb's words don't name it. */
static int unpack(const struct vendor_deb *v, const char *plain, struct problem *p)
{
	const char *const argv[] = { "dpkg-deb", "--fsys-tarfile", v->deb, NULL };
	struct run_how how = { .log = v->log, .out_file = plain };
	struct problem why = { .text = "" };
	int ret = run_program(argv, &how, &why);

	return ret ? problem_set(p, ret, "%s: %s", v->deb, why.text) : 0;
}

int vendor_convert_deb(const struct vendor_deb *v, const char *tar, char **ret_status,
		       struct problem *p)
{
	struct convert c = { .v = v, .problem = p };
	char plain[PATH_MAX], fields[16384];
	int ret = scratch_path(v->work_dir, "vendor.tar", plain);

	ret = ret ?: read_fields(v, fields, sizeof(fields), p) ?: unpack(v, plain, p);
	if (!ret)
		ret = convert_tar(&c, plain, tar);
	unlink(plain);
	if (!ret && asprintf(ret_status, "\nStatus: install ok installed\n%s", fields) < 0)
		ret = -ENOMEM;
	return ret;
}
