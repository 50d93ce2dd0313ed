// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pfkeep/cleanup.h"
#include "pfkeep/pci.h"
#include "pfkeep/token.h"

#define TOKEN_NAME (BDF_TEXT + 16)

void token_wipe(struct token *token)
{
	explicit_bzero(token, sizeof(*token));
}

static const char *file_name(const struct bdf *pf, uint16_t index, char dst[static TOKEN_NAME])
{
	char text[BDF_TEXT];

	snprintf(dst, TOKEN_NAME, "%s-%u", bdf_format(pf, text), index);
	return dst;
}

/* The directory must be ours and closed to others, whoever made it. */
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
	if (st.st_uid != geteuid() || st.st_mode & 077)
		return -EPERM;
	*ret_dir = take_fd(&fd);
	return 0;
}

static int store(int dir, const char *name, const struct token *token)
{
	CLEANUP(cleanup_close) int fd = -1;
	const ssize_t len = UUID_TEXT - 1;
	int ret = 0;

	if (unlinkat(dir, ".new", 0) && errno != ENOENT)
		return -errno;
	fd = openat(dir, ".new", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (write(fd, token->text, (size_t)len) != len)
		ret = -EIO;
	else if (renameat(dir, ".new", dir, name))
		ret = -errno;
	if (ret)
		unlinkat(dir, ".new", 0);
	return ret;
}

static int tell_driver(const struct root *root, const struct bdf *vf, const struct token *token)
{
	char path[PCI_ATTR_PATH];

	return root_write(root, pci_path(vf, "vfio_sriov/vf_token", path), token->text);
}

static int explain(struct problem *problem, int err, const struct bdf *pf, uint16_t index)
{
	char name[BDF_TEXT];

	bdf_format(pf, name);
	if (err == -EPERM)
		return problem_set(problem, err, "/" TOKEN_DIR ": is open to others than root");
	return problem_set(problem, err, "%s/%u: its token: %s", name, index, strerror(-err));
}

int token_renew(const struct root *root, const struct bdf *pf, uint16_t index, const struct bdf *vf,
		struct problem *problem)
{
	CLEANUP(cleanup_close) int dir = -1;
	TOKEN_AUTO struct token token = { "" };
	char name[TOKEN_NAME];
	int ret;

	ret = open_dir(root, &dir);
	if (!ret)
		ret = uuid_random(token.text);
	if (!ret)
		ret = store(dir, file_name(pf, index, name), &token);
	if (!ret)
		ret = tell_driver(root, vf, &token);
	return ret ? explain(problem, ret, pf, index) : 0;
}

int token_read(const struct root *root, const struct bdf *pf, uint16_t index,
	       struct token *ret_token, struct problem *problem)
{
	CLEANUP(cleanup_close) int dir = -1;
	CLEANUP(cleanup_close) int fd = -1;
	TOKEN_AUTO struct token token = { "" };
	char name[TOKEN_NAME];
	int ret;

	ret = open_dir(root, &dir);
	if (ret)
		return explain(problem, ret, pf, index);
	fd = openat(dir, file_name(pf, index, name), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return explain(problem, -errno, pf, index);
	if (read(fd, token.text, UUID_TEXT) != UUID_TEXT - 1 ||
	    uuid_parse(token.text, ret_token->text))
		return explain(problem, -EBADMSG, pf, index);
	return 0;
}

int token_forget(const struct root *root, const struct bdf *pf, uint16_t index)
{
	CLEANUP(cleanup_close) int dir = -1;
	char name[TOKEN_NAME];
	int ret;

	ret = open_dir(root, &dir);
	if (ret)
		return ret;
	if (unlinkat(dir, file_name(pf, index, name), 0) && errno != ENOENT)
		return -errno;
	return 0;
}
