// SPDX-License-Identifier: GPL-2.0-only
#include <limits.h>

#include "orchestration/pfkeep/command.h"

/* A command that isn't here doesn't exist: nothing is listed before it works. */
const struct command command_table[] = {
	{
		.verb = "doctor",
		.args = "[BDF...]",
		.max_args = INT_MAX,
		.options = { { "qemu", "FILE", "pfkeep's QEMU, where it isn't in its own place" },
			     { "connect", "URI", "libvirt's URI (qemu:///system)" } },
		.help = "is this host, are these PFs ready? what to mend, one line each",
		.run = command_doctor,
	},
	{
		.noun = "pf",
		.verb = "list",
		.args = "",
		.help = "the PFs of this host",
		.run = command_pf_list,
	},
	{
		.noun = "pf",
		.verb = "show",
		.args = "BDF",
		.min_args = 1,
		.max_args = 1,
		.help = "one PF with its VFs",
		.run = command_pf_show,
	},
	{
		.noun = "vf",
		.verb = "list",
		.args = "",
		.options = { { "pf", "BDF", "only those of this PF" } },
		.help = "the VFs of this host",
		.run = command_vf_list,
	},
	{
		.noun = "vf",
		.verb = "show",
		.args = "VF",
		.min_args = 1,
		.max_args = 1,
		.help = "one VF, named PF/INDEX (0000:01:00.0/3) or by its BDF",
		.run = command_vf_show,
	},
};

const size_t command_count = sizeof(command_table) / sizeof(command_table[0]);
