// SPDX-License-Identifier: GPL-2.0-only
/* Varlink: messages, its own interface, dispatch. */
#include <errno.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "orchestration/pfkeepd/events.h"
#include "orchestration/pfkeepd/metrics.h"
#include "orchestration/pfkeepd/service.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/view.h"
#include "pfkeep/virt.h"
#include "pfkeep/wire.h"

#define VARLINK "org.varlink.service"

static int reply_with(struct json_object *parameters, const char *error,
		      struct json_object **ret_reply)
{
	struct json_object *reply = json_object_new_object();
	int ret = reply ? 0 : -ENOMEM;

	if (!ret && error)
		ret = view_add(reply, "error", json_object_new_string(error));
	if (!ret)
		ret = view_add(reply, "parameters", json_object_get(parameters));
	json_object_put(parameters);
	if (ret)
		json_object_put(reply);
	else
		*ret_reply = reply;
	return ret;
}

/* An error with one parameter. */
static int refuse(const char *error, const char *name, const char *value,
		  struct json_object **ret_reply)
{
	struct json_object *parameters = json_object_new_object();

	view_add(parameters, name, json_object_new_string(value));
	return reply_with(parameters, error, ret_reply);
}

static int get_info(struct json_object **ret_reply)
{
	struct json_object *info = json_object_new_object(), *list = json_object_new_array();

	view_add(info, "vendor", json_object_new_string("pfkeep"));
	view_add(info, "product", json_object_new_string("pfkeepd"));
	view_add(info, "version", json_object_new_string("1"));
	view_add(info, "url", json_object_new_string(""));
	view_append(list, json_object_new_string(VARLINK));
	view_append(list, json_object_new_string(WIRE_INTERFACE));
	view_add(info, "interfaces", list);
	return reply_with(info, NULL, ret_reply);
}

static const char varlink_interface[] =
	"interface org.varlink.service\n"
	"method GetInfo() -> (vendor: string, product: string, version: string, url: string,\n"
	"                     interfaces: []string)\n"
	"method GetInterfaceDescription(interface: string) -> (description: string)\n"
	"error InterfaceNotFound (interface: string)\n"
	"error MethodNotFound (method: string)\n"
	"error MethodNotImplemented (method: string)\n"
	"error InvalidParameter (parameter: string)\n";

static int get_description(struct json_object *in, struct json_object **ret_reply)
{
	struct json_object *value = NULL, *out;
	const char *name, *text;

	if (in)
		json_object_object_get_ex(in, "interface", &value);
	if (!json_object_is_type(value, json_type_string))
		return refuse(VARLINK ".InvalidParameter", "parameter", "interface", ret_reply);
	name = json_object_get_string(value);
	if (!strcmp(name, WIRE_INTERFACE))
		text = service_interface;
	else if (!strcmp(name, VARLINK))
		text = varlink_interface;
	else
		return refuse(VARLINK ".InterfaceNotFound", "interface", name, ret_reply);
	out = json_object_new_object();
	view_add(out, "description", json_object_new_string(text));
	return reply_with(out, NULL, ret_reply);
}

static int answer_varlink(const char *method, struct json_object *in,
			  struct json_object **ret_reply)
{
	if (!strcmp(method, VARLINK ".GetInfo"))
		return get_info(ret_reply);
	if (!strcmp(method, VARLINK ".GetInterfaceDescription"))
		return get_description(in, ret_reply);
	return refuse(VARLINK ".MethodNotFound", "method", method, ret_reply);
}

/* Is the word in the list, in which each is followed by a space? */
static bool listed(const char *list, const char *word)
{
	size_t n = strlen(word);

	while (*list) {
		size_t len = strcspn(list, " ");

		if (len == n && !memcmp(list, word, n))
			return true;
		list += len + 1;
	}
	return false;
}

/* The name of a parameter that the method doesn't have, or NULL. */
static const char *unknown_parameter(const struct service_method *method, struct json_object *in)
{
	if (!in)
		return NULL;
	json_object_object_foreach(in, name, value) {
		(void)value;
		if (!listed(method->parameters, name))
			return name;
	}
	return NULL;
}

int service_need_libvirt(struct service *service, struct problem *problem)
{
	virConnectPtr conn;
	int ret;

	if (!service->uri || virConnectIsAlive(service->core->conn) == 1)
		return 0;
	ret = virt_connect(service->uri, &conn, problem);
	if (ret)
		return ret;
	virConnectClose(service->core->conn);
	service->core->conn = conn;
	if (service->connected)
		service->connected(service);
	return 0;
}

static int operate(struct service *service, const struct service_method *method,
		   struct service_call *call, struct problem *problem)
{
	int ret;

	pthread_mutex_lock(&service->lock);
	ret = service_need_libvirt(service, problem);
	if (!ret)
		ret = method->run(call, problem);
	/* What it gave back or made may be what others wait for. */
	if (!ret)
		core_settle_unmet(service->core, service->report, NULL);
	pthread_mutex_unlock(&service->lock);
	return ret;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static int run(struct service *service, const struct service_method *method, struct json_object *in,
	       struct json_object **ret_reply, int *ret_fd)
{
	struct service_call call = { service->core, in, json_object_new_object(), -1 };
	const char *unknown = unknown_parameter(method, in);
	struct problem problem = { "" };
	uint64_t start = now_ns();
	int ret;

	if (unknown) {
		json_object_put(call.out);
		return refuse(VARLINK ".InvalidParameter", "parameter", unknown, ret_reply);
	}
	ret = method->quick ? method->run(&call, &problem)
			    : operate(service, method, &call, &problem);
	metrics_count((size_t)(method - service_methods), ret, now_ns() - start);
	if (!ret) {
		*ret_fd = call.fd;
		return reply_with(call.out, NULL, ret_reply);
	}
	json_object_put(call.out);
	return refuse(WIRE_INTERFACE ".Failed", "message",
		      *problem.text ? problem.text : strerror(-ret), ret_reply);
}

int service_answer(struct service *service, struct json_object *request,
		   struct json_object **ret_reply, int *ret_fd)
{
	struct json_object *value = json_object_object_get(request, "method"), *in = NULL;
	const size_t prefix = strlen(WIRE_INTERFACE);
	const char *method;

	*ret_fd = -1;
	if (!json_object_is_type(value, json_type_string))
		return refuse(VARLINK ".InvalidParameter", "parameter", "method", ret_reply);
	method = json_object_get_string(value);
	if (json_object_object_get_ex(request, "parameters", &in) && in &&
	    !json_object_is_type(in, json_type_object))
		return refuse(VARLINK ".InvalidParameter", "parameter", "parameters", ret_reply);
	if (!strncmp(method, VARLINK ".", strlen(VARLINK ".")))
		return answer_varlink(method, in, ret_reply);
	if (strncmp(method, WIRE_INTERFACE ".", prefix + 1))
		return refuse(VARLINK ".InterfaceNotFound", "interface", method, ret_reply);
	for (size_t i = 0; i < service_method_count; i++)
		if (!strcmp(method + prefix + 1, service_methods[i].name))
			return run(service, &service_methods[i], in, ret_reply, ret_fd);
	return refuse(VARLINK ".MethodNotFound", "method", method, ret_reply);
}

static bool wants_events(struct json_object *request)
{
	struct json_object *method = json_object_object_get(request, "method");

	return json_object_is_type(method, json_type_string) &&
	       !strcmp(json_object_get_string(method), WIRE_INTERFACE "." SERVICE_EVENTS) &&
	       json_object_get_boolean(json_object_object_get(request, "more"));
}

void service_serve(struct service *service, int fd)
{
	struct json_object *request, *reply;

	while (!wire_read(fd, &request)) {
		CLEANUP(cleanup_close) int file = -1;
		int ret;

		if (wants_events(request)) {
			json_object_put(request);
			events_serve(fd);
			return;
		}
		ret = service_answer(service, request, &reply, &file);
		json_object_put(request);
		if (ret)
			return;
		ret = wire_write_file(fd, reply, file);
		json_object_put(reply);
		if (ret)
			return;
	}
}
