// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "orchestration/pfkeep/command.h"
#include "orchestration/pfkeep/report.h"
#include "pfkeep/cleanup.h"

enum { OPT_SVG };

static void put_text(struct json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, json_object_new_string(text));
}

static void put_ms(struct json_object *o, const char *key, double ms)
{
	char text[40];

	snprintf(text, sizeof(text), "%.3f", ms);
	json_object_object_add(o, key, json_object_new_double_s(ms, text));
}

static struct json_object *phases_view(const struct live *live, const struct live_phase *phases,
				       size_t n)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 1; i < n; i++) {
		struct json_object *o = json_object_new_object();

		put_text(o, "phase", phases[i].name);
		put_ms(o, "from_ms",
		       live_report_ms(live, live_report_begin(live), phases[i - 1].ticks));
		put_ms(o, "ms", live_report_ms(live, phases[i - 1].ticks, phases[i].ticks));
		json_object_array_add(list, o);
	}
	return list;
}

static struct json_object *vm_view(const struct live *live, const struct live_vm *vm)
{
	struct live_blackout blackout = live_report_blackout(vm);
	struct json_object *o = json_object_new_object();
	char name[LIVE_NAME];

	report_name(vm, name, sizeof(name));
	put_text(o, "vm", name);
	json_object_object_add(o, "stopped", json_object_new_boolean(blackout.stopped));
	json_object_object_add(o, "runs",
			       json_object_new_boolean(!blackout.stopped || blackout.over));
	if (blackout.over)
		put_ms(o, "blackout_ms", live_report_ms(live, blackout.from, blackout.to));
	json_object_object_add(o, "phases", phases_view(live, vm->phases, vm->n_phases));
	return o;
}

static struct json_object *report_view(const struct live *live)
{
	static const char *const results[] = { "done", "open", "failed" };
	struct json_object *view = json_object_new_object(), *list = json_object_new_array();

	put_text(view, "result", results[live->result]);
	if (live->result == LIVE_FAILED) {
		put_text(view, "failed", live->failed);
		put_text(view, "why", live->why.text);
	}
	json_object_object_add(view, "since", json_object_new_uint64(live->since));
	if (*live->from)
		put_text(view, "from", live->from);
	if (*live->to)
		put_text(view, "to", live->to);
	put_ms(view, "ms", live_report_ms(live, live_report_begin(live), live_report_end(live)));
	json_object_object_add(view, "phases", phases_view(live, live->phases, live->n_phases));
	for (size_t i = 0; i < live->n_vms; i++)
		json_object_array_add(list, vm_view(live, &live->vms[i]));
	json_object_object_add(view, "vms", list);
	return view;
}

static void print_phase(const struct command_input *input, const struct live *live,
			const struct live_phase *phase)
{
	bool failed = live->result == LIVE_FAILED && !strcmp(phase->name, live->failed);
	char took[32], at[32];

	report_duration(live_report_ms(live, phase[-1].ticks, phase->ticks), took, sizeof(took));
	report_duration(live_report_ms(live, live_report_begin(live), phase->ticks), at,
			sizeof(at));
	fprintf(input->out, "%-14s %10s %10s  %s\n", phase->name, took, at,
		failed ? "failed" : report_phase(phase->name).text);
}

static void print_vm(const struct command_input *input, const struct live *live,
		     const struct live_vm *vm)
{
	char name[LIVE_NAME], text[32];

	report_name(vm, name, sizeof(name));
	report_blackout(live, vm, text, sizeof(text));
	fprintf(input->out, "%-24s %10s ", name, text);
	for (size_t i = 1; i < vm->n_phases; i++) {
		report_duration(live_report_ms(live, vm->phases[i - 1].ticks, vm->phases[i].ticks),
				text, sizeof(text));
		fprintf(input->out, "%s %s %s", i > 1 ? "," : "", vm->phases[i].name, text);
	}
	fputc('\n', input->out);
}

static void print_report(const struct command_input *input, const struct live *live)
{
	char line[REPORT_LINE];

	report_title(live, line, sizeof(line));
	fprintf(input->out, "%s\n", line);
	report_subtitle(live, line, sizeof(line));
	if (*line)
		fprintf(input->out, "%s\n", line);
	if (live->result == LIVE_FAILED)
		fprintf(input->out, "%s: %s\n", live->failed, live->why.text);
	fprintf(input->out, "\n%-14s %10s %10s\n", "PHASE", "TOOK", "UNTIL");
	for (size_t i = 1; i < live->n_phases; i++)
		print_phase(input, live, &live->phases[i]);
	if (live->n_vms)
		fprintf(input->out, "\n%-24s %10s\n", "VM", "BLACKOUT");
	for (size_t i = 0; i < live->n_vms; i++)
		print_vm(input, live, &live->vms[i]);
}

static enum command_status save_svg(const struct command_input *input, const struct live *live)
{
	const char *path = input->options[OPT_SVG];
	CLEANUP(cleanup_free) char *svg = NULL;
	struct problem problem;
	FILE *file;
	int ret = report_svg(live, &svg);

	if (!ret) {
		file = fopen(path, "we");
		ret = file ? 0 : -errno;
		if (file && fputs(svg, file) < 0)
			ret = -EIO;
		if (file && fclose(file) && !ret)
			ret = -errno;
	}
	if (!ret)
		return COMMAND_DONE;
	problem_set(&problem, ret, "%s: the picture can't be written: %s", path, strerror(-ret));
	return command_fail(input, COMMAND_FAILED, &problem);
}

enum command_status command_report(const struct command_input *input)
{
	struct problem problem = { "" };
	enum command_status status = COMMAND_DONE;
	struct live live;

	if (live_report_read(&input->root, &live, &problem))
		return command_fail(input, COMMAND_FAILED, &problem);
	if (input->options[OPT_SVG])
		status = save_svg(input, &live);
	if (status == COMMAND_DONE && input->json)
		status = command_print(input, 0, report_view(&live));
	else if (status == COMMAND_DONE)
		print_report(input, &live);
	live_release(&live);
	return status;
}
