// SPDX-License-Identifier: GPL-2.0-only
/*
 * What pfkeepd makes of what libvirt says about a PF VM and its agent. libvirt's test driver
 * has no agents, so that its words are put into the watcher's ears here, in any order.
 */
#include "orchestration/testing/cmocka.h"

#include <errno.h>
#include <json-c/json.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "orchestration/pfkeepd/service.h"
#include "orchestration/pfkeepd/watcher.h"
#include "orchestration/testing/bed.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/virt.h"

#define AGENT_MS  1000
#define TIMEOUT_S 20
#define HEARD_MAX 64
#define EVENT_IDS 64

typedef int (*on_lifecycle)(virConnectPtr conn, virDomainPtr dom, int event, int detail,
			    void *data);
typedef void (*on_agent)(virConnectPtr conn, virDomainPtr dom, int state, int reason, void *data);

static struct service service;
static void (*callbacks[EVENT_IDS])(void); /* of several types */

/* Protects the list of what was told and reported. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER;
static char heard[HEARD_MAX][PROBLEM_TEXT];
static unsigned int n_heard, n_read;

int __wrap_virConnectDomainEventRegisterAny(virConnectPtr conn, virDomainPtr dom, int event,
					    virConnectDomainEventGenericCallback callback,
					    void *data, virFreeCallback free_data);

int __wrap_virConnectDomainEventRegisterAny(virConnectPtr conn, virDomainPtr dom, int event,
					    virConnectDomainEventGenericCallback callback,
					    void *data, virFreeCallback free_data)
{
	if (event < EVENT_IDS)
		callbacks[event] = (void (*)(void))callback;
	return event;
}

int __wrap_virDomainAttachDeviceFlags(virDomainPtr dom, const char *xml, unsigned int flags);

/* The test driver plugs nothing in. */
int __wrap_virDomainAttachDeviceFlags(virDomainPtr dom, const char *xml, unsigned int flags)
{
	return 0;
}

static void note(const char *what)
{
	pthread_mutex_lock(&lock);
	if (n_heard < HEARD_MAX)
		snprintf(heard[n_heard++], PROBLEM_TEXT, "%s", what);
	pthread_cond_signal(&more);
	pthread_mutex_unlock(&lock);
}

static void on_event(void *data, struct json_object *event)
{
	note(json_object_get_string(json_object_object_get(event, "event")));
	json_object_put(event);
}

static void on_report(void *data, const struct problem *why)
{
	note(why->text);
}

static void on_ready(void)
{
	note("ready");
}

/* What comes next is this, and nothing before it. */
static void expect(const char *words)
{
	struct timespec until;
	int ret = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += TIMEOUT_S;
	pthread_mutex_lock(&lock);
	while (n_read == n_heard && !ret)
		ret = pthread_cond_timedwait(&more, &lock, &until);
	pthread_mutex_unlock(&lock);
	if (ret)
		fail_msg("nothing came instead of '%s'", words);
	if (!strstr(heard[n_read], words))
		fail_msg("'%s' came instead of '%s'", heard[n_read], words);
	n_read++;
}

static void agent_is(bool connected)
{
	CLEANUP(virt_free) virDomainPtr dom = NULL;
	on_agent call = (on_agent)callbacks[VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE];

	assert_int_equal(virt_find(bed.core.conn, BED_VM, &dom, NULL), 0);
	call(bed.core.conn, dom,
	     connected ? VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED
		       : VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_DISCONNECTED,
	     0, NULL);
}

static void has_ended(void)
{
	CLEANUP(virt_free) virDomainPtr dom = NULL;
	on_lifecycle call = (on_lifecycle)callbacks[VIR_DOMAIN_EVENT_ID_LIFECYCLE];

	assert_int_equal(virt_find(bed.core.conn, BED_VM, &dom, NULL), 0);
	call(bed.core.conn, dom, VIR_DOMAIN_EVENT_STOPPED, 0, NULL);
}

/* libvirt's number of it, another at each start. */
static unsigned int number(void)
{
	CLEANUP(virt_free) virDomainPtr dom = NULL;

	assert_int_equal(virt_find(bed.core.conn, BED_VM, &dom, NULL), 0);
	return virDomainGetID(dom);
}

static int setup(void **state)
{
	bed.config.agent_ms = AGENT_MS;
	bed_must_adopt(3);
	bed.core.tell = on_event;
	service = (struct service){ .core = &bed.core,
				    .report = on_report,
				    .lock = PTHREAD_MUTEX_INITIALIZER };
	return watcher_start(&service, on_ready, &bed.problem);
}

/* It runs, as it did before. */
static void it_looks_at_the_pf_vm_first(void **state)
{
	expect("pf-lost");
	expect("pf-ready");
	expect("ready");
}

static void an_agent_that_comes_back_is_welcome(void **state)
{
	unsigned int before = number();

	agent_is(false);
	agent_is(true);
	expect("pf-lost");
	expect("pf-ready");
	assert_int_equal(number(), before);
}

static void an_agent_that_stays_away_ends_its_pf_vm(void **state)
{
	unsigned int before = number();

	agent_is(false);
	expect("pf-lost");
	expect(BED_PF ": its PF VM " BED_VM " is ended: its agent was away for 1 s");
	assert_false(virt_is_running(bed.core.conn, BED_VM));
	has_ended();
	expect("pf-ready");
	assert_int_not_equal(number(), before);
}

/* Else it would be started without a wait, and be lost again when its end is heard of. */
static void an_agent_whose_pf_vm_has_ended_starts_nothing(void **state)
{
	bed_stop(BED_VM);
	agent_is(false);
	agent_is(true);
	has_ended();
	expect("pf-lost");
	expect(BED_PF ": its PF VM " BED_VM " has ended 2 times, it is started again in 2 s");
	expect("pf-ready");
	assert_true(virt_is_running(bed.core.conn, BED_VM));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(it_looks_at_the_pf_vm_first, setup),
		cmocka_unit_test(an_agent_that_comes_back_is_welcome),
		cmocka_unit_test(an_agent_that_stays_away_ends_its_pf_vm),
		cmocka_unit_test(an_agent_whose_pf_vm_has_ended_starts_nothing),
	};
	int failed;

	bed_setup(NULL);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	fakehost_teardown(&bed.host);
	/* The watcher's thread never ends: nothing is taken down under it. */
	_exit(failed);
}
