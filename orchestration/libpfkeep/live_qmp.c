// SPDX-License-Identifier: GPL-2.0-only
#include "orchestration/libpfkeep/live_qmp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "pfkeep/cleanup.h"
#include "pfkeep/live.h"
#include "pfkeep/qmp.h"

#define CALL_MS	   20000
#define CONNECT_MS 2
#define AGE_MAX_US (int64_t)300000000 /* else its clock has been set since */

struct live_qmp {
	struct qmp qmp;
	int fd;
	char who[128];
	uint64_t connected; /* live_ticks() */
};

/* Between bind() and listen() there is no event to wait for. */
static int connect_by(const char *path, int64_t deadline)
{
	const struct timespec pause = { .tv_nsec = CONNECT_MS * 1000000L };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	CLEANUP(cleanup_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	while (connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		int ret = -errno;

		if ((ret != -ENOENT && ret != -ECONNREFUSED) || qmp_now_ms() >= deadline)
			return ret;
		nanosleep(&pause, NULL);
	}
	return take_fd(&fd);
}

int live_qmp_call(struct live_qmp *live, const char *command, struct json_object *args,
		  struct json_object **ret_answer, struct problem *problem)
{
	live->qmp.deadline = qmp_now_ms() + CALL_MS;
	return qmp_command(&live->qmp, command, args, ret_answer, problem);
}

int live_qmp_wait(struct live_qmp *live, const char *event, int timeout_ms,
		  struct json_object **ret_data, struct problem *problem)
{
	live->qmp.deadline = qmp_now_ms() + timeout_ms;
	return qmp_wait(&live->qmp, event, ret_data, problem);
}

int live_qmp_await_running(struct live_qmp *live, int timeout_ms, struct problem *problem)
{
	live->qmp.deadline = qmp_now_ms() + timeout_ms;
	return qmp_await_running(&live->qmp, problem);
}

uint64_t live_qmp_connected(const struct live_qmp *live)
{
	return live->connected;
}

uint64_t live_qmp_turned(const struct live_qmp *live, uint64_t ticks_per_ms)
{
	uint64_t now = live_ticks(), ago;
	struct timespec ts;
	int64_t us;

	clock_gettime(CLOCK_REALTIME, &ts);
	us = (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000 - live->qmp.turned_us;
	if (!live->qmp.turned_us || us < 0 || us > AGE_MAX_US)
		return now;
	ago = (uint64_t)us * ticks_per_ms / 1000;
	return ago < now ? now - ago : now;
}

int live_qmp_open(const char *path, int timeout_ms, struct live_qmp **ret_qmp,
		  struct problem *problem)
{
	int64_t deadline = qmp_now_ms() + timeout_ms;
	struct live_qmp *live = calloc(1, sizeof(*live));
	int ret;

	if (!live)
		return problem_set(problem, -ENOMEM, "no memory");
	snprintf(live->who, sizeof(live->who), "QEMU at %s", path);
	live->fd = connect_by(path, deadline);
	live->connected = live_ticks();
	if (live->fd < 0)
		ret = problem_set(problem, live->fd, "%s: its monitor: %s", live->who,
				  strerror(-live->fd));
	else
		ret = qmp_open(&live->qmp, live->fd, live->who, deadline, problem);
	if (ret)
		live_qmp_close(live);
	else
		*ret_qmp = live;
	return ret;
}

void live_qmp_close(struct live_qmp *live)
{
	if (!live)
		return;
	qmp_close(&live->qmp);
	if (live->fd >= 0)
		close(live->fd);
	free(live);
}
