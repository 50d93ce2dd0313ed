// SPDX-License-Identifier: GPL-2.0-only
#include "tests/run/runner.h"

int main(int argc, char *argv[])
{
	return runner_main(argc, argv);
}
