// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "orchestration/pfkeep/command.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/live.h"

#define CARRY "/usr/sbin/pfkeep-carry"

#define REPORT_MAX (4 << 20)

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

/* A phase ends where its tick is; the first has no length. */
static double phase_ms(const struct live *live, size_t i)
{
	if (!i || !live->ticks_per_ms)
		return 0;
	return (double)(int64_t)(live->phases[i].ticks - live->phases[i - 1].ticks) /
	       (double)live->ticks_per_ms;
}

static struct json_object *report_view(const struct live *live)
{
	struct json_object *view = json_object_new_object(), *list = json_object_new_array();

	for (size_t i = 0; i < live->n_phases; i++) {
		struct json_object *phase = json_object_new_object();

		json_object_object_add(phase, "phase",
				       json_object_new_string(live->phases[i].name));
		json_object_object_add(phase, "ms", json_object_new_double(phase_ms(live, i)));
		json_object_array_add(list, phase);
	}
	json_object_object_add(view, "phases", list);
	list = json_object_new_array();
	for (size_t i = 0; i < live->n_vms; i++)
		json_object_array_add(list, json_object_new_string(live->vms[i].name));
	json_object_object_add(view, "vms", list);
	return view;
}

static void print_report(const struct command_input *input, const struct live *live)
{
	double total = 0;

	for (size_t i = 0; i < live->n_phases; i++) {
		total += phase_ms(live, i);
		fprintf(input->out, "%-10s %10.1f ms %10.1f ms\n", live->phases[i].name,
			phase_ms(live, i), total);
	}
	for (size_t i = 0; i < live->n_vms; i++)
		fprintf(input->out, "%s\n", live->vms[i].name);
}

enum command_status command_report(const struct command_input *input)
{
	CLEANUP(cleanup_free) char *text = NULL;
	struct problem problem = { "" };
	enum command_status status = COMMAND_DONE;
	struct live live;
	int ret = root_slurp(&input->root, LIVE_REPORT, REPORT_MAX, &text);

	if (ret == -ENOENT)
		problem_set(&problem, ret, "there was no live update yet");
	else if (ret)
		problem_set(&problem, ret, LIVE_REPORT ": %s", strerror(-ret));
	if (!ret)
		ret = live_record_parse(text, strlen(text), &live, &problem);
	if (ret)
		return command_fail(input, COMMAND_FAILED, &problem);
	if (input->json)
		status = command_print(input, 0, report_view(&live));
	else
		print_report(input, &live);
	live_release(&live);
	return status;
}
