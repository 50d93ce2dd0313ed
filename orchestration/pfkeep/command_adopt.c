// SPDX-License-Identifier: GPL-2.0-only
/* pf adopt, release, restart, set-vfs: what pfkeepd does with a PF. */
#include <errno.h>
#include <json-c/json.h>

#include "orchestration/pfkeep/daemon.h"
#include "pfkeep/bdf.h"
#include "pfkeep/doctor.h"
#include "pfkeep/number.h"
#include "pfkeep/view.h"

enum { OPT_VFS, OPT_MEMORY, OPT_IMAGE, OPT_NAME };

/* {"pf":BDF}; NULL after a complaint. */
static struct json_object *pf_parameters(const struct command_input *input)
{
	struct problem problem;
	struct bdf bdf;
	char text[BDF_TEXT];
	struct json_object *parameters;

	if (bdf_parse(input->args[0], &bdf)) {
		problem_set(&problem, -EINVAL, "%.40s: a PF is named by its BDF (0000:01:00.0)",
			    input->args[0]);
		command_fail(input, COMMAND_USAGE, &problem);
		return NULL;
	}
	parameters = json_object_new_object();
	view_add(parameters, "pf", json_object_new_string(bdf_format(&bdf, text)));
	return parameters;
}

/* A number on the command line into a parameter. */
static int add_number(const struct command_input *input, struct json_object *parameters,
		      const char *name, const char *text, uint64_t max)
{
	struct problem problem;
	uint64_t number;

	if (!text)
		return 0;
	if (number_parse(text, max, &number)) {
		problem_set(&problem, -EINVAL, "%s '%.40s': is a number up to %ju", name, text,
			    (uintmax_t)max);
		command_fail(input, COMMAND_USAGE, &problem);
		return -EINVAL;
	}
	return view_add(parameters, name, json_object_new_int64((int64_t)number));
}

static int add_text(struct json_object *parameters, const char *name, const char *text)
{
	return text ? view_add(parameters, name, json_object_new_string(text)) : 0;
}

/*
 * Asked here and not in pfkeepd, which by systemd's leave sees no interface, route or swap
 * of the host's.
 */
static bool is_needed(const struct command_input *input)
{
	struct problem problem;
	struct bdf bdf;

	if (bdf_parse(input->args[0], &bdf) || !doctor_refuse_pf(&input->root, &bdf, &problem))
		return false;
	command_fail(input, COMMAND_FAILED, &problem);
	return true;
}

enum command_status command_pf_adopt(const struct command_input *input)
{
	struct json_object *parameters = pf_parameters(input);

	if (!parameters)
		return COMMAND_USAGE;
	if (add_number(input, parameters, "vfs", input->options[OPT_VFS], UINT16_MAX) ||
	    add_number(input, parameters, "memory", input->options[OPT_MEMORY], INT32_MAX) ||
	    add_text(parameters, "image", input->options[OPT_IMAGE]) ||
	    add_text(parameters, "domain", input->options[OPT_NAME])) {
		json_object_put(parameters);
		return COMMAND_USAGE;
	}
	if (is_needed(input)) {
		json_object_put(parameters);
		return COMMAND_FAILED;
	}
	return daemon_call(input, "Adopt", parameters, NULL);
}

enum { OPT_FORCE }; /* of release */

enum command_status command_pf_release(const struct command_input *input)
{
	struct json_object *parameters = pf_parameters(input);

	if (!parameters)
		return COMMAND_USAGE;
	if (input->options[OPT_FORCE])
		view_add(parameters, "force", json_object_new_boolean(true));
	return daemon_call(input, "Release", parameters, NULL);
}

enum { OPT_NEW_IMAGE, OPT_TIMEOUT }; /* of restart */

enum command_status command_pf_restart(const struct command_input *input)
{
	struct json_object *parameters = pf_parameters(input);

	if (!parameters)
		return COMMAND_USAGE;
	if (add_text(parameters, "image", input->options[OPT_NEW_IMAGE]) ||
	    add_number(input, parameters, "timeout", input->options[OPT_TIMEOUT], INT32_MAX)) {
		json_object_put(parameters);
		return COMMAND_USAGE;
	}
	return daemon_call(input, "Restart", parameters, NULL);
}

enum command_status command_pf_set_vfs(const struct command_input *input)
{
	struct json_object *parameters = pf_parameters(input);

	if (!parameters)
		return COMMAND_USAGE;
	if (add_number(input, parameters, "vfs", input->args[1], UINT16_MAX)) {
		json_object_put(parameters);
		return COMMAND_USAGE;
	}
	return daemon_call(input, "SetVFs", parameters, NULL);
}
