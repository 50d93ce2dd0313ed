// SPDX-License-Identifier: GPL-2.0-only
/*
 * {"version":1, "ticks_per_ms":N, "phases":[{"name","ticks"}],
 *  "functions":[{"bdf","driver","vf","held"}],
 *  "vms":[{"name","qmp","argv":[],"pf","cpr","state","fds":[{"number","kind","token"}],
 *          "phases":[{"name","ticks"}], "domain":{}}],
 *  "since":S, "from":RELEASE, "to":RELEASE, "result", "failed":STAGE, "why"}
 * A VM's phases and the last line needn't be there. A report has the same, but of a VM
 * only what "qmp", "argv", "cpr", "state" and "fds" aren't: it may not have been saved yet.
 */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "orchestration/libpfkeep/live_json.h"
#include "orchestration/libpfkeep/live_record.h"
#include "pfkeep/live.h"

#define VERSION	   1
#define NUMBER_MAX (1 << 20)
#define TOKEN_MAX  (1 << 20)
#define TEXT_MAX   (4 << 20)
#define FLAGS	   (O_ACCMODE | O_APPEND)

static const char *const kinds[LIVE_KINDS] = { "memory", "device", "event",
					       "iommu",	 "listen", "file" };
static const char *const results[] = { "done", "open", "failed" };

static void put_phases(struct json_object *o, const struct live_phase *phases, size_t n)
{
	struct json_object *list = json_put_list(o, "phases");

	for (size_t i = 0; i < n; i++) {
		struct json_object *phase = json_append(list);

		json_put_text(phase, "name", phases[i].name);
		json_put_number(phase, "ticks", phases[i].ticks);
	}
}

static void format_vm(const struct live_vm *vm, bool whole, struct json_object *o)
{
	struct json_object *list;

	json_put_text(o, "name", vm->name);
	json_put_number(o, "pf", vm->has_pf);
	put_phases(o, vm->phases, vm->n_phases);
	if (!whole)
		return;
	if (vm->domain)
		live_record_put_domain(o, vm->domain);
	list = json_put_list(o, "argv");
	json_put_text(o, "qmp", vm->qmp);
	json_put_number(o, "cpr", (uint64_t)vm->cpr);
	json_put_number(o, "state", vm->state_token);
	for (int i = 0; i < vm->argc; i++)
		json_object_array_add(list, json_object_new_string(vm->argv[i]));
	list = json_put_list(o, "fds");
	for (size_t i = 0; i < vm->n_fds; i++) {
		struct json_object *fd = json_append(list);

		json_put_number(fd, "number", (uint64_t)vm->fds[i].number);
		json_put_text(fd, "kind", kinds[vm->fds[i].kind]);
		json_put_number(fd, "token", vm->fds[i].token);
		if (!vm->fds[i].path)
			continue;
		json_put_text(fd, "path", vm->fds[i].path);
		json_put_number(fd, "flags", (uint64_t)vm->fds[i].flags);
	}
}

static void format_result(const struct live *live, struct json_object *o)
{
	json_put_number(o, "since", live->since);
	json_put_text(o, "result", results[live->result]);
	if (*live->from)
		json_put_text(o, "from", live->from);
	if (*live->to)
		json_put_text(o, "to", live->to);
	if (live->result != LIVE_FAILED)
		return;
	json_put_text(o, "failed", live->failed);
	json_put_text(o, "why", live->why.text);
}

static int format(const struct live *live, bool whole, char **ret_text)
{
	struct json_object *o = json_object_new_object(), *list;

	json_put_number(o, "version", VERSION);
	json_put_number(o, "ticks_per_ms", live->ticks_per_ms);
	put_phases(o, live->phases, live->n_phases);
	list = json_put_list(o, "functions");
	for (size_t i = 0; i < live->n_functions; i++) {
		struct json_object *f = json_append(list);

		json_put_text(f, "bdf", live->functions[i].bdf);
		json_put_text(f, "driver", live->functions[i].driver);
		json_put_number(f, "vf", live->functions[i].vf);
		json_put_number(f, "held", live->functions[i].held);
	}
	list = json_put_list(o, "vms");
	for (size_t i = 0; i < live->n_vms; i++)
		format_vm(&live->vms[i], whole, json_append(list));
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

/* Of what is opened anew, by its path. */
static int parse_path(struct json_object *o, struct live_fd *fd)
{
	char path[PATH_MAX];
	uint64_t flags;

	if (json_get_text(o, "path", path, sizeof(path)) || *path != '/' ||
	    json_get_number(o, "flags", FLAGS, &flags) || (flags & ~(uint64_t)FLAGS) ||
	    (fd->kind == LIVE_LISTEN && strlen(path) >= LIVE_PATH))
		return -EBADMSG;
	fd->flags = (int)flags;
	fd->path = strdup(path);
	return fd->path ? 0 : -ENOMEM;
}

static int parse_fd(struct json_object *o, const struct live_vm *vm, struct live_fd *ret_fd)
{
	uint64_t number;
	char kind[16];

	ret_fd->fd = -1;
	/* its standard streams are never kept */
	if (json_get_number(o, "number", NUMBER_MAX, &number) || number < 3 ||
	    json_get_number(o, "token", TOKEN_MAX, &ret_fd->token) ||
	    json_get_text(o, "kind", kind, sizeof(kind)))
		return -EBADMSG;
	ret_fd->number = (int)number;
	for (size_t i = 0; i < vm->n_fds; i++)
		if (vm->fds[i].number == ret_fd->number)
			return -EBADMSG;
	for (int k = 0; k < LIVE_KINDS; k++) {
		ret_fd->kind = (enum live_kind)k;
		if (!strcmp(kind, kinds[k]))
			return k < LIVE_LISTEN ? 0 : parse_path(o, ret_fd);
	}
	return -EBADMSG;
}

static int parse_fds(struct json_object *o, struct live_vm *vm)
{
	struct json_object *list = json_get_list(o, "fds", LIVE_FDS_MAX);
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
	struct json_object *list = json_get_list(o, "argv", LIVE_ARGS_MAX);

	if (!list || !json_object_array_length(list))
		return -EBADMSG;
	vm->argv = calloc(LIVE_ARGS_MAX + 1, sizeof(*vm->argv));
	if (!vm->argv)
		return -ENOMEM;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *arg = json_object_array_get_idx(list, i);

		if (!json_fits(arg, TEXT_MAX))
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
	struct json_object *list = json_get_list(o, "phases", max);

	if (!list)
		return -EBADMSG;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *one = json_object_array_get_idx(list, i);
		struct live_phase *phase = &ret_phases[(*ret_n)++];

		if (json_get_text(one, "name", phase->name, sizeof(phase->name)) ||
		    json_get_number(one, "ticks", INT64_MAX, &phase->ticks))
			return -EBADMSG;
	}
	return 0;
}

static int parse_vm(struct json_object *o, bool whole, struct live_vm *vm)
{
	uint64_t pf, cpr;
	int ret;

	vm->hold = vm->state = -1;
	if (json_get_text(o, "name", vm->name, sizeof(vm->name)) ||
	    json_get_number(o, "pf", 1, &pf) ||
	    (json_object_object_get_ex(o, "phases", NULL) &&
	     parse_phases(o, LIVE_VM_PHASES, vm->phases, &vm->n_phases)))
		return -EBADMSG;
	vm->has_pf = pf;
	if (!whole)
		return 0;
	if (strchr(vm->name, '/') || json_get_text(o, "qmp", vm->qmp, sizeof(vm->qmp)) ||
	    *vm->qmp != '/' || json_get_number(o, "cpr", NUMBER_MAX, &cpr) ||
	    json_get_number(o, "state", TOKEN_MAX, &vm->state_token))
		return -EBADMSG;
	vm->cpr = (int)cpr;
	ret = parse_args(o, vm);
	if (!ret)
		ret = parse_fds(o, vm);
	return ret ? ret : live_record_get_domain(o, &vm->domain);
}

static int parse_vms(struct json_object *o, bool whole, struct live *live)
{
	struct json_object *list = json_get_list(o, "vms", LIVE_VMS_MAX);
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
	struct json_object *list = json_get_list(o, "functions", LIVE_FUNCTIONS);

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

		if (json_get_text(one, "bdf", f->bdf, sizeof(f->bdf)) || bdf_parse(f->bdf, &bdf) ||
		    json_get_text(one, "driver", f->driver, sizeof(f->driver)) ||
		    strchr(f->driver, '/') || json_get_number(one, "vf", 1, &vf) ||
		    json_get_number(one, "held", 1, &held))
			return -EBADMSG;
		f->vf = vf;
		f->held = held;
	}
	return 0;
}

/* What is there must be right. */
static int get_optional(struct json_object *o, const char *key, char *ret_text, size_t size)
{
	return json_object_object_get_ex(o, key, NULL) ? json_get_text(o, key, ret_text, size) : 0;
}

static int parse_result(struct json_object *o, struct live *live)
{
	char result[16] = "done";

	if (json_object_object_get_ex(o, "since", NULL) &&
	    json_get_number(o, "since", INT64_MAX, &live->since))
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
	    json_get_number(o, "version", INT32_MAX, &version))
		return -EBADMSG;
	if (version != VERSION)
		return -EPROTONOSUPPORT;
	if (json_get_number(o, "ticks_per_ms", INT64_MAX, &live->ticks_per_ms))
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
