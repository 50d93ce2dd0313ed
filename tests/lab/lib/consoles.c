// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/lib/consoles.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/lab/lib/session.h"

#define CONSOLES_TIMEOUT_MS 10000

struct list {
	size_t len;
	char text[16384];
};

static int append(void *data, const uint8_t *bytes, size_t len)
{
	struct list *list = data;

	if (len > sizeof(list->text) - 1 - list->len)
		return -EFBIG;
	memcpy(list->text + list->len, bytes, len);
	list->len += len;
	list->text[list->len] = '\0';
	return 0;
}

/* The lab host chooses these names: nothing but a plain file's. */
static bool is_plain_name(const char *name)
{
	if (!isalnum((unsigned char)*name) || strlen(name) > 100)
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("-_.", *name))
			return false;
	return true;
}

static void collect_folder(const char *lab, const struct rundir *dir, const char *folder,
			   const char *as)
{
	char *argv[] = { (char *)"ls", (char *)folder, NULL };
	char from[256], to[PATH_MAX + 128], *name, *save = NULL;
	struct list list = { 0 };
	struct session_io io = { .in_fd = -1,
				 .signal_fd = -1,
				 .out = append,
				 .data = &list,
				 .timeout_ms = CONSOLES_TIMEOUT_MS };
	struct session_result result;
	struct lab_error ignored;

	if (session_exec(lab, NULL, argv, NULL, &io, &result, &ignored) < 0)
		return;
	if (mkdirat(dir->fd, as, 0755) < 0 && errno != EEXIST)
		return;
	for (name = strtok_r(list.text, "\n", &save); name; name = strtok_r(NULL, "\n", &save)) {
		if (!is_plain_name(name))
			continue;
		snprintf(from, sizeof(from), "%s/%s", folder, name);
		snprintf(to, sizeof(to), "%s/%s/%s", dir->path, as, name);
		session_pull(lab, from, to, CONSOLES_TIMEOUT_MS, &ignored);
	}
}

void consoles_collect(const char *lab, const struct rundir *dir)
{
	collect_folder(lab, dir, CONSOLES_DIR, CONSOLES_COPY);
	collect_folder(lab, dir, "/var/log/libvirt/qemu", CONSOLES_LIBVIRT_COPY);
}
