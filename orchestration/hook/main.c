// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>
#include <unistd.h>

#include "orchestration/hook/hook.h"
#include "pfkeep/wire.h"

int main(int argc, char **argv)
{
	struct hook_input input = { .socket = WIRE_SOCKET, .in = STDIN_FILENO, .err = stderr };
	struct root root;
	int ret;

	ret = root_open("/", &root);
	if (ret) {
		fprintf(stderr, "pfkeep: /: %s\n", strerror(-ret));
		return 1;
	}
	input.root = &root;
	ret = hook_main(argc, argv, &input);
	root_close(&root);
	return ret;
}
