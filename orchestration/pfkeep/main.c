// SPDX-License-Identifier: GPL-2.0-only
#include "orchestration/pfkeep/command.h"

int main(int argc, char **argv)
{
	return (int)command_main(argc, argv, stdout, stderr);
}
