// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "orchestration/pfkeep/command.h"
#include "pfkeep/live.h"

#define CARRY "/usr/sbin/pfkeep-carry"

enum { OPT_KERNEL, OPT_INITRD, OPT_APPEND, OPT_DRY_RUN, OPT_CARRY };

static void watch(void *data, const char *stage, enum stages_event event,
		  const struct problem *problem)
{
	static const char *const words[] = {
		[STAGES_DONE] = "done",
		[STAGES_UNDONE] = "undone",
		[STAGES_STUCK] = "can't be undone",
	};
	const struct command_input *input = data;

	if (event == STAGES_BEGIN || event == STAGES_FAILED)
		return;
	fprintf(input->err, "pfkeep: live update: %s: %s%s%s\n", stage, words[event],
		problem ? ": " : "", problem ? problem->text : "");
	fflush(input->err);
}

enum command_status command_live_update(const struct command_input *input)
{
	const struct live_update how = {
		.kernel = input->options[OPT_KERNEL],
		.initrd = input->options[OPT_INITRD],
		.append = input->options[OPT_APPEND],
		.carry = input->options[OPT_CARRY] ? input->options[OPT_CARRY] : CARRY,
		.dry_run = input->options[OPT_DRY_RUN],
		.watch = watch,
		.data = (void *)input,
	};
	struct problem problem = { "" };
	int ret;

	if (!how.kernel) {
		problem_set(&problem, -EINVAL, "--kernel: which kernel is to run then?");
		return command_fail(input, COMMAND_USAGE, &problem);
	}
	ret = live_update(&input->root, &how, &problem);
	return ret ? command_fail(input, COMMAND_FAILED, &problem) : COMMAND_DONE;
}
