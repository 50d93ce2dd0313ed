// SPDX-License-Identifier: GPL-2.0-only
#include "orchestration/libpfkeep/live_machine.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestration/libpfkeep/live_json.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/number.h"

#define NOTE_MAX    (1 << 20)
#define CMDLINE_MAX (1 << 20)
#define PREFIX	    "/machine-"
#define SUFFIX	    ".scope"

/* "qemu\x2d1\x2dred" as systemd writes a name in that of a unit; ret_name holds as much. */
static int unescape(const char *from, size_t len, char *ret_name)
{
	for (size_t i = 0; i < len;) {
		unsigned int c = (unsigned char)from[i];

		if (c != '\\') {
			*ret_name++ = from[i++];
			continue;
		}
		if (len - i < 4 || from[i + 1] != 'x' || !isxdigit((unsigned char)from[i + 2]) ||
		    !isxdigit((unsigned char)from[i + 3]) || sscanf(from + i + 2, "%2x", &c) != 1 ||
		    c < 0x20)
			return -EBADMSG;
		*ret_name++ = (char)c;
		i += 4;
	}
	*ret_name = '\0';
	return 0;
}

/* No way leads out of where control groups are. */
static bool is_path(const char *path)
{
	if (*path != '/' || !path[1] || strstr(path, "//") || path[strlen(path) - 1] == '/')
		return false;
	for (const char *at = path; at; at = strchr(at + 1, '/'))
		if (!strncmp(at, "/../", 4) || !strcmp(at, "/..") || !strncmp(at, "/./", 3) ||
		    !strcmp(at, "/."))
			return false;
	return true;
}

/* "/machine.slice/machine-qemu\x2d1\x2dred.scope": slice, and the machine's name. */
static int parse_scope(struct live_machine *m)
{
	const char *last = strrchr(m->path, '/'), *slice = last;
	size_t len = strlen(last);

	m->scope = len > strlen(PREFIX SUFFIX) && !strncmp(last, PREFIX, strlen(PREFIX)) &&
		   !strcmp(last + len - strlen(SUFFIX), SUFFIX);
	if (!m->scope)
		return 0;
	while (slice > m->path && slice[-1] != '/')
		slice--;
	if (last - slice < 7 || last - slice >= NAME_MAX || len >= NAME_MAX ||
	    strncmp(last - 6, ".slice", 6) != 0)
		return -EBADMSG;
	snprintf(m->slice, sizeof(m->slice), "%.*s", (int)(last - slice), slice);
	return unescape(last + strlen(PREFIX), len - strlen(PREFIX SUFFIX), m->machine);
}

static int parse(struct json_object *o, struct live_machine *m)
{
	char uuid[UUID_TEXT];
	uint64_t pid;

	if (!json_object_is_type(o, json_type_object) ||
	    json_get_text(o, "name", m->name, sizeof(m->name)) ||
	    json_get_text(o, "uuid", uuid, sizeof(uuid)) || uuid_parse(uuid, m->uuid) ||
	    json_get_number(o, "pid", INT32_MAX, &pid) || pid < 2 ||
	    !json_object_object_get_ex(o, "account", &m->account) ||
	    !json_object_is_type(m->account, json_type_object) ||
	    json_get_text(m->account, "path", m->path, sizeof(m->path)) || !is_path(m->path))
		return -EBADMSG;
	m->pid = (pid_t)pid;
	m->note = json_object_get(o);
	return parse_scope(m);
}

int live_machine_read(const struct root *root, const char *file, struct live_machine *ret_machine,
		      struct problem *problem)
{
	CLEANUP(cleanup_free) char *text = NULL;
	struct json_object *o = NULL;
	char path[PATH_MAX];
	int ret;

	*ret_machine = (struct live_machine){ .pid = 0 };
	snprintf(path, sizeof(path), LIVE_MACHINES "/%s", file);
	ret = root_slurp(root, path, NOTE_MAX, &text);
	if (!ret) {
		o = json_tokener_parse(text);
		ret = parse(o, ret_machine);
	}
	json_object_put(o);
	if (ret)
		live_machine_release(ret_machine);
	return ret ? problem_set(problem, ret, "%.80s: %s", path, strerror(-ret)) : 0;
}

void live_machine_release(struct live_machine *machine)
{
	json_object_put(machine->note);
	machine->note = machine->account = NULL;
}

/* libvirt has the UUID on its QEMU's command line. */
int live_machine_check(const struct root *root, const struct live_machine *machine,
		       struct problem *problem)
{
	CLEANUP(cleanup_free) char *text = NULL;
	CLEANUP(cleanup_close) int fd = -1;
	char path[64];
	ssize_t len = -1;

	snprintf(path, sizeof(path), "proc/%d/cmdline", (int)machine->pid);
	text = malloc(CMDLINE_MAX);
	if (text && !root_openat(root, path, O_RDONLY, &fd))
		len = read(fd, text, CMDLINE_MAX);
	if (len > 0 && memmem(text, (size_t)len, machine->uuid, strlen(machine->uuid)))
		return 0;
	return problem_set(problem, -ESRCH, "%.60s: its QEMU, process %d, has ended", machine->name,
			   (int)machine->pid);
}

const char *live_machine_value(struct json_object *group, const struct live_knob *knob)
{
	struct json_object *value;

	return json_object_object_get_ex(group, knob->file, &value) && json_fits(value, ROOT_ATTR)
		       ? json_object_get_string(value)
		       : NULL;
}

int live_machine_property(struct json_object *group, const struct live_knob *knob,
			  uint64_t *ret_value)
{
	const char *text = knob->property ? live_machine_value(group, knob) : NULL;

	if (!text)
		return -ENOENT;
	if (!strncmp(text, "default ", 8))
		text += 8;
	if (strcmp(text, "max") != 0)
		return number_parse(text, UINT64_MAX - 1, ret_value);
	*ret_value = UINT64_MAX;
	return 0;
}
