// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "orchestration/pfkeep/command.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/doctor.h"
#include "pfkeep/view.h"

enum { OPT_QEMU, OPT_CONNECT };

static enum command_status print_json(const struct command_input *input,
				      const struct doctor_report *report)
{
	struct json_object *list = json_object_new_array(), *view;
	int ret = list ? 0 : -ENOMEM;

	for (size_t i = 0; i < report->n && !ret; i++) {
		ret = view_finding(&report->findings[i], &view);
		if (!ret)
			ret = view_append(list, view);
	}
	return command_print(input, ret, list);
}

static void print_lines(const struct command_input *input, const struct doctor_report *report)
{
	for (size_t i = 0; i < report->n; i++) {
		const struct doctor_finding *finding = &report->findings[i];

		fprintf(input->out, "%-8s %-20s %s\n", doctor_level_name(finding->level),
			finding->check, finding->text);
		if (*finding->mend)
			fprintf(input->out, "%-29s to mend it: %s\n", "", finding->mend);
	}
}

static int parse_pfs(const struct command_input *input, struct bdf *pfs)
{
	struct problem problem;

	for (int i = 0; i < input->n_args; i++) {
		if (!bdf_parse(input->args[i], &pfs[i]))
			continue;
		problem_set(&problem, -EINVAL, "%.40s: a PF is named by its BDF (0000:01:00.0)",
			    input->args[i]);
		command_fail(input, COMMAND_USAGE, &problem);
		return -EINVAL;
	}
	return 0;
}

enum command_status command_doctor(const struct command_input *input)
{
	CLEANUP(cleanup_free) struct bdf *pfs = calloc((size_t)input->n_args + 1, sizeof(*pfs));
	struct doctor_options options = { .root = &input->root, .qemu = input->options[OPT_QEMU] };
	enum command_status status = COMMAND_DONE;
	struct doctor_report report;

	if (!pfs || parse_pfs(input, pfs))
		return pfs ? COMMAND_USAGE : COMMAND_FAILED;
	options.pfs = pfs;
	options.n_pfs = (size_t)input->n_args;
	options.libvirt = input->options[OPT_CONNECT];
	/* Another host's files say nothing about the libvirt that answers here. */
	if (!options.libvirt && !strcmp(input->root.path, "/"))
		options.libvirt = "qemu:///system";
	if (doctor_run(&options, &report)) {
		fprintf(input->err, "pfkeep: %s\n", strerror(ENOMEM));
		return COMMAND_FAILED;
	}
	if (input->json)
		status = print_json(input, &report);
	else
		print_lines(input, &report);
	if (report.worst == DOCTOR_BLOCKER)
		status = COMMAND_FAILED;
	doctor_release(&report);
	return status;
}
