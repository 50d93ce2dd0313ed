// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pfkeep/cleanup.h"
#include "pfkeep/pci.h"
#include "pfkeep/token.h"

#define NEW	   ".new"
#define QEMU	   ".qemu"
#define TOKEN_NAME (UUID_TEXT + sizeof(QEMU))

void token_wipe(struct token *token)
{
	explicit_bzero(token, sizeof(*token));
}

const char *token_qemu_path(const char *uuid, char dst[static TOKEN_PATH])
{
	snprintf(dst, TOKEN_PATH, "/" TOKEN_DIR "/%.36s" QEMU, uuid);
	return dst;
}

static const char *qemu_name(const char *uuid, char dst[static TOKEN_NAME])
{
	snprintf(dst, TOKEN_NAME, "%.36s" QEMU, uuid);
	return dst;
}

/* Others may pass through it, to a file whose name they know, and no more. */
static int open_dir(const struct root *root, int *ret_dir)
{
	CLEANUP(cleanup_close) int fd = -1;
	struct stat st;
	int ret;

	ret = root_openat(root, TOKEN_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, &fd);
	if (ret)
		return ret;
	if (fstat(fd, &st))
		return -errno;
	if (st.st_uid != geteuid() || st.st_mode & 066)
		return -EPERM;
	*ret_dir = take_fd(&fd);
	return 0;
}

int token_prepare(const struct root *root, bool *ret_new, struct problem *problem)
{
	static const char *const dirs[] = { "run", "run/pfkeep", TOKEN_DIR };

	for (int i = 0; i < 3; i++) {
		*ret_new = !mkdirat(root->fd, dirs[i], 0711);
		if (!*ret_new && errno != EEXIST)
			return problem_set(problem, -errno, "/%s: %s", dirs[i], strerror(errno));
	}
	/* Whatever the umask made of it. */
	if (fchmodat(root->fd, TOKEN_DIR, 0711, 0))
		return problem_set(problem, -errno, "/" TOKEN_DIR ": %s", strerror(errno));
	return 0;
}

static int fill(int fd, uid_t user, const struct token *token)
{
	const ssize_t len = UUID_TEXT - 1;

	/* The content comes last: nobody sees it under another owner. */
	if (user != geteuid() && fchown(fd, user, (gid_t)-1))
		return -errno;
	return write(fd, token->text, (size_t)len) == len ? 0 : -EIO;
}

static int store(int dir, const char *name, uid_t user, const struct token *token)
{
	CLEANUP(cleanup_close) int fd = -1;
	int ret;

	if (unlinkat(dir, NEW, 0) && errno != ENOENT)
		return -errno;
	fd = openat(dir, NEW, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0400);
	if (fd < 0)
		return -errno;
	ret = fill(fd, user, token);
	if (!ret && renameat(dir, NEW, dir, name))
		ret = -errno;
	if (ret)
		unlinkat(dir, NEW, 0);
	return ret;
}

static int load(int dir, const char *name, struct token *ret_token)
{
	CLEANUP(cleanup_close) int fd = -1;
	char text[UUID_TEXT] = "";
	int ret = 0;

	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (read(fd, text, UUID_TEXT) != UUID_TEXT - 1 || uuid_parse(text, ret_token->text))
		ret = -EBADMSG;
	explicit_bzero(text, sizeof(text));
	return ret;
}

static int explain(struct problem *problem, int err, const char *uuid)
{
	if (err == -EPERM)
		return problem_set(problem, err, "/" TOKEN_DIR ": is open to others than root");
	return problem_set(problem, err, "domain %.36s: its token: %s", uuid, strerror(-err));
}

int token_show(const struct root *root, const char *uuid, bool renew, uid_t user,
	       struct token *ret_token, struct problem *problem)
{
	CLEANUP(cleanup_close) int dir = -1;
	TOKEN_AUTO struct token token = { "" };
	char name[TOKEN_NAME];
	int ret;

	ret = open_dir(root, &dir);
	if (ret)
		return explain(problem, ret, uuid);
	ret = renew ? -ENOENT : load(dir, uuid, &token);
	if (ret == -ENOENT) {
		ret = uuid_random(token.text);
		if (!ret)
			ret = store(dir, uuid, geteuid(), &token);
	}
	if (!ret)
		ret = store(dir, qemu_name(uuid, name), user, &token);
	if (!ret && ret_token)
		*ret_token = token;
	return ret ? explain(problem, ret, uuid) : 0;
}

int token_read(const struct root *root, const char *uuid, struct token *ret_token,
	       struct problem *problem)
{
	CLEANUP(cleanup_close) int dir = -1;
	int ret;

	ret = open_dir(root, &dir);
	if (!ret)
		ret = load(dir, uuid, ret_token);
	return ret ? explain(problem, ret, uuid) : 0;
}

static int drop(const struct root *root, const char *name)
{
	CLEANUP(cleanup_close) int dir = -1;
	int ret;

	ret = open_dir(root, &dir);
	if (ret)
		return ret;
	return unlinkat(dir, name, 0) && errno != ENOENT ? -errno : 0;
}

int token_keep_shown(const struct root *root, const char *uuid, int *ret_keep,
		     struct problem *problem)
{
	CLEANUP(cleanup_close) int dir = -1;
	CLEANUP(cleanup_close) int fd = -1;
	char name[TOKEN_NAME];
	int ret = open_dir(root, &dir);

	if (ret)
		return explain(problem, ret, uuid);
	fd = openat(dir, qemu_name(uuid, name), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_SH | LOCK_NB))
		return explain(problem, -errno, uuid);
	*ret_keep = take_fd(&fd);
	return 0;
}

/* Who keeps it shown hides it. */
static bool is_kept(const struct root *root, const char *name)
{
	CLEANUP(cleanup_close) int dir = -1;
	CLEANUP(cleanup_close) int fd = -1;

	if (open_dir(root, &dir))
		return false;
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK;
}

int token_hide(const struct root *root, const char *uuid)
{
	char name[TOKEN_NAME];

	qemu_name(uuid, name);
	return is_kept(root, name) ? 0 : drop(root, name);
}

int token_forget(const struct root *root, const char *uuid)
{
	int ret = token_hide(root, uuid);

	return ret ? ret : drop(root, uuid);
}

/* The name is a UUID's file for QEMU. */
static bool is_shown(const char *name, char ret_uuid[static UUID_TEXT])
{
	char text[UUID_TEXT];

	if (strlen(name) != UUID_TEXT - 1 + strlen(QEMU) || strcmp(name + UUID_TEXT - 1, QEMU))
		return false;
	snprintf(text, sizeof(text), "%.36s", name);
	return !uuid_parse(text, ret_uuid);
}

int token_list_shown(const struct root *root, char (**ret_uuids)[UUID_TEXT], size_t *ret_n)
{
	char(*uuids)[UUID_TEXT] = NULL, uuid[UUID_TEXT];
	const struct dirent *entry;
	size_t n = 0;
	DIR *dir;
	int ret;

	ret = root_opendir(root, TOKEN_DIR, &dir);
	if (ret)
		return ret;
	while (!ret && (entry = readdir(dir))) {
		void *more;

		if (!is_shown(entry->d_name, uuid))
			continue;
		more = reallocarray(uuids, n + 1, UUID_TEXT);
		ret = more ? 0 : -ENOMEM;
		if (more) {
			uuids = more;
			memcpy(uuids[n++], uuid, UUID_TEXT);
		}
	}
	closedir(dir);
	if (ret) {
		free(uuids);
		return ret;
	}
	*ret_uuids = uuids;
	*ret_n = n;
	return 0;
}

int token_set(const struct root *root, const struct bdf *vf, const struct token *token,
	      struct problem *problem)
{
	char path[PCI_ATTR_PATH], name[BDF_TEXT];
	int ret;

	ret = root_write(root, pci_path(vf, "vfio_sriov/vf_token", path), token->text);
	return ret ? problem_set(problem, ret, "VF %s: its driver doesn't take a token: %s",
				 bdf_format(vf, name), strerror(-ret))
		   : 0;
}
