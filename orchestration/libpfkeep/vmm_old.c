// SPDX-License-Identifier: GPL-2.0-only
#include "orchestration/libpfkeep/vmm_old.h"

#include <errno.h>
#include <json-c/json.h>
#include <libvirt/libvirt-qemu.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pfkeep/qmp.h"

#define LOOK_MS 100

int vmm_old_command(virDomainPtr dom, const char *name, struct json_object *arguments,
		    struct json_object **ret_return, struct problem *problem)
{
	struct json_object *request = qmp_request(name, arguments), *answer, *value = NULL;
	char *text = NULL;
	int ret = virDomainQemuMonitorCommand(
		dom, json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN), &text, 0);

	json_object_put(request);
	if (ret)
		return problem_set(problem, -EIO, "%s: %s", name, virGetLastErrorMessage());
	answer = json_tokener_parse(text);
	free(text);
	if (!json_object_is_type(answer, json_type_object)) {
		json_object_put(answer);
		return problem_set(problem, -EBADMSG, "%s: QEMU answers no object", name);
	}
	ret = qmp_answer(answer, name, &value, problem);
	if (!ret && ret_return)
		*ret_return = json_object_get(value);
	json_object_put(answer);
	return ret;
}

int vmm_old_version(virDomainPtr dom, struct vmm_qemu *qemu, struct problem *problem)
{
	struct json_object *value = NULL;
	int ret = vmm_old_command(dom, "query-version", NULL, &value, problem);

	if (!ret && vmm_read_version(value, qemu))
		ret = problem_set(problem, -EBADMSG, "the running QEMU tells no version");
	json_object_put(value);
	return ret;
}

static int set_mode(virDomainPtr dom, const char *mode, struct problem *problem)
{
	struct json_object *arguments = json_object_new_object();

	json_object_object_add(arguments, "mode", json_object_new_string(mode));
	return vmm_old_command(dom, "migrate-set-parameters", arguments, NULL, problem);
}

/* They are counted for each mode apart. */
int vmm_old_blockers(virDomainPtr dom, struct problem *problem)
{
	struct json_object *value = NULL, *reasons;
	int ret = set_mode(dom, "cpr-transfer", problem);

	if (ret == -EREMOTEIO)
		return problem_set(problem, -ENOTSUP, "the running QEMU has no CPR");
	if (!ret)
		ret = vmm_old_command(dom, "query-migrate", NULL, &value, problem);
	set_mode(dom, "normal", NULL);
	if (!ret && json_object_object_get_ex(value, "blocked-reasons", &reasons) &&
	    json_object_array_length(reasons))
		ret = problem_set(problem, -ENOTSUP, "the running QEMU can't hand over: %s",
				  json_object_get_string(json_object_array_get_idx(reasons, 0)));
	json_object_put(value);
	return ret;
}

/*
 * With it the old QEMU waits for the new one's word that all was loaded. Else it is done when all
 * is written, and its guest stands still for good if the new one dies then.
 */
static int set_return_path(virDomainPtr dom, bool on, struct problem *problem)
{
	struct json_object *arguments = json_object_new_object(), *one = json_object_new_object();
	struct json_object *list = json_object_new_array();

	json_object_object_add(one, "capability", json_object_new_string("return-path"));
	json_object_object_add(one, "state", json_object_new_boolean(on));
	json_object_array_add(list, one);
	json_object_object_add(arguments, "capabilities", list);
	return vmm_old_command(dom, "migrate-set-capabilities", arguments, NULL, problem);
}

static struct json_object *channel(const char *type, const char *path)
{
	struct json_object *channel = json_object_new_object(), *addr = json_object_new_object();

	json_object_object_add(addr, "transport", json_object_new_string("socket"));
	json_object_object_add(addr, "type", json_object_new_string("unix"));
	json_object_object_add(addr, "path", json_object_new_string(path));
	json_object_object_add(channel, "channel-type", json_object_new_string(type));
	json_object_object_add(channel, "addr", addr);
	return channel;
}

int vmm_old_migrate(virDomainPtr dom, const char *main_path, const char *cpr_path,
		    struct problem *problem)
{
	struct json_object *arguments, *channels;
	int ret = set_mode(dom, "cpr-transfer", problem);

	if (!ret)
		ret = set_return_path(dom, true, problem);
	if (ret)
		return ret;
	arguments = json_object_new_object();
	channels = json_object_new_array();
	json_object_array_add(channels, channel("main", main_path));
	json_object_array_add(channels, channel("cpr", cpr_path));
	json_object_object_add(arguments, "channels", channels);
	ret = vmm_old_command(dom, "migrate", arguments, NULL, problem);
	return ret == -EIO ? -ECONNABORTED : ret;
}

static int is_running(virDomainPtr dom, bool *ret_running, struct problem *problem)
{
	struct json_object *value = NULL;
	int ret = vmm_old_command(dom, "query-status", NULL, &value, problem);

	*ret_running = !ret && json_object_get_boolean(json_object_object_get(value, "running"));
	json_object_put(value);
	return ret;
}

int vmm_old_cancel(virDomainPtr dom, struct problem *problem)
{
	return vmm_old_command(dom, "migrate_cancel", NULL, NULL, problem);
}

int vmm_old_go_on(virDomainPtr dom, unsigned int timeout_ms, struct problem *problem)
{
	const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000L };
	int64_t deadline = qmp_now_ms() + timeout_ms;
	bool running = false;
	int ret;

	while (!(ret = is_running(dom, &running, problem)) && !running) {
		if (qmp_now_ms() > deadline)
			return problem_set(problem, -ETIMEDOUT, "the old QEMU doesn't go on");
		/* banned-ok: its events are libvirt's, and no thread of ours hears those */
		nanosleep(&pause, NULL);
	}
	if (!ret) {
		set_return_path(dom, false, NULL);
		set_mode(dom, "normal", NULL);
	}
	return ret;
}

int vmm_old_set_fd(virDomainPtr dom, int set, int *ret_fd, struct problem *problem)
{
	struct json_object *sets = NULL, *fds;
	int ret = vmm_old_command(dom, "query-fdsets", NULL, &sets, problem);

	if (ret)
		return ret;
	ret = -ENOENT;
	for (size_t i = 0; i < json_object_array_length(sets); i++) {
		struct json_object *one = json_object_array_get_idx(sets, i);

		if (json_object_get_int(json_object_object_get(one, "fdset-id")) != set ||
		    !json_object_object_get_ex(one, "fds", &fds) || !json_object_array_length(fds))
			continue;
		*ret_fd = json_object_get_int(
			json_object_object_get(json_object_array_get_idx(fds, 0), "fd"));
		ret = 0;
	}
	json_object_put(sets);
	return ret ? problem_set(problem, ret, "the running QEMU has no set %d of descriptors", set)
		   : 0;
}

#define PERIPHERAL "/machine/peripheral"

static struct json_object *at_path(const char *path)
{
	struct json_object *arguments = json_object_new_object();

	json_object_object_add(arguments, "path", json_object_new_string(path));
	return arguments;
}

static int get_property(virDomainPtr dom, const char *id, const char *name,
			struct json_object **ret_value, struct problem *problem)
{
	struct json_object *arguments;
	char path[256];

	snprintf(path, sizeof(path), PERIPHERAL "/%s", id);
	arguments = at_path(path);
	json_object_object_add(arguments, "property", json_object_new_string(name));
	return vmm_old_command(dom, "qom-get", arguments, ret_value, problem);
}

static int add_function(virDomainPtr dom, const char *id, struct vmm_args *args,
			struct problem *problem)
{
	struct json_object *host = NULL, *bus = NULL, *addr = NULL;
	const char *path, *name;
	int ret;

	ret = get_property(dom, id, "host", &host, problem);
	if (!ret)
		ret = get_property(dom, id, "parent_bus", &bus, problem);
	if (!ret)
		ret = get_property(dom, id, "addr", &addr, problem);
	path = ret ? NULL : json_object_get_string(bus);
	name = path ? strrchr(path, '/') : NULL;
	if (!ret && !name)
		ret = problem_set(problem, -EBADMSG, "%.60s: QEMU names no bus of it", id);
	if (!ret)
		ret = vmm_args_add_vfio(args, id, json_object_get_string(host), name + 1,
					(unsigned int)json_object_get_int(addr));
	json_object_put(host);
	json_object_put(bus);
	json_object_put(addr);
	return ret;
}

/* "child<TYPE>"; what else there is isn't a device. */
static int add_device(virDomainPtr dom, struct json_object *one, struct vmm_args *args,
		      struct problem *problem)
{
	const char *id = json_object_get_string(json_object_object_get(one, "name"));
	const char *type = json_object_get_string(json_object_object_get(one, "type"));

	if (!id || !type || strncmp(type, "child<", 6) != 0 || vmm_args_has_device(args, id))
		return 0;
	if (!strcmp(type, "child<vfio-pci>"))
		return add_function(dom, id, args, problem);
	return problem_set(problem, -ENOTSUP, "%.60s (%.*s) was plugged in while it ran", id,
			   (int)strcspn(type + 6, ">"), type + 6);
}

static bool is_listed(void *list, const char *id)
{
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *one = json_object_array_get_idx(list, i);
		const char *name = json_object_get_string(json_object_object_get(one, "name"));

		if (name && !strcmp(name, id))
			return true;
	}
	return false;
}

int vmm_old_plugged(virDomainPtr dom, struct vmm_args *args, struct problem *problem)
{
	struct json_object *list = NULL;
	int ret = vmm_old_command(dom, "qom-list", at_path(PERIPHERAL), &list, problem);

	if (!ret && !json_object_is_type(list, json_type_array))
		ret = problem_set(problem, -EBADMSG, "qom-list: QEMU answers no list");
	for (size_t i = 0; !ret && i < json_object_array_length(list); i++)
		ret = add_device(dom, json_object_array_get_idx(list, i), args, problem);
	if (!ret)
		vmm_args_keep_devices(args, is_listed, list);
	json_object_put(list);
	return ret;
}
