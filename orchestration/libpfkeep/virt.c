// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <libvirt/libvirt-qemu.h>
#include <libvirt/virterror.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "pfkeep/cleanup.h"
#include "pfkeep/domain.h"
#include "pfkeep/uuid.h"
#include "pfkeep/virt.h"

static const struct {
	virErrorNumber code;
	int err;
} errors[] = {
	{ VIR_ERR_NO_DOMAIN, -ENOENT },
	{ VIR_ERR_OPERATION_INVALID, -EINVAL },
	{ VIR_ERR_OPERATION_DENIED, -EACCES },
	{ VIR_ERR_AGENT_UNRESPONSIVE, -ENOTCONN },
	{ VIR_ERR_OPERATION_TIMEOUT, -ETIMEDOUT },
	{ VIR_ERR_NO_MEMORY, -ENOMEM },
	{ VIR_ERR_DOM_EXIST, -EEXIST },
	{ VIR_ERR_XML_ERROR, -EINVAL },
	{ VIR_ERR_NO_SUPPORT, -ENOTSUP },
};

#define AGENT_COMMAND_FAILED 113 /* VIR_ERR_AGENT_COMMAND_FAILED, of a newer libvirt than ours */

#define SAID_MAX  200
#define SAID_HEAD 60

/* Of a long message (a QEMU that didn't start) the end says why. */
static void shorten(const char *message, char ret_said[static SAID_MAX + 1])
{
	static const char gap[] = " ... ";
	size_t len = strlen(message);

	while (len && (message[len - 1] == '\n' || message[len - 1] == ' '))
		len--;
	if (len <= SAID_MAX) {
		snprintf(ret_said, SAID_MAX + 1, "%.*s", (int)len, message);
		return;
	}
	const size_t tail = SAID_MAX - SAID_HEAD - (sizeof(gap) - 1);

	snprintf(ret_said, SAID_MAX + 1, "%.*s%s%.*s", SAID_HEAD, message, gap, (int)tail,
		 message + len - tail);
}

static int explain(struct problem *problem, const virError *error, const char *object)
{
	char said[SAID_MAX + 1];
	int err = -EIO;

	for (size_t i = 0; error && i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i].code == (virErrorNumber)error->code)
			err = errors[i].err;
	shorten(error && error->message ? error->message : "libvirt failed without a word", said);
	return problem_set(problem, err, "%.60s: %s", object, said);
}

/* The last error of libvirt in this thread. */
static int failed(struct problem *problem, const char *object)
{
	return explain(problem, virGetLastError(), object);
}

/* The same of a domain; asking for its name would drop the error. */
static int failed_on(struct problem *problem, virDomainPtr dom)
{
	virErrorPtr error = virSaveLastError();
	int ret = explain(problem, error, virDomainGetName(dom));

	virFreeError(error);
	return ret;
}

static void ignore_error(void *data, virErrorPtr error)
{
}

int virt_connect(const char *uri, virConnectPtr *ret_conn, struct problem *problem)
{
	/* libvirt prints its errors unless told not to. */
	virSetErrorFunc(NULL, ignore_error);
	*ret_conn = virConnectOpen(uri);
	return *ret_conn ? 0 : failed(problem, uri);
}

void virt_free(virDomainPtr *dom)
{
	if (*dom)
		virDomainFree(*dom);
}

int virt_find(virConnectPtr conn, const char *name_or_uuid, virDomainPtr *ret_dom,
	      struct problem *problem)
{
	char uuid[UUID_TEXT];

	*ret_dom = uuid_parse(name_or_uuid, uuid) ? NULL : virDomainLookupByUUIDString(conn, uuid);
	if (!*ret_dom)
		*ret_dom = virDomainLookupByName(conn, name_or_uuid);
	if (*ret_dom)
		return 0;
	if (virGetLastErrorCode() == VIR_ERR_NO_DOMAIN)
		return problem_set(problem, -ENOENT, "%.60s: libvirt knows no such domain",
				   name_or_uuid);
	return failed(problem, name_or_uuid);
}

static int define(virConnectPtr conn, const char *xml, unsigned int flags, struct problem *problem)
{
	virDomainPtr dom = virDomainDefineXMLFlags(conn, xml, flags);

	if (!dom)
		return failed(problem, "the PF VM");
	virDomainFree(dom);
	return 0;
}

int virt_define(virConnectPtr conn, const char *xml, struct problem *problem)
{
	return define(conn, xml, VIR_DOMAIN_DEFINE_VALIDATE, problem);
}

/* Not validated: it may hold what the schema doesn't know, as it did before. */
int virt_redefine(virConnectPtr conn, const char *xml, struct problem *problem)
{
	return define(conn, xml, 0, problem);
}

int virt_start(virConnectPtr conn, const char *uuid, struct problem *problem)
{
	CLEANUP(virt_free) virDomainPtr dom = NULL;
	int ret;

	ret = virt_find(conn, uuid, &dom, problem);
	if (ret)
		return ret;
	return virDomainCreate(dom) ? failed_on(problem, dom) : 0;
}

int virt_drop_saved(virConnectPtr conn, const char *uuid, struct problem *problem)
{
	CLEANUP(virt_free) virDomainPtr dom = NULL;
	int ret = virt_find(conn, uuid, &dom, problem);

	if (ret)
		return ret;
	if (virDomainHasManagedSaveImage(dom, 0) == 1 && virDomainManagedSaveRemove(dom, 0))
		return failed_on(problem, dom);
	return 0;
}

/* It may end by itself in that moment. */
static int stop(virDomainPtr dom, struct problem *problem)
{
	if (virDomainIsActive(dom) == 1 && virDomainDestroy(dom) && virDomainIsActive(dom) == 1)
		return failed_on(problem, dom);
	return 0;
}

int virt_stop(virConnectPtr conn, const char *uuid, struct problem *problem)
{
	CLEANUP(virt_free) virDomainPtr dom = NULL;
	int ret = virt_find(conn, uuid, &dom, problem);

	return ret ? ret : stop(dom, problem);
}

int virt_remove(virConnectPtr conn, const char *uuid, struct problem *problem)
{
	/* Else libvirt keeps the definition for what was saved of the domain. */
	static const unsigned int all =
		VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA;
	CLEANUP(virt_free) virDomainPtr dom = NULL;
	int ret;

	ret = virt_find(conn, uuid, &dom, problem);
	if (ret)
		return ret == -ENOENT ? 0 : ret;
	ret = stop(dom, problem);
	if (ret)
		return ret;
	/* A transient one is gone by now. */
	if (virDomainIsPersistent(dom) == 1 && virDomainUndefineFlags(dom, all))
		return failed_on(problem, dom);
	return 0;
}

bool virt_is_running(virConnectPtr conn, const char *uuid)
{
	CLEANUP(virt_free) virDomainPtr dom = NULL;

	return !virt_find(conn, uuid, &dom, NULL) && virDomainIsActive(dom) == 1;
}

bool virt_has_function(virDomainPtr dom, const struct bdf *bdf)
{
	CLEANUP(cleanup_free) char *xml = virDomainGetXMLDesc(dom, 0);
	struct domain_info info;
	bool has = false;

	if (!xml || domain_parse(xml, strlen(xml), &info, NULL))
		return false;
	for (size_t i = 0; i < info.n_hostdevs; i++)
		has |= bdf_equal(&info.hostdevs[i].bdf, bdf);
	domain_release(&info);
	return has;
}

int virt_definition(virDomainPtr dom, char **ret_xml, struct problem *problem)
{
	*ret_xml = virDomainGetXMLDesc(dom, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE);
	return *ret_xml ? 0 : failed_on(problem, dom);
}

int virt_list_defined(virConnectPtr conn, virDomainPtr **ret_doms, struct problem *problem)
{
	int n = virConnectListAllDomains(conn, ret_doms, VIR_CONNECT_LIST_DOMAINS_PERSISTENT);

	return n < 0 ? failed(problem, "the domains") : n;
}

/* Others than QEMU's driver drop its namespace without a word. */
static bool is_qemu(virDomainPtr dom)
{
	const char *type = virConnectGetType(virDomainGetConnect(dom));

	return type && !strcmp(type, "QEMU");
}

int virt_edit_tenant(virDomainPtr dom, const struct domain_tenant *wanted, struct problem *problem)
{
	struct domain_tenant tenant = *wanted;
	CLEANUP(cleanup_free) char *old = NULL;
	CLEANUP(cleanup_free) char *new = NULL;
	virDomainPtr defined;
	int ret;

	if (virDomainIsPersistent(dom) != 1)
		return problem_set(
			problem, -ENOTSUP,
			"%.60s: has no definition that a VF could be put into: define it",
			virDomainGetName(dom));
	if (!is_qemu(dom))
		tenant.token_file = NULL;
	ret = virt_definition(dom, &old, problem);
	if (ret)
		return ret;
	ret = domain_edit_tenant(old, &tenant, &new, problem);
	if (ret)
		return problem_prefix(problem, ret, "%.60s", virDomainGetName(dom));
	if (!new)
		return 0;
	/* Not validated: it may hold what the schema doesn't know, as it did before. */
	defined = virDomainDefineXMLFlags(virDomainGetConnect(dom), new, 0);
	if (!defined)
		return failed_on(problem, dom);
	virDomainFree(defined);
	return 0;
}

int virt_attach(virDomainPtr dom, const char *device, struct problem *problem)
{
	return virDomainAttachDeviceFlags(dom, device, VIR_DOMAIN_AFFECT_LIVE)
		       ? failed_on(problem, dom)
		       : 0;
}

int virt_detach(virDomainPtr dom, const char *device, struct problem *problem)
{
	return virDomainDetachDeviceFlags(dom, device, VIR_DOMAIN_AFFECT_LIVE)
		       ? failed_on(problem, dom)
		       : 0;
}

int virt_start_as(virConnectPtr conn, const char *uuid, const char *xml, bool apart,
		  struct problem *problem)
{
	CLEANUP(virt_free) virDomainPtr dom = NULL;
	CLEANUP(virt_free) virDomainPtr started = NULL;
	CLEANUP(cleanup_free) char *defined = NULL;
	CLEANUP(cleanup_free) char *without = NULL;
	CLEANUP(cleanup_free) char *pf = NULL;
	int ret;

	ret = virt_find(conn, uuid, &dom, problem);
	if (!ret && !xml)
		ret = virt_definition(dom, &defined, problem);
	if (!xml)
		xml = defined;
	if (!ret && apart)
		ret = domain_pfvm_apart(xml, &without, &pf, problem);
	if (ret)
		return ret;
	/* As if it were transient; libvirt goes back to the definition when it ends. */
	started = virDomainCreateXML(conn, apart ? without : xml, 0);
	return started ? 0 : failed_on(problem, dom);
}

int virt_plug_pf(virDomainPtr dom, struct problem *problem)
{
	CLEANUP(cleanup_free) char *xml = NULL;
	CLEANUP(cleanup_free) char *without = NULL;
	CLEANUP(cleanup_free) char *pf = NULL;
	int ret = virt_definition(dom, &xml, problem);

	if (!ret)
		ret = domain_pfvm_apart(xml, &without, &pf, problem);
	return ret ? ret : virt_attach(dom, pf, problem);
}

/* The agent has answered, with an error: a code since libvirt 11.2, a text of all of them. */
static bool agent_refused(void)
{
	const virError *error = virGetLastError();

	return error &&
	       (error->code == AGENT_COMMAND_FAILED ||
		(error->message && strstr(error->message, "unable to execute QEMU agent command")));
}

static int agent_command(void *data, const char *request, unsigned int timeout_s, char **ret_reply,
			 struct problem *problem)
{
	virDomainPtr dom = data;
	bool refused;
	int ret;

	*ret_reply = virDomainQemuAgentCommand(dom, request, (int)timeout_s, 0);
	if (*ret_reply)
		return 0;
	refused = agent_refused();
	ret = failed_on(problem, dom);
	return refused ? -EREMOTEIO : ret;
}

struct agent_link virt_agent(virDomainPtr dom)
{
	return (struct agent_link){ agent_command, dom };
}

/* Two callbacks have it, besides who waits. */
struct waiter {
	pthread_mutex_t lock; /* protects what follows */
	pthread_cond_t changed;
	bool connected, ended;
	unsigned int refs;
};

static void on_agent(virConnectPtr conn, virDomainPtr dom, int state, int reason, void *data)
{
	struct waiter *waiter = data;

	pthread_mutex_lock(&waiter->lock);
	waiter->connected = state == VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED;
	pthread_cond_broadcast(&waiter->changed);
	pthread_mutex_unlock(&waiter->lock);
}

static int on_lifecycle(virConnectPtr conn, virDomainPtr dom, int event, int detail, void *data)
{
	struct waiter *waiter = data;

	if (event != VIR_DOMAIN_EVENT_STOPPED)
		return 0;
	pthread_mutex_lock(&waiter->lock);
	waiter->ended = true;
	pthread_cond_broadcast(&waiter->changed);
	pthread_mutex_unlock(&waiter->lock);
	return 0;
}

/* libvirt drops its references when no callback can come any more. */
static void put_waiter(void *data)
{
	struct waiter *waiter = data;
	bool last;

	pthread_mutex_lock(&waiter->lock);
	last = !--waiter->refs;
	pthread_mutex_unlock(&waiter->lock);
	if (!last)
		return;
	pthread_cond_destroy(&waiter->changed);
	pthread_mutex_destroy(&waiter->lock);
	free(waiter);
}

static int new_waiter(struct waiter **ret_waiter)
{
	struct waiter *waiter = calloc(1, sizeof(*waiter));
	pthread_condattr_t attr;

	if (!waiter)
		return -ENOMEM;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&waiter->lock, NULL);
	pthread_cond_init(&waiter->changed, &attr);
	pthread_condattr_destroy(&attr);
	waiter->refs = 1;
	*ret_waiter = waiter;
	return 0;
}

/* The callback's ID, or -1. */
static int listen_for(virDomainPtr dom, int event, virConnectDomainEventGenericCallback callback,
		      struct waiter *waiter)
{
	int id;

	pthread_mutex_lock(&waiter->lock);
	waiter->refs++;
	pthread_mutex_unlock(&waiter->lock);
	id = virConnectDomainEventRegisterAny(virDomainGetConnect(dom), dom, event, callback,
					      waiter, put_waiter);
	if (id < 0)
		put_waiter(waiter);
	return id;
}

static int wait_connected(struct waiter *waiter, unsigned int timeout_ms)
{
	struct timespec until;
	int ret = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += timeout_ms / 1000;
	until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	pthread_mutex_lock(&waiter->lock);
	while (!waiter->connected && !waiter->ended && !ret)
		ret = pthread_cond_timedwait(&waiter->changed, &waiter->lock, &until);
	if (waiter->ended)
		ret = ECONNABORTED;
	pthread_mutex_unlock(&waiter->lock);
	return -ret;
}

static int ask_or_wait(virDomainPtr dom, struct waiter *waiter, unsigned int timeout_ms,
		       struct problem *problem)
{
	const struct agent_link link = virt_agent(dom);
	int ret;

	/* It may have been there, or the domain gone, before we listened. */
	if (!agent_ping(&link, NULL))
		return 0;
	ret = virDomainIsActive(dom) ? wait_connected(waiter, timeout_ms) : -ECONNABORTED;
	if (ret == -ECONNABORTED)
		return problem_set(problem, ret,
				   "%.60s: ended while its guest agent was waited for",
				   virDomainGetName(dom));
	if (ret)
		return problem_set(problem, ret,
				   "%.60s: its guest agent didn't answer within %u ms",
				   virDomainGetName(dom), timeout_ms);
	return agent_ping(&link, problem);
}

int virt_wait_agent(virDomainPtr dom, unsigned int timeout_ms, struct problem *problem)
{
	virConnectPtr conn = virDomainGetConnect(dom);
	struct waiter *waiter;
	int agent, life, ret;

	ret = new_waiter(&waiter);
	if (ret)
		return ret;
	agent = listen_for(dom, VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE,
			   VIR_DOMAIN_EVENT_CALLBACK(on_agent), waiter);
	life = listen_for(dom, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
			  VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle), waiter);
	if (agent < 0 || life < 0)
		ret = failed_on(problem, dom);
	else
		ret = ask_or_wait(dom, waiter, timeout_ms, problem);
	if (agent >= 0)
		virConnectDomainEventDeregisterAny(conn, agent);
	if (life >= 0)
		virConnectDomainEventDeregisterAny(conn, life);
	put_waiter(waiter);
	return ret;
}
