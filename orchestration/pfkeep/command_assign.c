// SPDX-License-Identifier: GPL-2.0-only
/* vf set, assign, unassign: what pfkeepd does with a VF. */
#include <errno.h>
#include <json-c/json.h>

#include "orchestration/pfkeep/daemon.h"
#include "pfkeep/pci.h"
#include "pfkeep/vfconf.h"
#include "pfkeep/view.h"

enum { OPT_PF }; /* of assign */

static struct json_object *new_parameters(const struct bdf *pf)
{
	struct json_object *parameters = json_object_new_object();
	char text[BDF_TEXT];

	view_add(parameters, "pf", json_object_new_string(bdf_format(pf, text)));
	return parameters;
}

/* The VF's two parameters, by whatever name it was given; the status if that fails. */
static enum command_status vf_parameters(const struct command_input *input,
					 struct json_object **ret_parameters)
{
	struct problem problem;
	struct vfname name;
	struct bdf pf, vf;
	uint16_t index;

	if (vfname_parse(input->args[0], &name, &problem))
		return command_fail(input, COMMAND_USAGE, &problem);
	pf = name.bdf;
	index = name.index;
	if (!name.by_index && pci_resolve_vf(&input->root, &name, &pf, &index, &vf, &problem))
		return command_fail(input, COMMAND_FAILED, &problem);
	*ret_parameters = new_parameters(&pf);
	view_add(*ret_parameters, "index", json_object_new_int(index));
	return COMMAND_DONE;
}

enum command_status command_vf_set(const struct command_input *input)
{
	struct json_object *parameters;
	struct vfconf conf = { 0 };
	enum command_status status;
	struct problem problem;

	for (int i = 0; i < VFCONF_FIELDS; i++)
		if (input->options[i] &&
		    vfconf_set(&conf, vfconf_name(i), input->options[i], &problem))
			return command_fail(input, COMMAND_USAGE, &problem);
	if (!conf.set) {
		problem_set(&problem, -EINVAL, "%.40s: nothing is to be set", input->args[0]);
		return command_fail(input, COMMAND_USAGE, &problem);
	}
	status = vf_parameters(input, &parameters);
	if (status != COMMAND_DONE)
		return status;
	for (int i = 0; i < VFCONF_FIELDS; i++)
		if (input->options[i])
			view_add(parameters, vfconf_name(i),
				 json_object_new_string(input->options[i]));
	return daemon_call(input, "SetVF", parameters, NULL);
}

/* VF DOMAIN, or --pf BDF DOMAIN */
enum command_status command_vf_assign(const struct command_input *input)
{
	struct json_object *parameters = NULL, *answer;
	enum command_status status;
	struct problem problem;
	struct bdf pf;

	if (!input->options[OPT_PF] != (input->n_args == 2)) {
		problem_set(&problem, -EINVAL, "give a VF and a domain, or --pf BDF and a domain");
		return command_fail(input, COMMAND_USAGE, &problem);
	}
	if (!input->options[OPT_PF]) {
		status = vf_parameters(input, &parameters);
		if (status != COMMAND_DONE)
			return status;
	} else if (bdf_parse(input->options[OPT_PF], &pf)) {
		problem_set(&problem, -EINVAL,
			    "--pf %.40s: a PF is named by its BDF (0000:01:00.0)",
			    input->options[OPT_PF]);
		return command_fail(input, COMMAND_USAGE, &problem);
	} else {
		parameters = new_parameters(&pf);
	}
	view_add(parameters, "domain", json_object_new_string(input->args[input->n_args - 1]));
	status = daemon_call(input, "Assign", parameters, &answer);
	if (status != COMMAND_DONE)
		return status;
	if (!input->json)
		fprintf(input->out, "VF %s is assigned\n",
			json_object_to_json_string(json_object_object_get(answer, "index")));
	json_object_put(answer);
	return COMMAND_DONE;
}

enum command_status command_vf_unassign(const struct command_input *input)
{
	struct json_object *parameters = NULL;
	enum command_status status;

	status = vf_parameters(input, &parameters);
	return status == COMMAND_DONE ? daemon_call(input, "Unassign", parameters, NULL) : status;
}
