// SPDX-License-Identifier: GPL-2.0-only
/*
 * 64 tenants of 2 PFs are defined, started and stopped at once, while the command
 * line lists, sets and assigns. libvirt is its test driver, with the real watcher
 * behind its events; what the test driver lacks is added here: the hook, and that
 * libvirtd has few workers. A start keeps one while its hook waits for pfkeepd,
 * and what pfkeepd wants of an agent takes one, too, so that an answer that waited
 * for an operation would be a deadlock.
 */
#include "orchestration/testing/cmocka.h"

#include <errno.h>
#include <json-c/json.h>
#include <libvirt/virterror.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "orchestration/pfkeepd/events.h"
#include "orchestration/pfkeepd/service.h"
#include "orchestration/pfkeepd/watcher.h"
#include "orchestration/testing/bed.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/virt.h"
#include "pfkeep/wire.h"

#define TENANTS	  64
#define ROUNDS	  2
#define WORKERS	  8 /* fewer than tenants by far; libvirtd has 20 */
#define VFS	  36
#define CALLERS	  4
#define HOOK_MS	  10000 /* whoever waits for an operation waits for all of them */
#define TIMEOUT_S 120
#define OTHER_PF  "0000:02:00.0"
#define OTHER_VM  "pfkeep-0000-02-00-0"

static struct service service;
static struct fakeguest other_guest;
static sem_t workers;
static atomic_int finished;
static atomic_uint slowest_ms, starts;
/* Who runs with which VF of which PF; 0: nobody. */
static atomic_int user_of[2][VFS];

/* Protects is_ready, and that no definition is missed between a look and a wait. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t defined = PTHREAD_COND_INITIALIZER;
static pthread_cond_t ready = PTHREAD_COND_INITIALIZER;
static bool is_ready;

static struct agent_link links[2];

static int ask_agent(void *data, const char *request, unsigned int timeout_s, char **ret_reply,
		     struct problem *problem)
{
	const struct agent_link *link = data;
	int ret;

	sem_wait(&workers);
	ret = link->command(link->data, request, timeout_s, ret_reply, problem);
	sem_post(&workers);
	return ret;
}

static int open_agent(void *data, virDomainPtr dom, struct agent_link *ret_link, struct problem *p)
{
	if (virDomainIsActive(dom) != 1)
		return problem_set(p, -ENOTCONN, "Guest agent is not connected");
	*ret_link =
		(struct agent_link){ ask_agent, &links[!strcmp(virDomainGetName(dom), OTHER_VM)] };
	return 0;
}

static void *run_libvirt(void *data)
{
	for (;;)
		virEventRunDefaultImpl();
	return NULL;
}

static int on_lifecycle(virConnectPtr conn, virDomainPtr dom, int event, int detail, void *data)
{
	if (event != VIR_DOMAIN_EVENT_DEFINED)
		return 0;
	pthread_mutex_lock(&lock);
	pthread_cond_broadcast(&defined);
	pthread_mutex_unlock(&lock);
	return 0;
}

static void on_ready(void)
{
	pthread_mutex_lock(&lock);
	is_ready = true;
	pthread_cond_signal(&ready);
	pthread_mutex_unlock(&lock);
}

/* Before any connection is made. */
static void listen_first(void)
{
	pthread_t thread;

	alarm(TIMEOUT_S); /* a deadlock ends here */
	assert_int_equal(virEventRegisterDefaultImpl(), 0);
	assert_int_equal(pthread_create(&thread, NULL, run_libvirt, NULL), 0);
	pthread_detach(thread);
}

static void add_other_pf(void)
{
	struct fakehost_pf pf = fakehost_igb;

	pf.bdf = OTHER_PF;
	pf.total_vfs = VFS;
	fakehost_bridge(&bed.host, "0000:00:02.0", true);
	fakehost_pf(&bed.host, "0000:00:02.0", &pf);
	other_guest = (struct fakeguest){ .host = &bed.host, .pf = OTHER_PF, .total_vfs = VFS };
}

static void must_adopt_both(void)
{
	const struct core_adopt how = { .bdf = { 0, 2, 0, 0 }, .vfs = VFS };

	bed_must_adopt(VFS);
	if (core_adopt(&bed.core, &how, &bed.problem))
		fail_msg("%s", bed.problem.text);
}

static void report(void *data, const struct problem *why)
{
	print_message("reported: %s\n", why->text);
}

static int setup(void **state)
{
	fakehost_file(&bed.host, "sys/bus/pci/devices/" BED_PF "/sriov_totalvfs", "36\n");
	bed.guest.total_vfs = VFS;
	add_other_pf();
	links[0] = fakeguest_link(&bed.guest);
	links[1] = fakeguest_link(&other_guest);
	bed.core.open_agent = open_agent;
	assert_int_equal(sem_init(&workers, 0, WORKERS), 0);
	must_adopt_both();
	service = (struct service){ .core = &bed.core,
				    .report = report,
				    .lock = PTHREAD_MUTEX_INITIALIZER };
	bed.core.tell = events_tell;
	assert_true(virConnectDomainEventRegisterAny(
			    bed.core.conn, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
			    VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle), NULL, NULL) >= 0);
	assert_int_equal(watcher_start(&service, on_ready, &bed.problem), 0);
	pthread_mutex_lock(&lock);
	while (!is_ready)
		pthread_cond_wait(&ready, &lock);
	pthread_mutex_unlock(&lock);
	return 0;
}

static void *serve(void *data)
{
	int *fd = data;

	service_serve(&service, *fd);
	close(*fd);
	return NULL;
}

/* A connection as the hook or the command line makes it: the other end has a thread. */
static int call(const char *method, struct json_object *parameters, struct problem *problem)
{
	struct json_object *answer = NULL;
	pthread_t thread;
	int fds[2], ret;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(pthread_create(&thread, NULL, serve, &fds[1]), 0);
	ret = wire_call(fds[0], method, parameters, &answer, problem);
	json_object_put(answer);
	close(fds[0]);
	pthread_join(thread, NULL);
	return ret;
}

static struct json_object *with(const char *name, const char *value)
{
	struct json_object *parameters = json_object_new_object();

	json_object_object_add(parameters, name, json_object_new_string(value));
	return parameters;
}

static unsigned int now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (unsigned int)(ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

static void note_time(unsigned int took)
{
	unsigned int most = atomic_load(&slowest_ms);

	while (took > most && !atomic_compare_exchange_weak(&slowest_ms, &most, took))
		;
}

struct tenant {
	int number;
	char name[16], uuid[UUID_TEXT];
	virConnectPtr conn;
	char *failure; /* allocated; told by the main thread */
};

static void fail_tenant(struct tenant *t, const char *what, const char *why)
{
	if (!t->failure && asprintf(&t->failure, "%s: %s: %s", t->name, what, why) < 0)
		abort();
}

static virDomainPtr define(struct tenant *t)
{
	CLEANUP(cleanup_free) char *xml = NULL;

	if (asprintf(&xml,
		     "<domain type='test'><name>%s</name><uuid>%s</uuid><metadata>"
		     "<p:vf xmlns:p='urn:pfkeep:domain:1' pf='%s' vlan='%d'/></metadata>"
		     "<memory>4096</memory><os><type>hvm</type></os><devices/></domain>",
		     t->name, t->uuid, t->number % 2 ? OTHER_PF : BED_PF, t->number + 1) < 0)
		abort();
	return virDomainDefineXML(t->conn, xml);
}

/* Until the watcher has put the VF there: its XML. */
static char *await_vf(virDomainPtr dom)
{
	struct timespec until;
	char *xml;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += TIMEOUT_S / 2;
	pthread_mutex_lock(&lock);
	while ((xml = virDomainGetXMLDesc(dom, 0)) && !strstr(xml, DOMAIN_ALIAS_VF)) {
		free(xml);
		xml = NULL;
		if (pthread_cond_timedwait(&defined, &lock, &until))
			break;
	}
	pthread_mutex_unlock(&lock);
	return xml;
}

/* The one VF of the XML, as our books number it. */
static atomic_int *slot_of(const char *xml)
{
	struct domain_info info;
	atomic_int *slot = NULL;

	if (domain_parse(xml, strlen(xml), &info, NULL))
		return NULL;
	if (info.n_hostdevs == 1) {
		const struct bdf *bdf = &info.hostdevs[0].bdf;
		unsigned int index = ((unsigned int)(bdf->device - 0x10) * 8 + bdf->function) / 2;

		if (bdf->bus >= 1 && bdf->bus <= 2 && index < VFS)
			slot = &user_of[bdf->bus - 1][index];
	}
	domain_release(&info);
	return slot;
}

/* As libvirtd does it. */
static void start_and_stop(struct tenant *t, virDomainPtr dom, const char *xml)
{
	atomic_int *slot = slot_of(xml);
	struct problem problem = { "" };
	unsigned int begin;
	int nobody = 0;

	if (!slot) {
		fail_tenant(t, "its definition", xml);
		return;
	}
	sem_wait(&workers);
	begin = now_ms();
	if (call("MayStart", with("xml", xml), &problem))
		fail_tenant(t, "start", problem.text);
	note_time(now_ms() - begin);
	if (!atomic_compare_exchange_strong(slot, &nobody, t->number + 1))
		fail_tenant(t, "start", "another runs with its VF");
	if (virDomainCreate(dom))
		fail_tenant(t, "start", virGetLastErrorMessage());
	if (call("HasStarted", with("uuid", t->uuid), &problem))
		fail_tenant(t, "start", problem.text);
	sem_post(&workers);
	atomic_fetch_add(&starts, 1);
	virDomainDestroy(dom);
	if (atomic_exchange(slot, 0) != t->number + 1)
		fail_tenant(t, "stop", "another ran with its VF");
}

static void *live(void *data)
{
	struct tenant *t = data;

	for (int round = 0; round < ROUNDS && !t->failure; round++) {
		CLEANUP(cleanup_free) char *xml = NULL;
		CLEANUP(virt_free) virDomainPtr dom = define(t);

		if (!dom || !(xml = await_vf(dom))) {
			fail_tenant(t, "define", virGetLastErrorMessage());
			break;
		}
		start_and_stop(t, dom, xml);
		virDomainUndefine(dom);
	}
	atomic_fetch_add(&finished, 1);
	return NULL;
}

static struct json_object *vf_of(unsigned int n, const char *name, const char *value)
{
	struct json_object *parameters = with("pf", n % 2 ? OTHER_PF : BED_PF);

	json_object_object_add(parameters, "index", json_object_new_int((int)(n % VFS)));
	if (name)
		json_object_object_add(parameters, name, json_object_new_string(value));
	return parameters;
}

/* The command line: what it is answered doesn't matter, as long as it is. */
static void *operate(void *data)
{
	for (unsigned int n = 0; atomic_load(&finished) < TENANTS; n++) {
		call("SetVF", vf_of(n, "rate", "100"), NULL);
		if (!call("Assign", vf_of(n, "domain", "sql"), NULL))
			call("Unassign", vf_of(n, NULL, NULL), NULL);
		call(n % 2 ? "ListVFs" : "Metrics", NULL, NULL);
	}
	return NULL;
}

static void many_start_and_stop_at_once(void **state)
{
	static struct tenant tenants[TENANTS];
	pthread_t threads[TENANTS], callers[CALLERS];

	for (int i = 0; i < CALLERS; i++)
		assert_int_equal(pthread_create(&callers[i], NULL, operate, NULL), 0);
	for (int i = 0; i < TENANTS; i++) {
		tenants[i].number = i;
		tenants[i].conn = bed.core.conn;
		snprintf(tenants[i].name, sizeof(tenants[i].name), "tenant%d", i);
		snprintf(tenants[i].uuid, UUID_TEXT, "c7a5fdbd-edaf-9455-926a-0000000000%02x", i);
		assert_int_equal(pthread_create(&threads[i], NULL, live, &tenants[i]), 0);
	}
	for (int i = 0; i < TENANTS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < CALLERS; i++)
		pthread_join(callers[i], NULL);
	for (int i = 0; i < TENANTS; i++)
		if (tenants[i].failure)
			fail_msg("%s", tenants[i].failure);
	assert_int_equal(atomic_load(&starts), TENANTS * ROUNDS);
	print_message("slowest hook: %u ms of %u starts\n", atomic_load(&slowest_ms),
		      atomic_load(&starts));
	assert_true(atomic_load(&slowest_ms) < HOOK_MS);
}

/* By `virsh metadata`, which is no new definition to libvirt. */
static void metadata_that_is_set_is_heard_of(void **state)
{
	CLEANUP(virt_free) virDomainPtr dom = NULL;
	CLEANUP(cleanup_free) char *xml = NULL;

	assert_int_equal(virt_find(bed.core.conn, "web", &dom, NULL), 0);
	if (virDomainSetMetadata(dom, VIR_DOMAIN_METADATA_ELEMENT, "<vf pf='" BED_PF "'/>",
				 "pfkeep", DOMAIN_NAMESPACE, VIR_DOMAIN_AFFECT_CONFIG))
		fail_msg("%s", virGetLastErrorMessage());
	xml = await_vf(dom);
	assert_non_null(xml);
	assert_non_null(strstr(xml, "<hostdev"));
	assert_int_equal(virDomainUndefine(dom), 0);
}

/* All are undefined: nothing is anybody's. The lock stays: the watcher's thread never ends. */
static void nothing_is_left_over(void **state)
{
	static const struct bdf other = { 0, 2, 0, 0 };

	pthread_mutex_lock(&service.lock);
	assert_int_equal(core_settle_all(&bed.core, report, NULL, &bed.problem), 0);
	assert_int_equal(owner_check(bed.core.owners, &bed.problem), 0);
	assert_int_equal(owner_count(bed.core.owners, &bed_pf), 0);
	assert_int_equal(owner_count(bed.core.owners, &other), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(many_start_and_stop_at_once, setup),
		cmocka_unit_test(metadata_that_is_set_is_heard_of),
		cmocka_unit_test(nothing_is_left_over),
	};
	int failed;

	listen_first();
	bed_setup(NULL);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	fakehost_teardown(&bed.host);
	/* Nor is anything taken down under libvirt's thread. */
	_exit(failed);
}
