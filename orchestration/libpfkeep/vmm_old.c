// SPDX-License-Identifier: GPL-2.0-only
#include "orchestration/libpfkeep/vmm_old.h"

#include <errno.h>
#include <json-c/json.h>
#include <libvirt/libvirt-qemu.h>
#include <libvirt/virterror.h>
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
