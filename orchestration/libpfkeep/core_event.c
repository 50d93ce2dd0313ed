// SPDX-License-Identifier: GPL-2.0-only
/* What has changed, for those who follow it: the state's transactions in the words of PFs and VFs. */
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "orchestration/libpfkeep/core_priv.h"
#include "pfkeep/vfname.h"
#include "pfkeep/view.h"

/* {"event":NAME,"pf":BDF[,"index":N]} for the key of a record. */
static struct json_object *new_event(const char *key, const char *pf_event, const char *vf_event)
{
	bool is_vf = !strncmp(key, "vf/", 3);
	struct json_object *event;
	struct vfname name;
	char text[BDF_TEXT];

	if (is_vf && vfname_parse(key + 3, &name, NULL))
		return NULL;
	event = json_object_new_object();
	view_add(event, "event", json_object_new_string(is_vf ? vf_event : pf_event));
	if (!is_vf) {
		view_add(event, "pf", json_object_new_string(key + 3));
		return event;
	}
	view_add(event, "pf", json_object_new_string(bdf_format(&name.bdf, text)));
	view_add(event, "index", json_object_new_int(name.index));
	return event;
}

static void tell(struct core *core, struct json_object *event)
{
	if (event)
		core->tell(core->tell_data, event);
}

static void touch_owner(struct core *core, const char *key)
{
	struct vfname name;

	if (core->vfs && !strncmp(key, "vf/", 3) && !vfname_parse(key + 3, &name, NULL))
		vfcache_touch_owner(core->vfs, &name.bdf);
}

static void touch_owners(struct core *core, const struct state_change *change)
{
	json_object_object_foreach(change->put, key, record) {
		(void)record;
		touch_owner(core, key);
	}
	json_object_object_foreach(change->delete, gone, nothing) {
		(void)nothing;
		touch_owner(core, gone);
	}
}

void core_tell_change(struct core *core, const struct state_change *change)
{
	touch_owners(core, change);
	if (!core->tell)
		return;
	json_object_object_foreach(change->put, key, record) {
		struct json_object *event = new_event(key, "pf", "vf");

		json_object_object_foreach(record, name, value)
			view_add(event, name, json_object_get(value));
		tell(core, event);
	}
	json_object_object_foreach(change->delete, gone, nothing) {
		(void)nothing;
		tell(core, new_event(gone, "pf-released", "vf-free"));
	}
}

void core_tell_ready(struct core *core, const struct bdf *pf, bool ready)
{
	char key[BDF_TEXT + 3], text[BDF_TEXT];
	struct json_object *event;

	if (!core->tell)
		return;
	snprintf(key, sizeof(key), "pf/%s", bdf_format(pf, text));
	event = new_event(key, ready ? "pf-ready" : "pf-lost", "");
	tell(core, event);
}

void core_tell_whole(struct core *core, const struct bdf *pf, const char *why)
{
	char key[BDF_TEXT + 3], text[BDF_TEXT];
	struct json_object *event;

	if (!core->tell)
		return;
	snprintf(key, sizeof(key), "pf/%s", bdf_format(pf, text));
	pthread_mutex_lock(&core->books);
	event = new_event(key, "pf-cold", "");
	view_add(event, "why", json_object_new_string(why));
	tell(core, event);
	pthread_mutex_unlock(&core->books);
}
