// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "orchestration/pfkeep/command.h"
#include "pfkeep/number.h"
#include "pfkeep/view.h"
#include "pfkeep/vmm.h"

#define URI	    "qemu:///system"
#define TIMEOUT_MAX 3600

enum { OPT_ALL, OPT_QEMU, OPT_TIMEOUT, OPT_DRY_RUN, OPT_CONNECT };

struct shown {
	const struct command_input *input;
	const char *domain;
};

/* What it is at, while somebody waits. */
static void show_stage(void *data, const char *stage, enum stages_event event,
		       const struct problem *problem)
{
	const struct shown *shown = data;

	if (event == STAGES_BEGIN && !shown->input->json) {
		fprintf(shown->input->err, "%s: %s\n", shown->domain, stage);
		fflush(shown->input->err);
	}
}

static int view_updated(const struct vmm_updated *done, bool dry_run, struct json_object **ret_view)
{
	struct json_object *view = json_object_new_object();
	int ret = view ? 0 : -ENOMEM;

	if (!ret)
		ret = view_add(view, "domain", json_object_new_string(done->domain));
	if (!ret)
		ret = view_add(view, "from", json_object_new_string(done->from));
	if (!ret)
		ret = view_add(view, "to", json_object_new_string(done->to));
	if (!ret && !dry_run)
		ret = view_add(view, "process", json_object_new_int(done->new));
	if (!ret && !dry_run)
		ret = view_add(view, "transfer_ms", json_object_new_int64(done->transfer_ms));
	if (!ret && !dry_run)
		ret = view_add(view, "libvirt_ms", json_object_new_int64(done->libvirt_ms));
	*ret_view = view;
	return ret;
}

/* Its own line, or its own member of the list. */
static int report(const struct command_input *input, const struct vmm_updated *done,
		  struct json_object *list)
{
	bool dry_run = input->options[OPT_DRY_RUN];
	struct json_object *view = NULL;
	int ret = 0;

	if (list) {
		ret = view_updated(done, dry_run, &view);
		return ret ? ret : view_append(list, view);
	}
	if (dry_run)
		fprintf(input->out, "%s: nothing is in the way from QEMU %s to %s\n", done->domain,
			done->from, done->to);
	else
		fprintf(input->out,
			"%s: from QEMU %s to %s in %jd ms, libvirt away for %jd ms, process %d\n",
			done->domain, done->from, done->to, (intmax_t)done->transfer_ms,
			(intmax_t)done->libvirt_ms, (int)done->new);
	return 0;
}

static enum command_status update_one(const struct command_input *input, const char *domain,
				      uint64_t timeout_s, struct json_object *list)
{
	struct shown shown = { input, domain };
	const struct vmm_update how = {
		.root = &input->root,
		.uri = input->options[OPT_CONNECT] ? input->options[OPT_CONNECT] : URI,
		.domain = domain,
		.program = input->options[OPT_QEMU],
		.timeout_s = (unsigned int)timeout_s,
		.dry_run = input->options[OPT_DRY_RUN],
		.watch = show_stage,
		.watch_data = &shown,
	};
	struct problem problem = { "" };
	struct vmm_updated done;
	int ret;

	ret = vmm_update(&how, &done, &problem);
	if (!ret)
		ret = report(input, &done, list);
	if (!ret)
		return COMMAND_DONE;
	if (!*problem.text)
		problem_set(&problem, ret, "%.60s: %s", domain, strerror(-ret));
	return command_fail(input, COMMAND_FAILED, &problem);
}

/* One that can't be doesn't keep the others from it. */
static enum command_status update_all(const struct command_input *input, uint64_t timeout_s,
				      struct json_object *list)
{
	const char *uri = input->options[OPT_CONNECT] ? input->options[OPT_CONNECT] : URI;
	enum command_status status = COMMAND_DONE;
	struct problem problem = { "" };
	char **names;
	size_t n;

	if (vmm_list(uri, &names, &n, &problem))
		return command_fail(input, COMMAND_FAILED, &problem);
	for (size_t i = 0; i < n; i++) {
		if (update_one(input, names[i], timeout_s, list))
			status = COMMAND_FAILED;
		free(names[i]);
	}
	free(names);
	return status;
}

/*
 * libvirtd goes away under a connection that is then closed; and an interrupt must not leave
 * a guest that libvirt doesn't know of. All that is waited for has a limit.
 */
static void stay_to_the_end(void)
{
	static const int signals[] = { SIGPIPE, SIGINT, SIGTERM, SIGHUP };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], SIG_IGN);
}

enum command_status command_vmm_update(const struct command_input *input)
{
	const char *timeout = input->options[OPT_TIMEOUT];
	bool all = input->options[OPT_ALL];
	enum command_status status;
	struct json_object *list;
	struct problem problem;
	uint64_t timeout_s = 0;

	if (all == (input->n_args == 1)) {
		problem_set(&problem, -EINVAL, "vmm-update: give it either a domain or --all");
		return command_fail(input, COMMAND_USAGE, &problem);
	}
	if (timeout && (number_parse(timeout, TIMEOUT_MAX, &timeout_s) || !timeout_s)) {
		problem_set(&problem, -EINVAL, "--timeout %.40s: 1 to %d seconds", timeout,
			    TIMEOUT_MAX);
		return command_fail(input, COMMAND_USAGE, &problem);
	}
	stay_to_the_end();
	list = input->json ? json_object_new_array() : NULL;
	status = all ? update_all(input, timeout_s, list)
		     : update_one(input, input->args[0], timeout_s, list);
	if (list)
		command_print(input, 0, list);
	return status;
}
