// SPDX-License-Identifier: GPL-2.0-only
/*
 * As libvirt lays them: QEMU in "libvirt" below its scope, which systemd leaves alone, or in
 * the machine's own group where there is no systemd-machined; threads in groups of their own
 * below that, which can have shares of the CPU only.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "orchestration/libpfkeep/live_json.h"
#include "orchestration/libpfkeep/live_machine.h"

#define AT_MAX	  64
#define GROUP_MAX (PATH_MAX + AT_MAX + 32)
#define EMULATOR  "emulator"

struct work {
	const struct root *root;
	const struct live_machine *machine;
	struct problem *problem;
	int ret; /* of what could be done without, the first that failed */
};

static int put(const struct work *w, const char *group, const char *file, const char *text)
{
	char path[GROUP_MAX + NAME_MAX];

	snprintf(path, sizeof(path), "%s/%s", group, file);
	return root_write(w->root, path, text);
}

static int put_number(const struct work *w, const char *group, const char *file, int64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)number);
	return put(w, group, file, text);
}

static void note_failure(struct work *w, const char *what, const char *value, int err)
{
	if (!w->ret)
		problem_set(w->problem, err, "%.60s: %.200s: '%.60s': %s", w->machine->name, what,
			    value, strerror(-err));
	w->ret = w->ret ? w->ret : err;
}

/* One by one: a kernel may have fewer than another. */
static void enable(const struct work *w, const char *group, bool threaded)
{
	static const char *const names[] = { "+cpu", "+cpuset", "+memory", "+io" };

	for (size_t i = 0; i < (threaded ? 2 : sizeof(names) / sizeof(names[0])); i++)
		put(w, group, "cgroup.subtree_control", names[i]);
}

static int make(const struct work *w, const char *group)
{
	return mkdirat(w->root->fd, group, 0755) && errno != EEXIST ? -errno : 0;
}

/* Where there is no scope: from the top down, each open to its children. */
static int make_path(const struct work *w)
{
	char path[GROUP_MAX], *at = path + strlen(LIVE_CGROUP);
	int ret;

	snprintf(path, sizeof(path), LIVE_CGROUP "%s", w->machine->path);
	do {
		char next;

		*at = '\0';
		enable(w, path, false);
		*at = '/';
		at = strchrnul(at + 1, '/');
		next = *at;
		*at = '\0';
		ret = make(w, path);
		*at = next;
	} while (!ret && *at);
	return ret ? ret : put_number(w, path, "cgroup.procs", w->machine->pid);
}

/* "" or "libvirt/vcpu0", and where that is. */
static int place_of(const struct work *w, struct json_object *group, char ret_at[static AT_MAX],
		    char ret_path[static GROUP_MAX])
{
	struct json_object *value;
	char copy[AT_MAX], *rest = copy, *part;

	if (!json_object_object_get_ex(group, "at", &value) || !json_fits(value, AT_MAX))
		return -EBADMSG;
	snprintf(ret_at, AT_MAX, "%s", json_object_get_string(value));
	memcpy(copy, ret_at, AT_MAX);
	while (*copy && (part = strsep(&rest, "/")))
		if (!live_machine_is_part(part))
			return -EBADMSG;
	snprintf(ret_path, GROUP_MAX, LIVE_CGROUP "%s%s%s", w->machine->path, *ret_at ? "/" : "",
		 ret_at);
	return 0;
}

static const char *part_of(const char *at)
{
	const char *slash = strrchr(at, '/');

	return slash ? slash + 1 : at;
}

static int make_part(const struct work *w, const char *path, bool threaded)
{
	char parent[GROUP_MAX];
	int ret = make(w, path);

	snprintf(parent, sizeof(parent), "%.*s", (int)(strrchr(path, '/') - path), path);
	if (!ret)
		ret = threaded ? put(w, path, "cgroup.type", "threaded")
			       : put_number(w, path, "cgroup.procs", w->machine->pid);
	/* No group with processes in it gives memory to its children: they are below now. */
	if (!ret)
		enable(w, parent, threaded);
	return ret;
}

static int make_group(struct work *w, struct json_object *group)
{
	char at[AT_MAX], path[GROUP_MAX];
	uint64_t threaded;
	int ret = place_of(w, group, at, path);

	if (!ret)
		ret = json_get_number(group, "threaded", 1, &threaded);
	if (ret || !*at)
		return ret;
	ret = make_part(w, path, threaded);
	/* All threads; those with a group of their own leave it. */
	if (!ret && !strcmp(part_of(at), EMULATOR))
		ret = put_number(w, path, "cgroup.procs", w->machine->pid);
	return ret;
}

/* The thread that this group is of; 0: none. */
static pid_t thread_of(const struct work *w, const char *at)
{
	struct json_object *list = json_get_list(w->machine->note, "threads", LIVE_MACHINE_PARTS);
	size_t n = list ? json_object_array_length(list) : 0;
	char part[AT_MAX];
	uint64_t tid;

	for (size_t i = 0; i < n; i++) {
		struct json_object *one = json_object_array_get_idx(list, i);

		if (json_object_is_type(one, json_type_object) &&
		    !json_get_text(one, "part", part, sizeof(part)) && !strcmp(part, part_of(at)) &&
		    !json_get_number(one, "tid", INT32_MAX, &tid))
			return (pid_t)tid;
	}
	return 0;
}

/* The kernel takes none that isn't of a process in the same machine. */
static int move_thread(struct work *w, struct json_object *group)
{
	char at[AT_MAX], path[GROUP_MAX];
	int ret = place_of(w, group, at, path);
	pid_t tid = ret ? 0 : thread_of(w, at);

	if (tid && (ret = put_number(w, path, "cgroup.threads", tid)))
		note_failure(w, at, "its thread", ret);
	return 0;
}

/* systemd has its scope's already, and would put its own back. */
static int set_knobs(struct work *w, struct json_object *group)
{
	char at[AT_MAX], path[GROUP_MAX], what[GROUP_MAX + NAME_MAX];
	int ret = place_of(w, group, at, path);

	for (const struct live_knob *knob = live_knobs; knob->file && !ret; knob++) {
		const char *value = live_machine_value(group, knob);
		int err;

		if (!value || (!*at && w->machine->scope && knob->property))
			continue;
		err = put(w, path, knob->file, value);
		snprintf(what, sizeof(what), "%s/%s", path + strlen(LIVE_CGROUP), knob->file);
		if (err)
			note_failure(w, what, value, err);
	}
	return ret;
}

static int for_all(struct work *w, int (*act)(struct work *w, struct json_object *group))
{
	struct json_object *list = json_get_list(w->machine->account, "groups", LIVE_MACHINE_PARTS);
	int ret = list ? 0 : -EBADMSG;

	for (size_t i = 0; !ret && i < json_object_array_length(list); i++) {
		struct json_object *group = json_object_array_get_idx(list, i);

		ret = json_object_is_type(group, json_type_object) ? act(w, group) : -EBADMSG;
	}
	return ret;
}

int live_machine_lay(const struct root *root, const struct live_machine *machine,
		     struct problem *problem)
{
	struct work w = { .root = root, .machine = machine, .problem = problem };
	int ret = machine->scope ? 0 : make_path(&w);

	if (!ret)
		ret = for_all(&w, make_group);
	if (ret)
		return problem_set(problem, ret, "%.60s: its control groups: %s", machine->name,
				   strerror(-ret));
	ret = for_all(&w, move_thread);
	if (!ret)
		ret = for_all(&w, set_knobs);
	return ret ? ret : w.ret;
}
