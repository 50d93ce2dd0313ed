// SPDX-License-Identifier: GPL-2.0-only
/* pfkeep-restore: early after boot, the VMs that a live update has carried here. */
#include <stdio.h>

#include "pfkeep/live.h"

int main(int argc, char **argv)
{
	struct problem problem = { "" };
	struct root root;
	size_t vms;
	int ret;

	if (argc > 1) {
		fprintf(stderr, "usage: %s\n", argv[0]);
		return 2;
	}
	ret = root_open("/", &root);
	if (!ret)
		ret = live_restore(&root, &vms, &problem);
	if (ret) {
		fprintf(stderr, "pfkeep-restore: %s\n", problem.text);
		return 1;
	}
	if (vms)
		printf("pfkeep-restore: %zu VMs go on\n", vms);
	root_close(&root);
	return 0;
}
