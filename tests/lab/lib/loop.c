// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/lib/loop.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

int loop_open(struct loop *loop)
{
	loop->stop = false;
	loop->epfd = epoll_create1(EPOLL_CLOEXEC);
	return loop->epfd < 0 ? -errno : 0;
}

void loop_close(struct loop *loop)
{
	if (loop->epfd >= 0)
		close(loop->epfd);
	loop->epfd = -1;
}

int loop_watch(struct loop *loop, struct loop_source *src)
{
	struct epoll_event ev = { .events = src->events, .data.ptr = src };
	int op = src->added ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (epoll_ctl(loop->epfd, op, src->fd, &ev) < 0)
		return -errno;
	src->added = true;
	return 0;
}

void loop_unwatch(struct loop *loop, struct loop_source *src)
{
	if (!src->added)
		return;
	epoll_ctl(loop->epfd, EPOLL_CTL_DEL, src->fd, NULL);
	src->added = false;
}

int loop_run(struct loop *loop)
{
	struct loop_source *src;
	struct epoll_event ev;
	int n;

	while (!loop->stop) {
		n = epoll_wait(loop->epfd, &ev, 1, -1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		src = ev.data.ptr;
		src->fn(src, ev.events);
	}
	return 0;
}

int loop_timer_open(struct loop *loop, struct loop_source *src)
{
	int err;

	src->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (src->fd < 0)
		return -errno;
	src->events = EPOLLIN;
	err = loop_watch(loop, src);
	if (err) {
		close(src->fd);
		src->fd = -1;
	}
	return err;
}

void loop_timer_close(struct loop *loop, struct loop_source *src)
{
	if (src->fd < 0)
		return;
	loop_unwatch(loop, src);
	close(src->fd);
	src->fd = -1;
}

int loop_timer_arm(struct loop_source *src, unsigned int ms)
{
	struct itimerspec its = {
		.it_value = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 },
	};

	return timerfd_settime(src->fd, 0, &its, NULL) < 0 ? -errno : 0;
}

void loop_timer_ack(struct loop_source *src)
{
	uint64_t expired;
	ssize_t n = read(src->fd, &expired, sizeof(expired));

	(void)n;
}
