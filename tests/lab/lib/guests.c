// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/lib/guests.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lab/lib/consoles.h"

static const char *read_text(const struct rundir *dir, const char *folder, const char *name,
			     const char *suffix)
{
	char path[512], *text;

	snprintf(path, sizeof(path), "%s/%s%s", folder, name, suffix);
	return rundir_read(dir, path, &text) ? NULL : text;
}

void guests_read(const struct rundir *dir, const char *name, struct guest_evidence *ret_evidence)
{
	*ret_evidence = (struct guest_evidence){
		.name = name,
		.console = read_text(dir, CONSOLES_COPY, name, ".log"),
		.log = read_text(dir, CONSOLES_LIBVIRT_COPY, name, ".log"),
		.events = read_text(dir, CONSOLES_COPY, CONSOLES_EVENTS, ""),
		.probe = read_text(dir, CONSOLES_COPY, name, ".probe"),
	};
}

void guests_free(struct guest_evidence *evidence)
{
	free((char *)evidence->console);
	free((char *)evidence->log);
	free((char *)evidence->events);
	free((char *)evidence->probe);
	*evidence = (struct guest_evidence){ 0 };
}

/* "red.log" is red's. */
static bool vm_of_file(const char *file, char *name, size_t size)
{
	size_t len = strlen(file);

	if (len < 5 || len >= size || strcmp(file + len - 4, ".log") != 0 ||
	    strcmp(file, CONSOLES_EVENTS) == 0)
		return false;
	snprintf(name, size, "%.*s", (int)len - 4, file);
	return true;
}

void guests_judge(const struct rundir *dir, guests_fn fn, void *data)
{
	int fd = openat(dir->fd, CONSOLES_COPY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	struct guest_verdict verdict;
	struct guest_evidence ev;
	struct dirent *entry;
	char name[256];

	if (!folder) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(folder))) {
		if (!vm_of_file(entry->d_name, name, sizeof(name)))
			continue;
		guests_read(dir, name, &ev);
		if (guest_verdict(&ev, &verdict))
			fn(data, name, &verdict);
		guests_free(&ev);
	}
	closedir(folder);
}
