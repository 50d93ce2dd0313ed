/* SPDX-License-Identifier: GPL-2.0-only */
/* libvirt in the library's idiom: -errno and one line instead of its errors. */
#ifndef PFKEEP_VIRT_H
#define PFKEEP_VIRT_H

#include <libvirt/libvirt.h>
#include <stdbool.h>

#include "pfkeep/agent.h"
#include "pfkeep/domain.h"
#include "pfkeep/problem.h"

int virt_connect(const char *uri, virConnectPtr *ret_conn, struct problem *problem);

/* -ENOENT if there is no such domain. */
int virt_find(virConnectPtr conn, const char *name_or_uuid, virDomainPtr *ret_dom,
	      struct problem *problem);
void virt_free(virDomainPtr *dom);
int virt_define(virConnectPtr conn, const char *xml, struct problem *problem);
/* Of a domain that is defined: the definition becomes this one. */
int virt_redefine(virConnectPtr conn, const char *xml, struct problem *problem);
int virt_start(virConnectPtr conn, const char *uuid, struct problem *problem);
/* It boots when it starts next, whatever was saved of it. */
int virt_drop_saved(virConnectPtr conn, const char *uuid, struct problem *problem);
/*
 * A PF VM by this XML instead of its definition (NULL: by that), which stays; or, if apart,
 * without its PF: -ENOENT if it has none.
 */
int virt_start_as(virConnectPtr conn, const char *uuid, const char *xml, bool apart,
		  struct problem *problem);
/* The PF of its definition, for one that was started so. */
int virt_plug_pf(virDomainPtr dom, struct problem *problem);
/* The running domain has the function, by whatever hand. */
bool virt_has_function(virDomainPtr dom, const struct bdf *bdf);
int virt_stop(virConnectPtr conn, const char *uuid, struct problem *problem);
/* Whatever is left of it: stop it if it runs, take its definition away. */
int virt_remove(virConnectPtr conn, const char *uuid, struct problem *problem);
bool virt_is_running(virConnectPtr conn, const char *uuid);

/* As it will start next. */
int virt_definition(virDomainPtr dom, char **ret_xml, struct problem *problem);
/* How many; each and the list are the caller's. */
int virt_list_defined(virConnectPtr conn, virDomainPtr **ret_doms, struct problem *problem);
/* Nothing is written if the definition is so already. -ENOTSUP if there is none. */
int virt_edit_tenant(virDomainPtr dom, const struct domain_tenant *wanted, struct problem *problem);

/* To and from the running domain; its definition stays. */
int virt_attach(virDomainPtr dom, const char *device, struct problem *problem);
int virt_detach(virDomainPtr dom, const char *device, struct problem *problem);

/* The agent in a domain, by libvirt. The domain must outlive the link. */
struct agent_link virt_agent(virDomainPtr dom);
/*
 * Until the agent has connected; -ECONNABORTED if the domain ends before. Needs
 * libvirt's event loop to run in another thread.
 */
int virt_wait_agent(virDomainPtr dom, unsigned int timeout_ms, struct problem *problem);

#endif
