// SPDX-License-Identifier: GPL-2.0-only
/*
 * "domain":{"uuid","pid","ends","status":XML,"uid","gid","umask","caps","groups":[],"env":[],
 *  "machine":{}}, the last as in live_machine.h, which its readers look at
 */
#include <errno.h>
#include <string.h>

#include "orchestration/libpfkeep/live_json.h"
#include "orchestration/libpfkeep/live_record.h"
#include "orchestration/libpfkeep/vmm_model.h"

#define STATUS_MAX (4 << 20)
#define ID_MAX	   UINT32_MAX

static void format_model(const struct vmm_model *model, struct json_object *o)
{
	struct json_object *list;

	json_put_number(o, "uid", model->uid);
	json_put_number(o, "gid", model->gid);
	json_put_number(o, "umask", model->umask);
	json_put_number(o, "caps", model->caps);
	list = json_put_list(o, "groups");
	for (size_t i = 0; i < model->n_groups; i++)
		json_object_array_add(list, json_object_new_uint64(model->groups[i]));
	list = json_put_list(o, "env");
	for (char *const *env = model->env; *env; env++)
		json_object_array_add(list, json_object_new_string(*env));
}

void live_record_put_domain(struct json_object *vm, const struct live_domain *domain)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(vm, "domain", o);
	json_put_text(o, "uuid", domain->uuid);
	json_put_number(o, "pid", (uint64_t)domain->pid);
	json_put_number(o, "ends", domain->ends);
	json_put_text(o, "status", domain->status ? domain->status : "");
	if (domain->machine)
		json_object_object_add(o, "machine", json_object_get(domain->machine));
	format_model(domain->model, o);
}

static int parse_groups(struct json_object *o, struct vmm_model *model)
{
	struct json_object *list = json_get_list(o, "groups", VMM_GROUPS_MAX);

	if (!list)
		return -EBADMSG;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *one = json_object_array_get_idx(list, i);

		if (!json_object_is_type(one, json_type_int) || json_object_get_int64(one) < 0 ||
		    json_object_get_int64(one) > ID_MAX)
			return -EBADMSG;
		model->groups[model->n_groups++] = (gid_t)json_object_get_int64(one);
	}
	return 0;
}

static int parse_env(struct json_object *o, struct vmm_model *model)
{
	struct json_object *list = json_get_list(o, "env", VMM_ENV_MAX - 1);

	if (!list)
		return -EBADMSG;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *one = json_object_array_get_idx(list, i);
		size_t left = sizeof(model->environ) - model->environ_len, len;

		if (!json_fits(one, left))
			return -EBADMSG;
		len = strlen(json_object_get_string(one)) + 1;
		memcpy(model->environ + model->environ_len, json_object_get_string(one), len);
		model->environ_len += len;
	}
	vmm_model_split(model);
	return 0;
}

static int parse_model(struct json_object *o, struct vmm_model *model)
{
	uint64_t uid, gid, mask, caps;
	int ret;

	if (json_get_number(o, "uid", ID_MAX, &uid) || json_get_number(o, "gid", ID_MAX, &gid) ||
	    json_get_number(o, "umask", 0777, &mask) ||
	    json_get_number(o, "caps", UINT64_MAX, &caps))
		return -EBADMSG;
	model->uid = (uid_t)uid;
	model->gid = (gid_t)gid;
	model->umask = (mode_t)mask;
	model->caps = caps;
	ret = parse_groups(o, model);
	return ret ? ret : parse_env(o, model);
}

int live_record_get_domain(struct json_object *vm, struct live_domain **ret_domain)
{
	struct json_object *o, *status, *machine = NULL;
	struct live_domain *domain;
	char uuid[UUID_TEXT];
	uint64_t pid, ends;

	if (!json_object_object_get_ex(vm, "domain", &o))
		return 0;
	*ret_domain = domain = calloc(1, sizeof(*domain));
	if (domain)
		domain->model = calloc(1, sizeof(*domain->model));
	if (!domain || !domain->model)
		return -ENOMEM;
	if (!json_object_is_type(o, json_type_object) ||
	    json_get_text(o, "uuid", uuid, sizeof(uuid)) || uuid_parse(uuid, domain->uuid) ||
	    json_get_number(o, "pid", INT32_MAX, &pid) || json_get_number(o, "ends", 1, &ends) ||
	    !json_object_object_get_ex(o, "status", &status) || !json_fits(status, STATUS_MAX))
		return -EBADMSG;
	domain->pid = (pid_t)pid;
	domain->ends = ends;
	if (json_object_object_get_ex(o, "machine", &machine) &&
	    !json_object_is_type(machine, json_type_object))
		return -EBADMSG;
	domain->machine = json_object_get(machine);
	domain->status = strdup(json_object_get_string(status));
	return domain->status ? parse_model(o, domain->model) : -ENOMEM;
}
