// SPDX-License-Identifier: GPL-2.0-only
/* Below /run, which goes from an initramfs to the host's init. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "orchestration/libpfkeep/live_json.h"
#include "orchestration/libpfkeep/live_machine.h"
#include "orchestration/libpfkeep/live_qmp.h"
#include "orchestration/libpfkeep/vmm_threads.h"
#include "pfkeep/cleanup.h"

static int add_threads(struct live_qmp *qmp, struct json_object *note, struct problem *problem)
{
	struct json_object *cpus = NULL, *iothreads = NULL;
	struct vmm_threads threads;
	struct json_object *list;
	int ret = live_qmp_call(qmp, "query-cpus-fast", NULL, &cpus, problem);

	if (!ret)
		ret = live_qmp_call(qmp, "query-iothreads", NULL, &iothreads, problem);
	vmm_threads_list(cpus, iothreads, &threads);
	list = json_put_list(note, "threads");
	for (size_t i = 0; i < threads.n; i++) {
		struct json_object *one = json_append(list);

		json_put_text(one, "part", threads.of[i].part);
		json_put_number(one, "tid", (uint64_t)threads.of[i].tid);
	}
	json_object_put(cpus);
	json_object_put(iothreads);
	return ret;
}

/* Whole or not at all: pfkeep-settle runs when we may be long dead. */
static int put_note(const struct root *root, const char *uuid, const char *text)
{
	static const char *const dirs[] = { "run", "run/pfkeep", LIVE_MACHINES };
	CLEANUP(cleanup_close) int fd = -1;
	char path[128], tmp[128];
	size_t len = strlen(text);
	int ret;

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (mkdirat(root->fd, dirs[i],
			    i + 1 < sizeof(dirs) / sizeof(dirs[0]) ? 0711 : 0700) &&
		    errno != EEXIST)
			return -errno;
	snprintf(path, sizeof(path), LIVE_MACHINES "/%s", uuid);
	snprintf(tmp, sizeof(tmp), LIVE_MACHINES "/.%s", uuid);
	fd = openat(root->fd, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	ret = write(fd, text, len) == (ssize_t)len ? 0 : -EIO;
	if (!ret && renameat(root->fd, tmp, root->fd, path))
		ret = -errno;
	if (ret)
		unlinkat(root->fd, tmp, 0);
	return ret;
}

int live_machine_note(const struct root *root, const struct live_vm *vm, struct live_qmp *qmp,
		      struct problem *problem)
{
	struct json_object *note;
	int ret;

	if (!vm->domain->machine)
		return 0;
	note = json_object_new_object();
	json_put_text(note, "name", vm->name);
	json_put_text(note, "uuid", vm->domain->uuid);
	json_put_number(note, "pid", (uint64_t)vm->pid);
	json_object_object_add(note, "account", json_object_get(vm->domain->machine));
	ret = add_threads(qmp, note, problem);
	if (!ret) {
		ret = put_note(root, vm->domain->uuid,
			       json_object_to_json_string_ext(note, JSON_C_TO_STRING_PLAIN));
		if (ret)
			problem_set(problem, ret, "%.60s: " LIVE_MACHINES ": %s", vm->name,
				    strerror(-ret));
	}
	json_object_put(note);
	return ret;
}
