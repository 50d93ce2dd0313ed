// SPDX-License-Identifier: GPL-2.0-only
/* The methods of org.pfkeep.Manager over the core. */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "orchestration/pfkeepd/metrics.h"
#include "orchestration/pfkeepd/service.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/vfcache.h"
#include "pfkeep/view.h"

#define RESTART_MAX_S 3600

static struct json_object *member(const struct service_call *call, const char *name)
{
	struct json_object *value = NULL;

	if (call->in)
		json_object_object_get_ex(call->in, name, &value);
	return value;
}

/* *ret_text stays as it is if the parameter is absent and may be. */
static int get_text(const struct service_call *call, const char *name, bool needed,
		    const char **ret_text, struct problem *problem)
{
	struct json_object *value = member(call, name);

	if (!value && !needed)
		return 0;
	if (!json_object_is_type(value, json_type_string))
		return problem_set(problem, -EINVAL, "the parameter %s must be a string", name);
	*ret_text = json_object_get_string(value);
	if (strlen(*ret_text) != (size_t)json_object_get_string_len(value))
		return problem_set(problem, -EINVAL, "the parameter %s holds a zero byte", name);
	return 0;
}

static int get_number(const struct service_call *call, const char *name, bool needed, int64_t max,
		      int64_t *ret_number, struct problem *problem)
{
	struct json_object *value = member(call, name);

	if (!value && !needed)
		return 0;
	if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0 ||
	    json_object_get_int64(value) > max)
		return problem_set(problem, -EINVAL,
				   "the parameter %s must be a number from 0 to %jd", name,
				   (intmax_t)max);
	*ret_number = json_object_get_int64(value);
	return 0;
}

static int get_flag(const struct service_call *call, const char *name, bool *ret_flag,
		    struct problem *problem)
{
	struct json_object *value = member(call, name);

	if (!value)
		return 0;
	if (!json_object_is_type(value, json_type_boolean))
		return problem_set(problem, -EINVAL, "the parameter %s must be true or false",
				   name);
	*ret_flag = json_object_get_boolean(value);
	return 0;
}

static int get_pf(const struct service_call *call, struct bdf *ret_bdf, struct problem *problem)
{
	const char *text = NULL;
	int ret;

	ret = get_text(call, "pf", true, &text, problem);
	if (ret)
		return ret;
	if (bdf_parse(text, ret_bdf))
		return problem_set(problem, -EINVAL,
				   "%.40s: a PF is named by its BDF (0000:01:00.0)", text);
	return 0;
}

static int get_vf(const struct service_call *call, struct bdf *ret_pf, uint16_t *ret_index,
		  struct problem *problem)
{
	int64_t index = 0;
	int ret;

	ret = get_pf(call, ret_pf, problem);
	if (!ret)
		ret = get_number(call, "index", true, UINT16_MAX, &index, problem);
	*ret_index = (uint16_t)index;
	return ret;
}

struct lister {
	struct core *core;
	struct json_object *list;
};

static int list_pf(void *data, const struct record_pf *pf, struct problem *problem)
{
	struct lister *lister = data;
	struct json_object *view = json_object_new_object();
	char text[BDF_TEXT];

	view_add(view, "pf", json_object_new_string(bdf_format(&pf->bdf, text)));
	view_add(view, "phase", json_object_new_string(record_phase_name(pf->phase)));
	view_add(view, "domain", json_object_new_string(pf->domain));
	view_add(view, "uuid", json_object_new_string(pf->uuid));
	view_add(view, "vfs", json_object_new_int(pf->vfs));
	view_add(view, "owned",
		 json_object_new_int64((int64_t)owner_count(lister->core->owners, &pf->bdf)));
	view_add(view, "ready",
		 json_object_new_boolean(owner_is_ready(lister->core->owners, &pf->bdf)));
	return view_append(lister->list, view);
}

static int list_vf(void *data, const struct record_vf *vf, struct problem *problem)
{
	struct lister *lister = data;
	struct json_object *view = json_object_new_object();
	char text[BDF_TEXT], value[VFCONF_VALUE];

	view_add(view, "pf", json_object_new_string(bdf_format(&vf->claim.pf, text)));
	view_add(view, "index", json_object_new_int(vf->claim.index));
	if (*vf->claim.uuid) {
		view_add(view, "owner", json_object_new_string(vf->claim.uuid));
		view_add(view, "domain", json_object_new_string(vf->domain));
	}
	for (int i = 0; i < VFCONF_FIELDS; i++)
		if (vf->conf.set & vfconf_bit(i))
			view_add(view, vfconf_name(i),
				 json_object_new_string(
					 vfconf_format(&vf->conf, vfconf_bit(i), value)));
	return view_append(lister->list, view);
}

static int run_list_pfs(struct service_call *call, struct problem *problem)
{
	struct lister lister = { call->core, json_object_new_array() };
	int ret;

	ret = view_add(call->out, "pfs", lister.list);
	if (ret)
		return ret;
	pthread_mutex_lock(&call->core->books);
	ret = record_each(call->core->state, list_pf, NULL, &lister, problem);
	pthread_mutex_unlock(&call->core->books);
	return ret;
}

static int run_list_vfs(struct service_call *call, struct problem *problem)
{
	struct lister lister = { call->core, json_object_new_array() };
	int ret;

	ret = view_add(call->out, "vfs", lister.list);
	if (ret)
		return ret;
	pthread_mutex_lock(&call->core->books);
	ret = record_each(call->core->state, NULL, list_vf, &lister, problem);
	pthread_mutex_unlock(&call->core->books);
	return ret;
}

/* The domain's name is kept until the next VF. */
struct finder {
	struct core *core;
	struct record_vf vf;
};

static const char *find_owner(void *data, const struct bdf *pf, uint16_t index)
{
	struct finder *finder = data;
	int ret;

	pthread_mutex_lock(&finder->core->books);
	ret = record_get_vf(finder->core->state, pf, index, &finder->vf);
	pthread_mutex_unlock(&finder->core->books);
	return ret || !*finder->vf.claim.uuid ? NULL : finder->vf.domain;
}

static int run_show_vfs(struct service_call *call, struct problem *problem)
{
	struct finder finder = { .core = call->core };
	const struct vftable_owners owners = { find_owner, &finder };
	bool json = false;
	struct bdf pf;
	int ret;

	ret = get_flag(call, "json", &json, problem);
	if (!ret && member(call, "pf"))
		ret = get_pf(call, &pf, problem);
	return ret ? ret
		   : vfcache_open(call->core->vfs, member(call, "pf") ? &pf : NULL,
				  json ? VFCACHE_JSON : VFCACHE_LINES, &owners, &call->fd, problem);
}

static int run_adopt(struct service_call *call, struct problem *problem)
{
	struct core_adopt how = { .image = NULL };
	int64_t vfs = 0, memory = 0;
	int ret;

	if ((ret = get_pf(call, &how.bdf, problem)) ||
	    (ret = get_number(call, "vfs", false, UINT16_MAX, &vfs, problem)) ||
	    (ret = get_number(call, "memory", false, INT32_MAX, &memory, problem)) ||
	    (ret = get_text(call, "image", false, &how.image, problem)) ||
	    (ret = get_text(call, "domain", false, &how.name, problem)))
		return ret;
	how.vfs = (uint16_t)vfs;
	how.memory_mib = (unsigned int)memory;
	return core_adopt(call->core, &how, problem);
}

static int run_release(struct service_call *call, struct problem *problem)
{
	bool force = false;
	struct bdf pf;
	int ret;

	ret = get_pf(call, &pf, problem);
	if (!ret)
		ret = get_flag(call, "force", &force, problem);
	return ret ? ret : core_release(call->core, &pf, force, problem);
}

static int run_set_vfs(struct service_call *call, struct problem *problem)
{
	int64_t vfs = 0;
	struct bdf pf;
	int ret;

	ret = get_pf(call, &pf, problem);
	if (!ret)
		ret = get_number(call, "vfs", true, UINT16_MAX, &vfs, problem);
	return ret ? ret : core_set_vfs(call->core, &pf, (uint16_t)vfs, problem);
}

static int run_set_vf(struct service_call *call, struct problem *problem)
{
	struct vfconf conf = { 0 };
	uint16_t index;
	struct bdf pf;
	int ret;

	ret = get_vf(call, &pf, &index, problem);
	for (int i = 0; i < VFCONF_FIELDS && !ret; i++) {
		const char *value = NULL;

		ret = get_text(call, vfconf_name(i), false, &value, problem);
		if (!ret && value)
			ret = vfconf_set(&conf, vfconf_name(i), value, problem);
	}
	return ret ? ret : core_set_vf(call->core, &pf, index, &conf, problem);
}

static int run_assign(struct service_call *call, struct problem *problem)
{
	const char *domain = NULL;
	int64_t index = -1;
	uint16_t given;
	struct bdf pf;
	int ret;

	if ((ret = get_pf(call, &pf, problem)) ||
	    (ret = get_number(call, "index", false, UINT16_MAX, &index, problem)) ||
	    (ret = get_text(call, "domain", true, &domain, problem)))
		return ret;
	ret = core_assign(call->core, &pf, (int)index, domain, &given, problem);
	return ret ? ret : view_add(call->out, "index", json_object_new_int(given));
}

static int run_unassign(struct service_call *call, struct problem *problem)
{
	uint16_t index;
	struct bdf pf;
	int ret;

	ret = get_vf(call, &pf, &index, problem);
	return ret ? ret : core_unassign(call->core, &pf, index, problem);
}

static int run_may_start(struct service_call *call, struct problem *problem)
{
	const char *xml = NULL;
	int ret;

	ret = get_text(call, "xml", true, &xml, problem);
	return ret ? ret : core_may_start(call->core, xml, strlen(xml), problem);
}

static int run_has_started(struct service_call *call, struct problem *problem)
{
	const char *uuid = NULL;
	int ret;

	ret = get_text(call, "uuid", true, &uuid, problem);
	return ret ? ret : core_has_started(call->core, uuid, problem);
}

static int run_restart(struct service_call *call, struct problem *problem)
{
	const char *image = NULL;
	int64_t timeout_s = 0;
	struct bdf pf;
	int ret;

	ret = get_pf(call, &pf, problem);
	if (!ret)
		ret = get_text(call, "image", false, &image, problem);
	if (!ret)
		ret = get_number(call, "timeout", false, RESTART_MAX_S, &timeout_s, problem);
	if (ret)
		return ret;
	return image ? core_upgrade_pf(call->core, &pf, image, (unsigned int)timeout_s * 1000,
				       problem)
		     : core_restart_pf(call->core, &pf, problem);
}

/* Only one that is asked for more goes to events_serve(). */
static int run_events(struct service_call *call, struct problem *problem)
{
	return problem_set(problem, -EINVAL, "Events goes on answering: call it with \"more\"");
}

static int run_metrics(struct service_call *call, struct problem *problem)
{
	CLEANUP(cleanup_free) char *text = NULL;
	int ret;

	ret = metrics_text(call->core, &text, problem);
	return ret ? ret : view_add(call->out, "text", json_object_new_string(text));
}

const struct service_method service_methods[] = {
	{ "ListPFs", "", run_list_pfs, true },
	{ "ListVFs", "", run_list_vfs, true },
	{ "ShowVFs", "pf json ", run_show_vfs, true },
	{ "Adopt", "pf vfs memory image domain ", run_adopt, false },
	{ "Release", "pf force ", run_release, false },
	{ "Restart", "pf image timeout ", run_restart, false },
	{ "SetVFs", "pf vfs ", run_set_vfs, false },
	{ "SetVF", "pf index mac vlan rate trust spoofchk ", run_set_vf, false },
	{ "Assign", "pf index domain ", run_assign, false },
	{ "Unassign", "pf index ", run_unassign, false },
	{ "MayStart", "xml ", run_may_start, true },
	{ "HasStarted", "uuid ", run_has_started, true },
	{ SERVICE_EVENTS, "", run_events, true },
	{ "Metrics", "", run_metrics, true },
};

const size_t service_method_count = sizeof(service_methods) / sizeof(service_methods[0]);
