// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "pfkeep/record.h"
#include "pfkeep/vfname.h"
#include "pfkeep/view.h"

#define KEY (VFNAME_TEXT + 4)

static const char *const phases[] = { "adopting", "adopted", "releasing" };

const char *record_phase_name(enum record_phase phase)
{
	return phases[phase];
}

static const char *pf_key(const struct bdf *bdf, char dst[static KEY])
{
	char text[BDF_TEXT];

	snprintf(dst, KEY, "pf/%s", bdf_format(bdf, text));
	return dst;
}

static const char *vf_key(const struct bdf *pf, uint16_t index, char dst[static KEY])
{
	const struct vfname name = { true, *pf, index };
	char text[VFNAME_TEXT];

	snprintf(dst, KEY, "vf/%s", vfname_format(&name, text));
	return dst;
}

/* A string member shorter than size; an empty one if it isn't there and may be so. */
static int get_text(struct json_object *object, const char *name, bool needed, char *ret_text,
		    size_t size)
{
	struct json_object *value;

	ret_text[0] = '\0';
	if (!json_object_object_get_ex(object, name, &value))
		return needed ? -EBADMSG : 0;
	if (!json_object_is_type(value, json_type_string) ||
	    (size_t)json_object_get_string_len(value) >= size ||
	    strlen(json_object_get_string(value)) != (size_t)json_object_get_string_len(value))
		return -EBADMSG;
	snprintf(ret_text, size, "%s", json_object_get_string(value));
	return 0;
}

static int get_u16(struct json_object *object, const char *name, uint16_t *ret_number)
{
	struct json_object *value;
	int64_t number;

	if (!json_object_object_get_ex(object, name, &value) ||
	    !json_object_is_type(value, json_type_int))
		return -EBADMSG;
	number = json_object_get_int64(value);
	if (number < 0 || number > UINT16_MAX)
		return -EBADMSG;
	*ret_number = (uint16_t)number;
	return 0;
}

static int get_uuid(struct json_object *object, const char *name, bool needed,
		    char ret_uuid[static UUID_TEXT])
{
	char text[UUID_TEXT];
	int ret;

	ret = get_text(object, name, needed, text, sizeof(text));
	if (ret)
		return ret;
	ret_uuid[0] = '\0';
	return *text && uuid_parse(text, ret_uuid) ? -EBADMSG : 0;
}

static int parse_pf(struct json_object *object, const struct bdf *bdf, struct record_pf *ret_pf)
{
	struct record_pf pf = { .bdf = *bdf };
	char phase[16];
	int ret;

	if ((ret = get_text(object, "phase", true, phase, sizeof(phase))) ||
	    (ret = get_text(object, "domain", true, pf.domain, sizeof(pf.domain))) ||
	    (ret = get_uuid(object, "uuid", true, pf.uuid)) ||
	    (ret = get_text(object, "driver", false, pf.driver, sizeof(pf.driver))) ||
	    (ret = get_u16(object, "vfs", &pf.vfs)))
		return ret;
	for (pf.phase = RECORD_ADOPTING; pf.phase <= RECORD_RELEASING; pf.phase++)
		if (!strcmp(phases[pf.phase], phase)) {
			*ret_pf = pf;
			return 0;
		}
	return -EBADMSG;
}

static int parse_conf(struct json_object *object, struct vfconf *conf)
{
	for (int i = 0; i < VFCONF_FIELDS; i++) {
		char text[VFCONF_VALUE];
		int ret;

		ret = get_text(object, vfconf_name(i), false, text, sizeof(text));
		if (!ret && *text)
			ret = vfconf_set(conf, vfconf_name(i), text, NULL);
		if (ret)
			return -EBADMSG;
	}
	return 0;
}

static int parse_asked(struct json_object *object, struct record_vf *vf)
{
	struct json_object *asked;

	if (!json_object_object_get_ex(object, "asked", &asked))
		return 0;
	if (!*vf->claim.uuid || !json_object_is_type(asked, json_type_object))
		return -EBADMSG;
	vf->by_metadata = true;
	return parse_conf(asked, &vf->asked);
}

static int parse_vf(struct json_object *object, const struct bdf *bdf, uint16_t index,
		    struct record_vf *ret_vf)
{
	struct record_vf vf = { .claim = { .pf = *bdf, .index = index } };
	int ret;

	ret = get_uuid(object, "owner", false, vf.claim.uuid);
	if (!ret && *vf.claim.uuid)
		ret = get_u16(object, "request", &vf.claim.request);
	if (!ret)
		ret = get_text(object, "domain", *vf.claim.uuid, vf.domain, sizeof(vf.domain));
	if (!ret)
		ret = parse_conf(object, &vf.conf);
	if (!ret)
		ret = parse_asked(object, &vf);
	if (!ret)
		*ret_vf = vf;
	return ret;
}

int record_get_pf(const struct state *state, const struct bdf *bdf, struct record_pf *ret_pf)
{
	char key[KEY];
	struct json_object *object = state_get(state, pf_key(bdf, key));
	int ret = object ? parse_pf(object, bdf, ret_pf) : -ENOENT;

	json_object_put(object);
	return ret;
}

int record_get_vf(const struct state *state, const struct bdf *pf, uint16_t index,
		  struct record_vf *ret_vf)
{
	char key[KEY];
	struct json_object *object = state_get(state, vf_key(pf, index, key));
	int ret = object ? parse_vf(object, pf, index, ret_vf) : -ENOENT;

	json_object_put(object);
	return ret;
}

int record_put_pf(struct state_change *change, const struct record_pf *pf)
{
	struct json_object *object = json_object_new_object();
	char key[KEY];
	int ret;

	if (!object)
		return -ENOMEM;
	ret = view_add(object, "phase", json_object_new_string(phases[pf->phase]));
	if (!ret)
		ret = view_add(object, "domain", json_object_new_string(pf->domain));
	if (!ret)
		ret = view_add(object, "uuid", json_object_new_string(pf->uuid));
	if (!ret && *pf->driver)
		ret = view_add(object, "driver", json_object_new_string(pf->driver));
	if (!ret)
		ret = view_add(object, "vfs", json_object_new_int(pf->vfs));
	if (!ret)
		return state_put(change, pf_key(&pf->bdf, key), object);
	json_object_put(object);
	return ret;
}

static int fill_conf(struct json_object *object, const struct vfconf *conf)
{
	char text[VFCONF_VALUE];
	int ret = 0;

	for (int i = 0; i < VFCONF_FIELDS && !ret; i++)
		if (conf->set & vfconf_bit(i))
			ret = view_add(
				object, vfconf_name(i),
				json_object_new_string(vfconf_format(conf, vfconf_bit(i), text)));
	return ret;
}

static int add_asked(struct json_object *object, const struct vfconf *asked)
{
	struct json_object *inner = json_object_new_object();
	int ret = view_add(object, "asked", inner);

	return ret ? ret : fill_conf(inner, asked);
}

static int fill_vf(struct json_object *object, const struct record_vf *vf)
{
	int ret = 0;

	if (*vf->claim.uuid) {
		ret = view_add(object, "owner", json_object_new_string(vf->claim.uuid));
		if (!ret)
			ret = view_add(object, "request", json_object_new_int(vf->claim.request));
		if (!ret)
			ret = view_add(object, "domain", json_object_new_string(vf->domain));
	}
	if (!ret && vf->by_metadata)
		ret = add_asked(object, &vf->asked);
	return ret ? ret : fill_conf(object, &vf->conf);
}

int record_put_vf(struct state_change *change, const struct record_vf *vf)
{
	struct json_object *object;
	char key[KEY];
	int ret;

	if (!*vf->claim.uuid && !vf->conf.set)
		return record_delete_vf(change, &vf->claim.pf, vf->claim.index);
	object = json_object_new_object();
	if (!object)
		return -ENOMEM;
	ret = fill_vf(object, vf);
	if (!ret)
		return state_put(change, vf_key(&vf->claim.pf, vf->claim.index, key), object);
	json_object_put(object);
	return ret;
}

int record_delete_pf(struct state_change *change, const struct bdf *bdf)
{
	char key[KEY];

	return state_delete(change, pf_key(bdf, key));
}

int record_delete_vf(struct state_change *change, const struct bdf *pf, uint16_t index)
{
	char key[KEY];

	return state_delete(change, vf_key(pf, index, key));
}

static int visit_pf(const char *name, struct json_object *packed,
		    int (*on_pf)(void *data, const struct record_pf *pf, struct problem *problem),
		    void *data, struct problem *problem)
{
	struct json_object *object = state_unpack(packed);
	struct record_pf pf;
	struct bdf bdf;
	bool bad = bdf_parse(name, &bdf) || parse_pf(object, &bdf, &pf);

	json_object_put(object);
	if (bad)
		return problem_set(problem, -EBADMSG, "the state: pf/%.40s isn't a record of a PF",
				   name);
	return on_pf ? on_pf(data, &pf, problem) : 0;
}

static int visit_vf(const char *name, struct json_object *packed,
		    int (*on_vf)(void *data, const struct record_vf *vf, struct problem *problem),
		    void *data, struct problem *problem)
{
	struct json_object *object = state_unpack(packed);
	struct vfname vfname;
	struct record_vf vf;
	bool bad = vfname_parse(name, &vfname, NULL) || !vfname.by_index ||
		   parse_vf(object, &vfname.bdf, vfname.index, &vf);

	json_object_put(object);
	if (bad)
		return problem_set(problem, -EBADMSG, "the state: vf/%.40s isn't a record of a VF",
				   name);
	return on_vf ? on_vf(data, &vf, problem) : 0;
}

int record_each_pf(const struct state *state,
		   int (*on_pf)(void *data, const struct record_pf *pf, struct problem *problem),
		   void *data, struct problem *problem)
{
	int ret;

	json_object_object_foreach(state_all(state), key, value) {
		if (strncmp(key, "pf/", 3))
			continue;
		ret = visit_pf(key + 3, value, on_pf, data, problem);
		if (ret)
			return ret;
	}
	return 0;
}

int record_each(const struct state *state,
		int (*on_pf)(void *data, const struct record_pf *pf, struct problem *problem),
		int (*on_vf)(void *data, const struct record_vf *vf, struct problem *problem),
		void *data, struct problem *problem)
{
	int ret = record_each_pf(state, on_pf, data, problem);

	if (ret)
		return ret;
	json_object_object_foreach(state_all(state), name, object) {
		if (!strncmp(name, "pf/", 3))
			continue;
		if (strncmp(name, "vf/", 3))
			return problem_set(problem, -EBADMSG, "the state: nothing is called %.40s",
					   name);
		ret = visit_vf(name + 3, object, on_vf, data, problem);
		if (ret)
			return ret;
	}
	return 0;
}
