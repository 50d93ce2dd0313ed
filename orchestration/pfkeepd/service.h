/* SPDX-License-Identifier: GPL-2.0-only */
/* From a request to its answer: what a connection's thread calls. */
#ifndef PFKEEPD_SERVICE_H
#define PFKEEPD_SERVICE_H

#include <json-c/json_object.h>
#include <pthread.h>
#include <stdbool.h>

#include "pfkeep/core.h"

struct service {
	struct core *core;
	const char *uri;    /* of libvirt; NULL: the connection isn't made anew */
	core_report report; /* of what fails beside an operation */
	/* libvirt was connected anew; may be NULL. */
	void (*connected)(struct service *service);
	pthread_mutex_t lock; /* one operation at a time; protects core but for its books */
};

/* A method's parameters, checked against its list before it is called. */
struct service_call {
	struct core *core;
	struct json_object *in;	 /* may be NULL */
	struct json_object *out; /* to be filled in */
	int fd;			 /* goes with the answer; -1: none */
};

struct service_method {
	const char *name;
	const char *parameters; /* names, each followed by a space */
	int (*run)(struct service_call *call, struct problem *problem);
	/* Reads the books only, so it doesn't wait for an operation or for libvirt. */
	bool quick;
};

#define SERVICE_EVENTS "Events"

extern const struct service_method service_methods[];
extern const size_t service_method_count;
/* In Varlink's own language. */
extern const char service_interface[];

/* Call with the lock held: libvirt's daemon may have been restarted since. */
int service_need_libvirt(struct service *service, struct problem *problem);
/*
 * The answer to a message, an error of Varlink or ours included; -ENOMEM. And the
 * file that goes with it, or -1; the caller's to close.
 */
int service_answer(struct service *service, struct json_object *request,
		   struct json_object **ret_reply, int *ret_fd);
/* Serve a connection until the other end hangs up or breaks the protocol. */
void service_serve(struct service *service, int fd);

#endif
