// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "orchestration/libpfkeep/live_json.h"
#include "orchestration/libpfkeep/live_machine.h"
#include "pfkeep/cleanup.h"

#define NESTED	  "libvirt"
#define MANUAL	  ".libvirt-qemu" /* without systemd-machined */
#define DEPTH_MAX 2		  /* libvirt/vcpu0 */

/* Limits of single disks (io.max) have numbers in them, which the next kernel gives anew. */
const struct live_knob live_knobs[] = {
	{ "cpu.weight", "100", "CPUWeight" },
	{ "cpu.max", "max 100000", NULL },
	{ "cpuset.cpus", "", NULL },
	{ "cpuset.mems", "", NULL },
	{ "io.weight", "default 100", "IOWeight" },
	{ "memory.high", "max", "MemoryHigh" },
	{ "memory.max", "max", "MemoryMax" },
	{ "memory.swap.max", "max", "MemorySwapMax" },
	{ "pids.max", "max", "TasksMax" },
	{ NULL, NULL, NULL },
};

static bool is_numbered(const char *name, const char *prefix)
{
	size_t n = strlen(prefix);

	return !strncmp(name, prefix, n) && isdigit((unsigned char)name[n]) &&
	       strspn(name + n, "0123456789") == strlen(name + n) && strlen(name + n) < 10;
}

bool live_machine_is_part(const char *name)
{
	return !strcmp(name, NESTED) || !strcmp(name, "emulator") || is_numbered(name, "vcpu") ||
	       is_numbered(name, "iothread");
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), len = strlen(end);

	return n >= len && !strcmp(text + n - len, end);
}

/* The machine's own group, without the parts that its threads are in. */
static int find_machine(const char *cgroup, char ret_path[static PATH_MAX])
{
	char *last;

	if (snprintf(ret_path, PATH_MAX, "%s", cgroup) >= PATH_MAX)
		return -ENAMETOOLONG;
	while ((last = strrchr(ret_path, '/')) && live_machine_is_part(last + 1))
		*last = '\0';
	if (!last || (!ends_with(last, MANUAL) &&
		      (strncmp(last, "/machine-", 9) != 0 || !ends_with(last, ".scope"))))
		return -ENOENT;
	return 0;
}

/* What is usual needn't be said. The first line is what holds for all disks. */
static void add_knob(const struct root *root, const char *dir, const struct live_knob *knob,
		     struct json_object *group)
{
	char path[PATH_MAX + NAME_MAX], text[ROOT_ATTR];

	snprintf(path, sizeof(path), "%s/%s", dir, knob->file);
	if (root_read(root, path, text, sizeof(text)))
		return;
	text[strcspn(text, "\n")] = '\0';
	if (strcmp(text, knob->usual) != 0)
		json_put_text(group, knob->file, text);
}

static bool is_threaded(const struct root *root, const char *dir)
{
	char path[PATH_MAX + NAME_MAX], text[ROOT_ATTR];

	snprintf(path, sizeof(path), "%s/cgroup.type", dir);
	return !root_read(root, path, text, sizeof(text)) && !strcmp(text, "threaded");
}

/* Each before its own parts. */
static int add_groups(const struct root *root, const char *machine, const char *at,
		      unsigned int depth, struct json_object *groups)
{
	CLEANUP(cleanup_dir) DIR *dir = NULL;
	char path[PATH_MAX + 64], part[NAME_MAX + 64];
	struct json_object *group;
	struct dirent *entry;
	int ret;

	snprintf(path, sizeof(path), LIVE_CGROUP "%s%s%s", machine, *at ? "/" : "", at);
	ret = root_opendir(root, path, &dir);
	if (ret)
		return ret;
	if (json_object_array_length(groups) == LIVE_MACHINE_PARTS)
		return -E2BIG;
	group = json_append(groups);
	json_put_text(group, "at", at);
	json_put_number(group, "threaded", is_threaded(root, path));
	for (const struct live_knob *knob = live_knobs; knob->file; knob++)
		add_knob(root, path, knob, group);
	while (!ret && depth && (entry = readdir(dir))) {
		if (!live_machine_is_part(entry->d_name))
			continue;
		snprintf(part, sizeof(part), "%s%s%s", at, *at ? "/" : "", entry->d_name);
		ret = add_groups(root, machine, part, depth - 1, groups);
	}
	return ret;
}

int live_machine_save(const struct root *root, const char *cgroup, struct json_object **ret_account)
{
	struct json_object *account;
	char path[PATH_MAX];
	int ret = find_machine(cgroup, path);

	*ret_account = NULL;
	if (ret)
		return ret == -ENOENT ? 0 : ret;
	account = json_object_new_object();
	json_put_text(account, "path", path);
	ret = add_groups(root, path, "", DEPTH_MAX, json_put_list(account, "groups"));
	if (!ret)
		ret = live_machine_devices_save(root, path, json_put_list(account, "devices"));
	if (ret)
		json_object_put(account);
	else
		*ret_account = account;
	return ret;
}
