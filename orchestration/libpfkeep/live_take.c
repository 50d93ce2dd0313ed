// SPDX-License-Identifier: GPL-2.0-only
#include "orchestration/libpfkeep/live_take.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "pfkeep/cleanup.h"
#include "pfkeep/cprstate.h"
#include "pfkeep/qmp.h"

#define CPR_MAX	     (1 << 20)
#define STATE_MAX    (64 << 20)
#define CHUNK	     65536
#define FDS_AT_ONCE  16
#define FIRST_NUMBER 100 /* above those that QEMU opens by itself before it knows of them */

/* What QEMU has sent so far. */
struct taken {
	char *data;
	size_t len, size;
	int fds[LIVE_FDS_MAX];
	size_t n_fds;
};

static void release(struct taken *taken)
{
	for (size_t i = 0; i < taken->n_fds; i++)
		if (taken->fds[i] >= 0)
			close(taken->fds[i]);
	free(taken->data);
}

static int listen_at(const char *path, uid_t user, int *ret_fd)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	CLEANUP(cleanup_close) int fd = -1;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 1) ||
	    lchown(path, user, (gid_t)-1))
		return -errno;
	*ret_fd = take_fd(&fd);
	return 0;
}

int live_take_listen(struct live_take *take, const char *dir, uid_t user, int64_t deadline,
		     struct problem *problem)
{
	int ret;

	*take = (struct live_take){ .cpr = -1, .main = -1, .deadline = deadline };
	snprintf(take->cpr_path, sizeof(take->cpr_path), "%.200s/pfkeep-cpr", dir);
	snprintf(take->main_path, sizeof(take->main_path), "%.200s/pfkeep-main", dir);
	ret = listen_at(take->cpr_path, user, &take->cpr);
	if (!ret)
		ret = listen_at(take->main_path, user, &take->main);
	return ret ? problem_set(problem, ret, "%.200s: %s", dir, strerror(-ret)) : 0;
}

void live_take_end(struct live_take *take)
{
	if (take->cpr >= 0)
		close(take_fd(&take->cpr));
	if (take->main >= 0)
		close(take_fd(&take->main));
	if (*take->cpr_path)
		unlink(take->cpr_path);
	if (*take->main_path)
		unlink(take->main_path);
}

static int await(const struct live_take *take, int fd)
{
	int64_t left = take->deadline - qmp_now_ms();
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int ret = poll(&pfd, 1, left > 0 ? (int)left : 0);

	return ret < 0 ? -errno : ret ? 0 : -ETIMEDOUT;
}

static int meet(const struct live_take *take, int listener, int *ret_fd)
{
	int ret = await(take, listener);

	if (ret)
		return ret;
	*ret_fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	return *ret_fd < 0 ? -errno : 0;
}

static void keep_fds(struct taken *taken, struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (taken->n_fds < LIVE_FDS_MAX)
				taken->fds[taken->n_fds++] = fd;
			else
				close(fd);
		}
	}
}

/* 0 at its end, else how much has come. */
static ssize_t receive(int fd, struct taken *taken, size_t max)
{
	char control[CMSG_SPACE(FDS_AT_ONCE * sizeof(int))];
	struct msghdr msg = { .msg_control = control, .msg_controllen = sizeof(control) };
	struct iovec iov;
	ssize_t n;

	if (taken->len + CHUNK > taken->size) {
		size_t size = taken->size ? 2 * taken->size : 4 * (size_t)CHUNK;
		char *more = taken->len > max ? NULL : realloc(taken->data, size);

		if (!more)
			return taken->len > max ? -EFBIG : -ENOMEM;
		taken->data = more;
		taken->size = size;
	}
	iov = (struct iovec){ taken->data + taken->len, CHUNK };
	msg.msg_iov = &iov;
	msg.msg_iovlen = 1;
	n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	if (n < 0)
		return -errno;
	keep_fds(taken, &msg);
	taken->len += (size_t)n;
	return n;
}

/* descriptors */

static bool is_number_used(const struct live_vm *vm, int number)
{
	for (size_t i = 0; i < vm->n_fds; i++)
		if (vm->fds[i].number == number)
			return true;
	return false;
}

static int free_number(const struct live_vm *vm)
{
	int number = FIRST_NUMBER;

	while (is_number_used(vm, number))
		number++;
	return number;
}

/* Takes fd over. */
static int add_fd(struct live_vm *vm, int fd, enum live_kind kind, int *ret_number)
{
	if (vm->n_fds == LIVE_FDS_MAX) {
		if (fd >= 0)
			close(fd);
		return -E2BIG;
	}
	*ret_number = free_number(vm);
	vm->fds[vm->n_fds++] = (struct live_fd){ .number = *ret_number, .kind = kind, .fd = fd };
	return 0;
}

/* A group and its container are the old kernel's: the next QEMU has an iommufd. */
static bool is_group(const char *name)
{
	return !strcmp(name, "vfio_group") || !strcmp(name, "vfio_container_for_group");
}

static int sort_fd(struct live_vm *vm, struct taken *taken, struct cprstate_fd *fd,
		   struct problem *problem)
{
	enum live_kind kind;
	int ret = live_kind_of(taken->fds[fd->fd], &kind);

	if (ret)
		return problem_set(problem, ret,
				   "its descriptor %.80s is of a kind that can't be carried",
				   fd->name);
	/* By its group its name has the token, too; by an iommufd it hasn't. */
	if (kind == LIVE_DEVICE)
		fd->name[strcspn(fd->name, " ")] = '\0';
	return add_fd(vm, take_fd(&taken->fds[fd->fd]), kind, &fd->fd);
}

static bool is_listed(const struct cprstate_fd *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(list[i].name, LIVE_IOMMUFD))
			return true;
	return false;
}

static int sort_fds(struct live_vm *vm, struct taken *taken, struct cprstate_fd *list, size_t *n,
		    struct problem *problem)
{
	size_t kept = 0;
	int ret = 0;

	for (size_t i = 0; i < *n && !ret; i++) {
		vm->by_group |= is_group(list[i].name);
		if (is_group(list[i].name))
			continue;
		ret = sort_fd(vm, taken, &list[i], problem);
		list[kept++] = list[i];
	}
	if (!ret && vm->by_group && !is_listed(list, kept)) {
		list[kept] = (struct cprstate_fd){ .name = LIVE_IOMMUFD };
		ret = add_fd(vm, -1, LIVE_IOMMU, &list[kept++].fd);
	}
	*n = kept;
	return ret;
}

/* The state that names them, in a file that is one of them. */
static int write_cpr(struct live_vm *vm, const char *data, size_t len)
{
	int fd = memfd_create("pfkeep-cpr", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (pwrite(fd, data, len, 0) != (ssize_t)len) {
		close(fd);
		return -EIO;
	}
	return add_fd(vm, fd, LIVE_MEMORY, &vm->cpr);
}

static int sort_out(struct live_vm *vm, struct taken *taken, struct problem *problem)
{
	CLEANUP(cleanup_free) struct cprstate_fd *list = calloc(LIVE_FDS_MAX + 1, sizeof(*list));
	CLEANUP(cleanup_free) char *data = NULL;
	size_t n = 0, rest = 0, len = 0;
	int ret;

	if (!list)
		return -ENOMEM;
	ret = cprstate_parse_sent(taken->data, taken->len, LIVE_FDS_MAX, list, &n, &rest, problem);
	if (ret)
		return ret;
	if (n != taken->n_fds)
		return problem_set(problem, -EBADMSG, "QEMU names %zu descriptors and sends %zu", n,
				   taken->n_fds);
	ret = sort_fds(vm, taken, list, &n, problem);
	if (!ret)
		ret = cprstate_format(list, n, taken->data + rest, taken->len - rest, &data, &len);
	return ret ? ret : write_cpr(vm, data, len);
}

int live_take_fds(struct live_take *take, struct live_vm *vm, struct problem *problem)
{
	struct taken taken = { 0 };
	int fd = -1, ret = meet(take, take->cpr, &fd);
	ssize_t n = 1;

	while (!ret && n > 0) {
		ret = await(take, fd);
		n = ret ? 0 : receive(fd, &taken, CPR_MAX);
	}
	if (!ret && n < 0)
		ret = (int)n;
	if (!ret)
		ret = sort_out(vm, &taken, problem);
	/* When this closes, it goes on with its device state. */
	if (fd >= 0)
		close(fd);
	release(&taken);
	return ret && !*problem->text
		       ? problem_set(problem, ret, "its descriptors: %s", strerror(-ret))
		       : ret;
}

/* device state */

/*
 * The connection stays open behind the last byte. That is the end of a description in JSON:
 * 0 (no more sections), 6, how long it is, and it.
 */
static bool is_whole(const struct taken *taken)
{
	const uint8_t *data = (const uint8_t *)taken->data;
	size_t len = taken->len;

	if (len < 8 || data[len - 1] != '}')
		return false;
	for (size_t at = len - 7; at > 0; at--) {
		const uint8_t *p = data + at;
		size_t left = len - at - 5;

		if (p[-1] == 0 && p[0] == 6 && p[5] == '{' &&
		    ((size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4]) == left)
			return true;
	}
	return false;
}

static int write_state(struct live_vm *vm, const struct taken *taken)
{
	vm->state = memfd_create("pfkeep-state", MFD_CLOEXEC);
	if (vm->state < 0)
		return -errno;
	return pwrite(vm->state, taken->data, taken->len, 0) == (ssize_t)taken->len ? 0 : -EIO;
}

int live_take_state(struct live_take *take, struct live_vm *vm, struct problem *problem)
{
	struct taken taken = { 0 };
	int fd = -1, ret = meet(take, take->main, &fd);
	ssize_t n;

	while (!ret && !is_whole(&taken)) {
		ret = await(take, fd);
		if (ret)
			break;
		n = receive(fd, &taken, STATE_MAX);
		ret = n > 0 ? 0 : n ? (int)n : -EPIPE;
	}
	if (!ret)
		ret = write_state(vm, &taken);
	if (!ret)
		vm->hold = take_fd(&fd);
	if (fd >= 0)
		close(fd);
	release(&taken);
	return ret ? problem_set(problem, ret, "its device state: %s", strerror(-ret)) : 0;
}
