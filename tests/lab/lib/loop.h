/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The event loop of labd and of the agent: epoll, one event at a time, so that
 * a callback may remove any source, its own included.
 */
#ifndef LAB_LOOP_H
#define LAB_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct loop {
	int epfd;
	bool stop;
};

struct loop_source;
typedef void (*loop_fn)(struct loop_source *src, uint32_t events);

/* Embedded in its owner; fd stays the owner's. */
struct loop_source {
	int fd;
	uint32_t events;
	loop_fn fn;
	void *data;
	bool added;
};

int loop_open(struct loop *loop);
void loop_close(struct loop *loop);
/* Watch src->fd for src->events; a second call changes the events. */
int loop_watch(struct loop *loop, struct loop_source *src);
void loop_unwatch(struct loop *loop, struct loop_source *src);
/* Runs callbacks until loop->stop is set. */
int loop_run(struct loop *loop);

/* A timer is a source whose fd is a timerfd that these two own. */
int loop_timer_open(struct loop *loop, struct loop_source *src);
void loop_timer_close(struct loop *loop, struct loop_source *src);
/* Once, after ms milliseconds; 0 disarms. */
int loop_timer_arm(struct loop_source *src, unsigned int ms);
/* To be called by the callback: clears the expiry. */
void loop_timer_ack(struct loop_source *src);

#endif
