// SPDX-License-Identifier: GPL-2.0-only
/* pfkeep-settle: before libvirtd starts, the domains that a live update has carried are machines. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "orchestration/libpfkeep/live_machine.h"
#include "pfkeep/cleanup.h"

/* A limit that can't be had is no reason to leave out what libvirt would miss later. */
static int lay(const struct root *root, const struct live_machine *machine, struct problem *problem)
{
	int ret = live_machine_lay(root, machine, problem);
	int devices = live_machine_devices_lay(root, machine, ret ? NULL : problem);

	return ret ? ret : devices;
}

static int settle(const struct root *root, const char *file, struct problem *problem)
{
	struct live_machine machine;
	int ret = live_machine_read(root, file, &machine, problem);

	if (ret)
		return ret;
	ret = live_machine_check(root, &machine, problem);
	if (!ret)
		ret = live_machine_register(&machine, problem);
	if (!ret)
		ret = lay(root, &machine, problem);
	if (!ret)
		printf("pfkeep-settle: %s is in %s\n", machine.name, machine.path);
	live_machine_release(&machine);
	return ret;
}

/* Each domain by itself: it goes on, whatever becomes of this. */
static int settle_all(const struct root *root)
{
	CLEANUP(cleanup_dir) DIR *dir = NULL;
	struct dirent *entry;
	int status = 0;
	int ret = root_opendir(root, LIVE_MACHINES, &dir);

	if (ret)
		return ret == -ENOENT ? 0 : 1;
	while ((entry = readdir(dir))) {
		struct problem problem = { "" };

		if (*entry->d_name == '.')
			continue;
		if (settle(root, entry->d_name, &problem)) {
			fprintf(stderr, "pfkeep-settle: %s\n", problem.text);
			status = 1;
		}
		unlinkat(dirfd(dir), entry->d_name, 0);
	}
	return status;
}

int main(int argc, char **argv)
{
	struct root root;
	int status;

	if (argc > 1) {
		fprintf(stderr, "usage: %s\n", argv[0]);
		return 2;
	}
	if (root_open("/", &root)) {
		perror("pfkeep-settle");
		return 1;
	}
	status = settle_all(&root);
	root_close(&root);
	return status;
}
