// SPDX-License-Identifier: GPL-2.0-only
#include "orchestration/libpfkeep/vmm_threads.h"

#include <json-c/json.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "orchestration/libpfkeep/vmm_model.h"
#include "pfkeep/qmp.h"

static void add(struct vmm_threads *threads, const char *part, struct json_object *one)
{
	struct json_object *id;

	if (threads->n == VMM_THREADS_MAX || !json_object_object_get_ex(one, "thread-id", &id) ||
	    !json_object_is_type(id, json_type_int) || json_object_get_int64(id) < 2 ||
	    json_object_get_int64(id) > INT32_MAX || strlen(part) >= sizeof(threads->of[0].part))
		return;
	snprintf(threads->of[threads->n].part, sizeof(threads->of[0].part), "%s", part);
	threads->of[threads->n++].tid = (pid_t)json_object_get_int64(id);
}

static size_t count(struct json_object *list)
{
	return json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
}

void vmm_threads_list(struct json_object *cpus, struct json_object *iothreads,
		      struct vmm_threads *ret_threads)
{
	struct json_object *value;
	char part[24];

	ret_threads->n = 0;
	for (size_t i = 0; i < count(cpus); i++) {
		struct json_object *one = json_object_array_get_idx(cpus, i);

		if (!json_object_object_get_ex(one, "cpu-index", &value) ||
		    !json_object_is_type(value, json_type_int))
			continue;
		snprintf(part, sizeof(part), "vcpu%d", json_object_get_int(value));
		add(ret_threads, part, one);
	}
	/* libvirt calls the object as it calls the group. */
	for (size_t i = 0; i < count(iothreads); i++) {
		struct json_object *one = json_object_array_get_idx(iothreads, i);

		if (json_object_object_get_ex(one, "id", &value) &&
		    json_object_is_type(value, json_type_string) &&
		    !strncmp(json_object_get_string(value), "iothread", 8))
			add(ret_threads, json_object_get_string(value), one);
	}
}

static void place(const char *cgroup, const struct vmm_threads *threads)
{
	const char *last = strrchr(cgroup, '/');
	char group[PATH_MAX], tid[16];

	for (size_t i = 0; last && i < threads->n; i++) {
		snprintf(tid, sizeof(tid), "%d", (int)threads->of[i].tid);
		if (snprintf(group, sizeof(group), "%.*s/%s", (int)(last - cgroup), cgroup,
			     threads->of[i].part) < (int)sizeof(group))
			vmm_cgroup_write(group, "cgroup.threads", tid);
	}
}

void vmm_threads_place(struct qmp *qmp, pid_t pid)
{
	struct json_object *cpus = NULL, *iothreads = NULL;
	struct vmm_threads threads;
	char cgroup[PATH_MAX];

	if (vmm_cgroup(pid, cgroup, sizeof(cgroup)) ||
	    qmp_command(qmp, "query-cpus-fast", NULL, &cpus, NULL))
		return;
	qmp_command(qmp, "query-iothreads", NULL, &iothreads, NULL);
	vmm_threads_list(cpus, iothreads, &threads);
	place(cgroup, &threads);
	json_object_put(cpus);
	json_object_put(iothreads);
}
