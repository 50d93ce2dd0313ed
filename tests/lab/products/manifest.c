// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lab/products/hash.h"
#include "tests/lab/products/manifest.h"

#define MANIFEST_HEAD "pfkeep-manifest 1\n"
#define NO_HASH	      "-"

/* One line: type, hash, size, time of change, path. */
struct item {
	char type; /* f file, l symbolic link, d folder, o other */
	char hash[HASH_HEX + 1];
	uint64_t size;
	uint64_t mtime_ns;
	const char *path;
};

static uint64_t mtime_ns(const struct stat *st)
{
	return (uint64_t)st->st_mtim.tv_sec * 1000000000ULL + st->st_mtim.tv_nsec;
}

static char item_type(mode_t mode)
{
	return S_ISREG(mode) ? 'f' : S_ISLNK(mode) ? 'l' : S_ISDIR(mode) ? 'd' : 'o';
}

static int item_hash(int dirfd, struct item *it)
{
	snprintf(it->hash, sizeof(it->hash), "%s", NO_HASH);
	if (it->type == 'f')
		return hash_file_at(dirfd, it->path, it->hash);
	if (it->type == 'l')
		return hash_link_at(dirfd, it->path, it->hash);
	return 0;
}

static int write_item(FILE *f, int dirfd, const char *path, const struct stat *st)
{
	struct item it = { .type = item_type(st->st_mode), .path = path };
	int ret;

	if (strchr(path, '\n'))
		return -EILSEQ;
	if (it.type == 'f') {
		it.size = st->st_size;
		it.mtime_ns = mtime_ns(st);
	}
	ret = item_hash(dirfd, &it);
	if (ret)
		return ret;
	fprintf(f, "%c %s %" PRIu64 " %" PRIu64 " %s\n", it.type, it.hash, it.size, it.mtime_ns,
		path);
	return 0;
}

static int by_path(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static int write_items(FILE *f, const char *dir, int dirfd, struct problem *p)
{
	char *roots[] = { (char *)dir, NULL };
	size_t skip = strlen(dir) + 1;
	int ret = 0;
	FTSENT *e;
	FTS *fts;

	fts = fts_open(roots, FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, by_path);
	if (!fts)
		return problem_set(p, -errno, "%s: %m", dir);
	while (!ret && (e = fts_read(fts))) {
		if (e->fts_level == 0 || e->fts_info == FTS_DP)
			continue;
		if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR || e->fts_info == FTS_NS)
			ret = -e->fts_errno;
		else
			ret = write_item(f, dirfd, e->fts_path + skip, e->fts_statp);
		if (ret)
			problem_set(p, ret, "%s: %s", e->fts_path, strerror(-ret));
	}
	fts_close(fts);
	return ret;
}

static int write_file(int dirfd, const char *text, size_t len)
{
	ssize_t n;
	int fd;

	fd = openat(dirfd, MANIFEST_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	while (len && (n = write(fd, text, len)) >= 0) {
		text += n;
		len -= n;
	}
	n = len ? -errno : 0;
	if (close(fd) && !n)
		n = -errno;
	return n;
}

int manifest_write(const char *dir, struct problem *p)
{
	char sum[HASH_HEX + 1], *text = NULL;
	size_t len = 0;
	int fd, ret;
	FILE *f;

	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return problem_set(p, -errno, "%s: %m", dir);
	unlinkat(fd, MANIFEST_NAME, 0);
	f = open_memstream(&text, &len);
	if (!f) {
		close(fd);
		return -ENOMEM;
	}
	fputs(MANIFEST_HEAD, f);
	ret = write_items(f, dir, fd, p);
	fflush(f);
	hash_bytes(text, len, sum);
	fprintf(f, "end %s\n", sum);
	if (fclose(f) && !ret)
		ret = -ENOMEM;
	if (!ret)
		ret = write_file(fd, text, len);
	if (ret)
		problem_set(p, ret, "%s/%s: %s", dir, MANIFEST_NAME, strerror(-ret));
	free(text);
	close(fd);
	return ret;
}

/* The whole list, without its last line; NULL when it is not whole. */
static char *read_whole(int dirfd)
{
	char sum[HASH_HEX + 1], *text = NULL, *end;
	struct stat st;
	ssize_t n = -1;
	int fd;

	fd = openat(dirfd, MANIFEST_NAME, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	if (!fstat(fd, &st) && st.st_size > 0)
		text = malloc(st.st_size + 1);
	if (text)
		n = read(fd, text, st.st_size);
	close(fd);
	if (n != st.st_size || n < (ssize_t)(strlen("end \n") + HASH_HEX))
		goto broken;
	text[n] = '\0';
	end = text + n - (strlen("end \n") + HASH_HEX);
	hash_bytes(text, end - text, sum);
	if (strncmp(end, "end ", 4) || strncmp(end + 4, sum, HASH_HEX) ||
	    strncmp(text, MANIFEST_HEAD, strlen(MANIFEST_HEAD)))
		goto broken;
	*end = '\0';
	return text;
broken:
	free(text);
	return NULL;
}

static int parse_item(char *line, struct item *ret_item)
{
	char *type = strsep(&line, " "), *hash = strsep(&line, " ");
	char *size = strsep(&line, " "), *mtime = strsep(&line, " ");

	if (!line || strlen(type) != 1 || strlen(hash) > HASH_HEX)
		return -EBADMSG;
	ret_item->type = type[0];
	memcpy(ret_item->hash, hash, strlen(hash) + 1);
	ret_item->size = strtoull(size, NULL, 10);
	ret_item->mtime_ns = strtoull(mtime, NULL, 10);
	ret_item->path = line;
	return 0;
}

static int check_item(const char *dir, int dirfd, const struct item *want, bool deep,
		      struct problem *p)
{
	struct item now = { .type = want->type, .path = want->path };
	struct stat st;

	if (fstatat(dirfd, want->path, &st, AT_SYMLINK_NOFOLLOW))
		return problem_set(p, -EBADMSG, "%s/%s: %m", dir, want->path);
	if (item_type(st.st_mode) != want->type)
		return problem_set(p, -EBADMSG, "%s/%s: is another kind of file", dir, want->path);
	if (want->type == 'f' && (uint64_t)st.st_size != want->size)
		return problem_set(p, -EBADMSG,
				   "%s/%s: has %" PRIu64 " bytes, was built with %" PRIu64, dir,
				   want->path, (uint64_t)st.st_size, want->size);
	if (!deep && (want->type != 'f' || mtime_ns(&st) == want->mtime_ns))
		return 0;
	if (item_hash(dirfd, &now) || strcmp(now.hash, want->hash))
		return problem_set(p, -EBADMSG, "%s/%s: its content changed after it was built",
				   dir, want->path);
	return 0;
}

int manifest_check(const char *dir, bool deep, struct problem *p)
{
	char *text, *next, *line;
	struct item it;
	int fd, ret = 0;

	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -ENOENT;
	text = read_whole(fd);
	if (!text) {
		close(fd);
		return problem_set(p, -EBADMSG, "%s: its list of files is missing or damaged", dir);
	}
	next = text + strlen(MANIFEST_HEAD);
	while (!ret && (line = strsep(&next, "\n"))) {
		if (!*line)
			continue;
		ret = parse_item(line, &it);
		if (!ret)
			ret = check_item(dir, fd, &it, deep, p);
	}
	free(text);
	close(fd);
	return ret;
}
