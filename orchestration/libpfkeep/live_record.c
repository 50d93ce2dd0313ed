// SPDX-License-Identifier: GPL-2.0-only
/*
 * {"version":1, "ticks_per_ms":N, "phases":[{"name","ticks"}],
 *  "functions":[{"bdf","driver","vf","held"}],
 *  "vms":[{"name","qmp","argv":[],"pf","cpr","state","fds":[{"number","kind","token"}],
 *          "phases":[{"name","ticks"}]}],
 *  "since":S, "from":RELEASE, "to":RELEASE, "result", "failed":STAGE, "why"}
 * A VM's phases and the last line needn't be there. A report has the same, but of a VM
 * only what "qmp", "argv", "cpr", "state" and "fds" aren't: it may not have been saved yet.
 */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "pfkeep/live.h"

#define VERSION	   1
#define NUMBER_MAX (1 << 20)
#define TOKEN_MAX  (1 << 20)
#define TEXT_MAX   (4 << 20)

static const char *const kinds[LIVE_KINDS] = { "memory", "device", "event", "iommu" };
static const char *const results[] = { "done", "open", "failed" };

static void put_text(struct json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, json_object_new_string(text));
}

static void put_number(struct json_object *o, const char *key, uint64_t value)
{
	json_object_object_add(o, key, json_object_new_uint64(value));
}

static struct json_object *put_list(struct json_object *o, const char *key)
{
	struct json_object *list = json_object_new_array();

	json_object_object_add(o, key, list);
	return list;
}

static struct json_object *append(struct json_object *list)
{
	struct json_object *o = json_object_new_object();

	json_object_array_add(list, o);
	return o;
}

static void put_phases(struct json_object *o, const struct live_phase *phases, size_t n)
{
	struct json_object *list = put_list(o, "phases");

	for (size_t i = 0; i < n; i++) {
		struct json_object *phase = append(list);

		put_text(phase, "name", phases[i].name);
		put_number(phase, "ticks", phases[i].ticks);
	}
}

static void format_vm(const struct live_vm *vm, bool whole, struct json_object *o)
{
	struct json_object *list;

	put_text(o, "name", vm->name);
	put_number(o, "pf", vm->has_pf);
	put_phases(o, vm->phases, vm->n_phases);
	if (!whole)
		return;
	list = put_list(o, "argv");
	put_text(o, "qmp", vm->qmp);
	put_number(o, "cpr", (uint64_t)vm->cpr);
	put_number(o, "state", vm->state_token);
	for (int i = 0; i < vm->argc; i++)
		json_object_array_add(list, json_object_new_string(vm->argv[i]));
	list = put_list(o, "fds");
	for (size_t i = 0; i < vm->n_fds; i++) {
		struct json_object *fd = append(list);

		put_number(fd, "number", (uint64_t)vm->fds[i].number);
		put_text(fd, "kind", kinds[vm->fds[i].kind]);
		put_number(fd, "token", vm->fds[i].token);
	}
}

static void format_result(const struct live *live, struct json_object *o)
{
	put_number(o, "since", live->since);
	put_text(o, "result", results[live->result]);
	if (*live->from)
		put_text(o, "from", live->from);
	if (*live->to)
		put_text(o, "to", live->to);
	if (live->result != LIVE_FAILED)
		return;
	put_text(o, "failed", live->failed);
	put_text(o, "why", live->why.text);
}

static int format(const struct live *live, bool whole, char **ret_text)
{
	struct json_object *o = json_object_new_object(), *list;

	put_number(o, "version", VERSION);
	put_number(o, "ticks_per_ms", live->ticks_per_ms);
	put_phases(o, live->phases, live->n_phases);
	list = put_list(o, "functions");
	for (size_t i = 0; i < live->n_functions; i++) {
		struct json_object *f = append(list);

		put_text(f, "bdf", live->functions[i].bdf);
		put_text(f, "driver", live->functions[i].driver);
		put_number(f, "vf", live->functions[i].vf);
		put_number(f, "held", live->functions[i].held);
	}
	list = put_list(o, "vms");
	for (size_t i = 0; i < live->n_vms; i++)
		format_vm(&live->vms[i], whole, append(list));
	format_result(live, o);
	*ret_text = strdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
	return *ret_text ? 0 : -ENOMEM;
}

int live_record_format(const struct live *live, char **ret_text)
{
	return format(live, true, ret_text);
}

int live_record_format_report(const struct live *live, char **ret_text)
{
	return format(live, false, ret_text);
}

static int get_number(struct json_object *o, const char *key, uint64_t max, uint64_t *ret_value)
{
	struct json_object *value;
	uint64_t n;

	if (!json_object_object_get_ex(o, key, &value) ||
	    !json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0)
		return -EBADMSG;
	n = json_object_get_uint64(value);
	if (n > max)
		return -EBADMSG;
	*ret_value = n;
	return 0;
}

static bool fits(struct json_object *value, size_t size)
{
	return json_object_is_type(value, json_type_string) &&
	       (size_t)json_object_get_string_len(value) < size &&
	       strlen(json_object_get_string(value)) == (size_t)json_object_get_string_len(value);
}

static int get_text(struct json_object *o, const char *key, char *ret_text, size_t size)
{
	struct json_object *value;

	if (!json_object_object_get_ex(o, key, &value) || !fits(value, size) ||
	    !json_object_get_string_len(value))
		return -EBADMSG;
	memcpy(ret_text, json_object_get_string(value), strlen(json_object_get_string(value)) + 1);
	return 0;
}

/* NULL: no list, or one that is too long. */
static struct json_object *get_list(struct json_object *o, const char *key, size_t max)
{
	struct json_object *list;

	if (!json_object_object_get_ex(o, key, &list) ||
	    !json_object_is_type(list, json_type_array) || json_object_array_length(list) > max)
		return NULL;
	return list;
}

static int parse_fd(struct json_object *o, const struct live_vm *vm, struct live_fd *ret_fd)
{
	uint64_t number;
	char kind[16];

	ret_fd->fd = -1;
	/* its standard streams are never kept */
	if (get_number(o, "number", NUMBER_MAX, &number) || number < 3 ||
	    get_number(o, "token", TOKEN_MAX, &ret_fd->token) ||
	    get_text(o, "kind", kind, sizeof(kind)))
		return -EBADMSG;
	ret_fd->number = (int)number;
	for (size_t i = 0; i < vm->n_fds; i++)
		if (vm->fds[i].number == ret_fd->number)
			return -EBADMSG;
	for (int k = 0; k < LIVE_KINDS; k++) {
		ret_fd->kind = (enum live_kind)k;
		if (!strcmp(kind, kinds[k]))
			return 0;
	}
	return -EBADMSG;
}

static int parse_fds(struct json_object *o, struct live_vm *vm)
{
	struct json_object *list = get_list(o, "fds", LIVE_FDS_MAX);
	bool cpr = false;

	if (!list)
		return -EBADMSG;
	vm->fds = calloc(LIVE_FDS_MAX, sizeof(*vm->fds));
	if (!vm->fds)
		return -ENOMEM;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct live_fd *fd = &vm->fds[i];

		if (parse_fd(json_object_array_get_idx(list, i), vm, fd))
			return -EBADMSG;
		cpr |= fd->number == vm->cpr && fd->kind == LIVE_MEMORY;
		vm->n_fds++;
	}
	return cpr ? 0 : -EBADMSG;
}

static int parse_args(struct json_object *o, struct live_vm *vm)
{
	struct json_object *list = get_list(o, "argv", LIVE_ARGS_MAX);

	if (!list || !json_object_array_length(list))
		return -EBADMSG;
	vm->argv = calloc(LIVE_ARGS_MAX + 1, sizeof(*vm->argv));
	if (!vm->argv)
		return -ENOMEM;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *arg = json_object_array_get_idx(list, i);

		if (!fits(arg, TEXT_MAX))
			return -EBADMSG;
		vm->argv[i] = strdup(json_object_get_string(arg));
		if (!vm->argv[i])
			return -ENOMEM;
		vm->argc++;
	}
	return vm->argv[0] && *vm->argv[0] == '/' ? 0 : -EBADMSG;
}

static int parse_phases(struct json_object *o, size_t max, struct live_phase *ret_phases,
			size_t *ret_n)
{
	struct json_object *list = get_list(o, "phases", max);

	if (!list)
		return -EBADMSG;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *one = json_object_array_get_idx(list, i);
		struct live_phase *phase = &ret_phases[(*ret_n)++];

		if (get_text(one, "name", phase->name, sizeof(phase->name)) ||
		    get_number(one, "ticks", INT64_MAX, &phase->ticks))
			return -EBADMSG;
	}
	return 0;
}

static int parse_vm(struct json_object *o, bool whole, struct live_vm *vm)
{
	uint64_t pf, cpr;
	int ret;

	vm->hold = vm->state = -1;
	if (get_text(o, "name", vm->name, sizeof(vm->name)) || get_number(o, "pf", 1, &pf) ||
	    (json_object_object_get_ex(o, "phases", NULL) &&
	     parse_phases(o, LIVE_VM_PHASES, vm->phases, &vm->n_phases)))
		return -EBADMSG;
	vm->has_pf = pf;
	if (!whole)
		return 0;
	if (strchr(vm->name, '/') || get_text(o, "qmp", vm->qmp, sizeof(vm->qmp)) ||
	    *vm->qmp != '/' || get_number(o, "cpr", NUMBER_MAX, &cpr) ||
	    get_number(o, "state", TOKEN_MAX, &vm->state_token))
		return -EBADMSG;
	vm->cpr = (int)cpr;
	ret = parse_args(o, vm);
	return ret ? ret : parse_fds(o, vm);
}

static int parse_vms(struct json_object *o, bool whole, struct live *live)
{
	struct json_object *list = get_list(o, "vms", LIVE_VMS_MAX);
	int ret = 0;

	if (!list)
		return -EBADMSG;
	live->vms = calloc(LIVE_VMS_MAX, sizeof(*live->vms));
	if (!live->vms)
		return -ENOMEM;
	for (size_t i = 0; i < json_object_array_length(list) && !ret; i++)
		ret = parse_vm(json_object_array_get_idx(list, i), whole,
			       &live->vms[live->n_vms++]);
	return ret;
}

static int parse_functions(struct json_object *o, struct live *live)
{
	struct json_object *list = get_list(o, "functions", LIVE_FUNCTIONS);

	if (!list)
		return -EBADMSG;
	live->functions = calloc(LIVE_FUNCTIONS, sizeof(*live->functions));
	if (!live->functions)
		return -ENOMEM;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *one = json_object_array_get_idx(list, i);
		struct live_function *f = &live->functions[live->n_functions++];
		struct bdf bdf;
		uint64_t vf, held;

		if (get_text(one, "bdf", f->bdf, sizeof(f->bdf)) || bdf_parse(f->bdf, &bdf) ||
		    get_text(one, "driver", f->driver, sizeof(f->driver)) ||
		    strchr(f->driver, '/') || get_number(one, "vf", 1, &vf) ||
		    get_number(one, "held", 1, &held))
			return -EBADMSG;
		f->vf = vf;
		f->held = held;
	}
	return 0;
}

/* What is there must be right. */
static int get_optional(struct json_object *o, const char *key, char *ret_text, size_t size)
{
	return json_object_object_get_ex(o, key, NULL) ? get_text(o, key, ret_text, size) : 0;
}

static int parse_result(struct json_object *o, struct live *live)
{
	char result[16] = "done";

	if (json_object_object_get_ex(o, "since", NULL) &&
	    get_number(o, "since", INT64_MAX, &live->since))
		return -EBADMSG;
	if (get_optional(o, "result", result, sizeof(result)) ||
	    get_optional(o, "from", live->from, sizeof(live->from)) ||
	    get_optional(o, "to", live->to, sizeof(live->to)) ||
	    get_optional(o, "failed", live->failed, sizeof(live->failed)) ||
	    get_optional(o, "why", live->why.text, sizeof(live->why.text)))
		return -EBADMSG;
	for (int k = 0; k <= LIVE_FAILED; k++) {
		live->result = (enum live_result)k;
		if (!strcmp(result, results[k]))
			return 0;
	}
	return -EBADMSG;
}

static int parse_all(struct json_object *o, bool whole, struct live *live)
{
	uint64_t version;
	int ret;

	if (!json_object_is_type(o, json_type_object) ||
	    get_number(o, "version", INT32_MAX, &version))
		return -EBADMSG;
	if (version != VERSION)
		return -EPROTONOSUPPORT;
	if (get_number(o, "ticks_per_ms", INT64_MAX, &live->ticks_per_ms))
		return -EBADMSG;
	ret = parse_phases(o, LIVE_PHASES, live->phases, &live->n_phases);
	if (!ret)
		ret = parse_result(o, live);
	if (!ret)
		ret = parse_functions(o, live);
	return ret ? ret : parse_vms(o, whole, live);
}

static int parse(const char *text, size_t len, bool whole, struct live *ret_live,
		 struct problem *problem)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *o = NULL;
	int ret = -EBADMSG;

	live_init(ret_live);
	if (tokener && len <= TEXT_MAX)
		o = json_tokener_parse_ex(tokener, text, (int)len);
	if (o)
		ret = parse_all(o, whole, ret_live);
	json_object_put(o);
	if (tokener)
		json_tokener_free(tokener);
	if (!ret)
		return 0;
	live_release(ret_live);
	if (ret == -EPROTONOSUPPORT)
		return problem_set(problem, ret,
				   "the record of the live update has another "
				   "version than this pfkeep's (1)");
	return problem_set(problem, ret, "the record of the live update isn't one");
}

int live_record_parse(const char *text, size_t len, struct live *ret_live, struct problem *problem)
{
	return parse(text, len, true, ret_live, problem);
}

int live_record_parse_report(const char *text, size_t len, struct live *ret_live,
			     struct problem *problem)
{
	return parse(text, len, false, ret_live, problem);
}
