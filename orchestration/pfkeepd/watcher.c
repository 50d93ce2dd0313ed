// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "orchestration/pfkeepd/backoff.h"
#include "orchestration/pfkeepd/watcher.h"
#include "pfkeep/agent.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/virt.h"

#define RECONNECT_S 1

enum kind { DEFINED, STOPPED, AGENT_UP, AGENT_DOWN, LIBVIRT_GONE };

struct happening {
	struct happening *next;
	enum kind kind;
	char uuid[UUID_TEXT];
};

struct deaths {
	struct deaths *next;
	char uuid[UUID_TEXT];
	struct backoff backoff;
	time_t due;	   /* when it is started again; 0: nothing waits */
	time_t mute_until; /* when its agent has been away for too long; 0: it isn't */
};

static struct watcher {
	struct service *service;
	void (*ready)(void);
	pthread_mutex_t lock; /* protects the queue */
	pthread_cond_t more;
	struct happening *first, **last;
	struct deaths *deaths; /* the worker's own */
} watcher = { .lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER };

static void enqueue(enum kind kind, virDomainPtr dom)
{
	struct happening *happening = calloc(1, sizeof(*happening));

	if (!happening)
		abort(); /* to miss one is worse than to start anew */
	happening->kind = kind;
	if (dom)
		virDomainGetUUIDString(dom, happening->uuid);
	pthread_mutex_lock(&watcher.lock);
	*watcher.last = happening;
	watcher.last = &happening->next;
	pthread_cond_signal(&watcher.more);
	pthread_mutex_unlock(&watcher.lock);
}

static time_t now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* The first of the two that is set; 0: none is. */
static time_t sooner(time_t a, time_t b)
{
	return a && (!b || a < b) ? a : b;
}

/* When the first PF VM is to be started again, or ended; 0: none is. */
static time_t first_due(void)
{
	time_t first = 0;

	for (const struct deaths *deaths = watcher.deaths; deaths; deaths = deaths->next)
		first = sooner(first, sooner(deaths->due, deaths->mute_until));
	return first;
}

/* NULL when a PF VM is due instead. */
static struct happening *dequeue(void)
{
	const struct timespec due = { .tv_sec = first_due() };
	struct happening *happening;
	int ret = 0;

	pthread_mutex_lock(&watcher.lock);
	while (!watcher.first && !ret)
		ret = due.tv_sec ? pthread_cond_clockwait(&watcher.more, &watcher.lock,
							  CLOCK_MONOTONIC, &due)
				 : pthread_cond_wait(&watcher.more, &watcher.lock);
	happening = watcher.first;
	if (!happening) {
		pthread_mutex_unlock(&watcher.lock);
		return NULL;
	}
	watcher.first = happening->next;
	if (!watcher.first)
		watcher.last = &watcher.first;
	pthread_mutex_unlock(&watcher.lock);
	return happening;
}

static int on_lifecycle(virConnectPtr conn, virDomainPtr dom, int event, int detail, void *data)
{
	if (event == VIR_DOMAIN_EVENT_DEFINED)
		enqueue(DEFINED, dom);
	else if (event == VIR_DOMAIN_EVENT_STOPPED || event == VIR_DOMAIN_EVENT_UNDEFINED)
		enqueue(STOPPED, dom);
	return 0;
}

static void on_agent(virConnectPtr conn, virDomainPtr dom, int state, int reason, void *data)
{
	enqueue(state == VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED ? AGENT_UP
										  : AGENT_DOWN,
		dom);
}

/* `virsh metadata`: the definition is another one, of which libvirt says nothing else. */
static void on_metadata(virConnectPtr conn, virDomainPtr dom, int type, const char *uri, void *data)
{
	if (type == VIR_DOMAIN_METADATA_ELEMENT && uri && !strcmp(uri, DOMAIN_NAMESPACE))
		enqueue(DEFINED, dom);
}

static void on_close(virConnectPtr conn, int reason, void *data)
{
	enqueue(LIBVIRT_GONE, NULL);
}

/* The test driver has no agents; what can't be heard of isn't waited for. */
static void follow(struct service *service)
{
	virConnectPtr conn = service->core->conn;

	if (virConnectDomainEventRegisterAny(conn, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
					     VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle), NULL,
					     NULL) < 0)
		fprintf(stderr, SD_ERR "libvirt tells no events: VFs are given on demand only\n");
	virConnectDomainEventRegisterAny(conn, NULL, VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE,
					 VIR_DOMAIN_EVENT_CALLBACK(on_agent), NULL, NULL);
	virConnectDomainEventRegisterAny(conn, NULL, VIR_DOMAIN_EVENT_ID_METADATA_CHANGE,
					 VIR_DOMAIN_EVENT_CALLBACK(on_metadata), NULL, NULL);
	virConnectRegisterCloseCallback(conn, on_close, NULL, NULL);
}

static struct deaths *deaths_of(const char *uuid)
{
	struct deaths *deaths = watcher.deaths;

	while (deaths && strcmp(deaths->uuid, uuid))
		deaths = deaths->next;
	if (deaths)
		return deaths;
	deaths = calloc(1, sizeof(*deaths));
	if (!deaths)
		abort();
	snprintf(deaths->uuid, sizeof(deaths->uuid), "%s", uuid);
	deaths->next = watcher.deaths;
	watcher.deaths = deaths;
	return deaths;
}

static int put_off(const struct record_pf *pf, struct problem *problem)
{
	struct deaths *deaths = deaths_of(pf->uuid);
	time_t wait = backoff_next(&deaths->backoff, now_s());
	char name[BDF_TEXT];

	deaths->due = wait ? now_s() + wait : 0;
	if (!wait)
		return 0;
	return problem_set(problem, -EAGAIN,
			   "%s: its PF VM %.60s has ended %u times, it is started again in %jd s",
			   bdf_format(&pf->bdf, name), pf->domain, deaths->backoff.n,
			   (intmax_t)wait);
}

static bool is_mute(struct core *core, const struct record_pf *pf)
{
	CLEANUP(virt_free) virDomainPtr dom = NULL;
	struct agent_link link;

	if (owner_is_ready(core->owners, &pf->bdf) || virt_find(core->conn, pf->uuid, &dom, NULL) ||
	    virDomainIsActive(dom) != 1)
		return false;
	link = virt_agent(dom);
	return agent_ping(&link, NULL) != 0;
}

/* Its agent was waited for already. */
static void end_if_mute(struct core *core, const struct record_pf *pf)
{
	if (is_mute(core, pf))
		deaths_of(pf->uuid)->mute_until = now_s();
}

static int start(struct core *core, const struct record_pf *pf, struct problem *problem)
{
	int ret = core_start_pf(core, &pf->bdf, problem);

	/* One that has ended meanwhile is heard of; one that didn't even start has no end. */
	if (ret && ret != -ECONNABORTED && !virt_is_running(core->conn, pf->uuid))
		put_off(pf, NULL);
	else if (ret)
		end_if_mute(core, pf);
	return ret;
}

/* It runs again, if by another hand or by an operation, when its agent comes. */
static int revive(struct core *core, const struct record_pf *pf, struct problem *problem)
{
	int ret;

	if (pf->phase != RECORD_ADOPTED || virt_is_running(core->conn, pf->uuid))
		return 0;
	ret = put_off(pf, problem);
	return ret ? ret : start(core, pf, problem);
}

/* One that was put off. It may have been released, or started by another hand. */
static int revive_due(struct service *service, struct deaths *deaths, struct problem *problem)
{
	struct core *core = service->core;
	struct record_pf pf;
	int ret;

	deaths->due = 0;
	pthread_mutex_lock(&service->lock);
	ret = service_need_libvirt(service, problem);
	if (!ret && !core_find_pfvm(core, deaths->uuid, &pf) && pf.phase == RECORD_ADOPTED &&
	    !virt_is_running(core->conn, pf.uuid))
		ret = start(core, &pf, problem);
	pthread_mutex_unlock(&service->lock);
	return ret;
}

/*
 * Without its agent a PF VM can't be told anything, though its driver may serve. Its end is
 * heard of, and then it is started again.
 */
static int end_mute(struct service *service, struct deaths *deaths, struct problem *problem)
{
	struct core *core = service->core;
	struct record_pf pf;
	char name[BDF_TEXT];
	int ret;

	deaths->mute_until = 0;
	pthread_mutex_lock(&service->lock);
	ret = service_need_libvirt(service, problem);
	if (!ret && !core_find_pfvm(core, deaths->uuid, &pf) && pf.phase == RECORD_ADOPTED &&
	    is_mute(core, &pf)) {
		ret = virt_stop(core->conn, pf.uuid, problem);
		if (!ret)
			ret = problem_set(
				problem, -ETIMEDOUT,
				"%s: its PF VM %.60s is ended: its agent was away for %u s",
				bdf_format(&pf.bdf, name), pf.domain,
				core->config->agent_ms / 1000);
	}
	pthread_mutex_unlock(&service->lock);
	return ret;
}

static void attend_all_due(struct service *service)
{
	for (struct deaths *deaths = watcher.deaths; deaths; deaths = deaths->next) {
		struct problem problem = { "" };
		time_t now = now_s();

		if (deaths->due && deaths->due <= now && revive_due(service, deaths, &problem))
			service->report(NULL, &problem);
		if (deaths->mute_until && deaths->mute_until <= now &&
		    end_mute(service, deaths, &problem))
			service->report(NULL, &problem);
	}
}

static int attend_pfvm(struct core *core, const struct record_pf *pf, enum kind kind,
		       struct problem *problem)
{
	struct deaths *deaths = deaths_of(pf->uuid);

	deaths->mute_until = kind == AGENT_DOWN ? now_s() + core->config->agent_ms / 1000 : 0;
	if (kind == STOPPED)
		return revive(core, pf, problem);
	/* If it has ended since, that is heard of next, and is what it is started for. */
	return kind == AGENT_UP && virt_is_running(core->conn, pf->uuid)
		       ? core_refresh_pf(core, &pf->bdf, problem)
		       : 0;
}

static int attend_tenant(struct service *service, const char *uuid, enum kind kind)
{
	if (kind == DEFINED || kind == STOPPED)
		core_settle_and_tell(service->core, uuid, service->report, NULL);
	return 0;
}

static int attend(struct service *service, const struct happening *happening,
		  struct problem *problem)
{
	struct core *core = service->core;
	struct record_pf pf;
	int ret;

	/* Before waiting for an operation: no tenant starts on it from now on. */
	if (happening->kind == STOPPED || happening->kind == AGENT_DOWN)
		core_lost_pfvm(core, happening->uuid);
	pthread_mutex_lock(&service->lock);
	ret = service_need_libvirt(service, problem);
	if (!ret)
		ret = core_find_pfvm(core, happening->uuid, &pf)
			      ? attend_tenant(service, happening->uuid, happening->kind)
			      : attend_pfvm(core, &pf, happening->kind, problem);
	if (!ret && happening->kind != DEFINED)
		core_settle_unmet(core, service->report, NULL);
	pthread_mutex_unlock(&service->lock);
	return ret;
}

/* One that recovery couldn't start, or that boots no more, has no end that would be heard of. */
static int try_again(void *data, const struct record_pf *pf, struct problem *problem)
{
	const struct service *service = data;
	struct deaths *deaths;

	if (pf->phase != RECORD_ADOPTED)
		return 0;
	if (virt_is_running(service->core->conn, pf->uuid)) {
		end_if_mute(service->core, pf);
		return 0;
	}
	deaths = deaths_of(pf->uuid);
	deaths->due = now_s() + backoff_next(&deaths->backoff, now_s());
	return 0;
}

/* Whatever was missed meanwhile is found by looking. */
static void recover(struct service *service)
{
	const struct timespec pause = { .tv_sec = RECONNECT_S };
	struct problem problem = { "" };
	int ret;

	pthread_mutex_lock(&service->lock);
	while (service_need_libvirt(service, NULL)) {
		pthread_mutex_unlock(&service->lock);
		clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
		pthread_mutex_lock(&service->lock);
	}
	ret = core_recover(service->core, service->report, NULL, &problem);
	if (!ret)
		ret = record_each_pf(service->core->state, try_again, service, &problem);
	if (ret) {
		service->report(NULL, &problem);
		_exit(1);
	}
	pthread_mutex_unlock(&service->lock);
}

static void *work(void *data)
{
	struct service *service = data;

	recover(service);
	if (service->core->first) {
		pthread_mutex_lock(&service->lock);
		core_autostart(service->core, service->report, NULL);
		pthread_mutex_unlock(&service->lock);
	}
	watcher.ready();
	for (;;) {
		struct happening *happening = dequeue();
		struct problem problem = { "" };

		if (!happening)
			attend_all_due(service);
		else if (happening->kind == LIBVIRT_GONE)
			recover(service);
		else if (attend(service, happening, &problem))
			service->report(NULL, &problem);
		free(happening);
	}
	return NULL;
}

int watcher_start(struct service *service, void (*ready)(void), struct problem *problem)
{
	pthread_t thread;
	int ret;

	watcher.service = service;
	watcher.ready = ready;
	watcher.last = &watcher.first;
	service->connected = follow;
	follow(service);
	ret = -pthread_create(&thread, NULL, work, service);
	if (ret)
		return problem_set(problem, ret, "a thread: %s", strerror(-ret));
	pthread_detach(thread);
	return 0;
}
