// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "pfkeep/agent.h"
#include "pfkeep/base64.h"
#include "pfkeep/cleanup.h"

#define COMMAND_TIMEOUT_S   30
#define ATTRIBUTE_TIMEOUT_S 180 /* some hardware takes half a second for each VF */
#define POLL_FIRST_MS	    2
#define POLL_LAST_MS	    50
#define SYSFS_PCI	    "/sys/bus/pci/devices/"

static const char *const allowed[] = { "/usr/sbin/ip", "/usr/sbin/ethtool", "/usr/sbin/nvme" };

static void drop(struct json_object **object)
{
	json_object_put(*object);
}

static int nonsense(struct problem *problem, const char *what)
{
	return problem_set(problem, -EPROTO, "the PF VM's agent: %s", what);
}

/* {"error":{"class":...,"desc":...}} */
static int remote_error(struct json_object *error, struct problem *problem)
{
	struct json_object *desc = json_object_object_get(error, "desc");

	if (!json_object_is_type(desc, json_type_string))
		return nonsense(problem, "an error without its description");
	return problem_set(problem, -EREMOTEIO, "the PF VM's agent says: %.120s",
			   json_object_get_string(desc));
}

static int parse_reply(const char *text, struct json_object **ret_value, struct problem *problem)
{
	CLEANUP(drop) struct json_object *reply = NULL;
	struct json_tokener *tok;
	struct json_object *value;
	size_t len = strlen(text);
	bool whole;

	if (len > AGENT_REPLY_MAX)
		return nonsense(problem, "a reply that is too long");
	tok = json_tokener_new_ex(AGENT_DEPTH);
	if (!tok)
		return -ENOMEM;
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	reply = json_tokener_parse_ex(tok, text, (int)len + 1);
	whole = json_tokener_get_error(tok) == json_tokener_success;
	json_tokener_free(tok);
	if (!whole || !json_object_is_type(reply, json_type_object))
		return nonsense(problem, "a reply that isn't a JSON object");
	if (json_object_object_get_ex(reply, "error", &value))
		return remote_error(value, problem);
	if (!json_object_object_get_ex(reply, "return", &value))
		return nonsense(problem, "a reply without a result");
	*ret_value = json_object_get(value);
	return 0;
}

/*
 * Send {"execute":NAME,"arguments":ARGUMENTS}; takes over arguments, NULL for
 * none.
 */
static int call_within(const struct agent_link *link, const char *name,
		       struct json_object *arguments, unsigned int timeout_s,
		       struct json_object **ret_value, struct problem *problem)
{
	CLEANUP(drop) struct json_object *request = json_object_new_object();
	CLEANUP(cleanup_free) char *reply = NULL;
	int ret;

	if (!request) {
		json_object_put(arguments);
		return -ENOMEM;
	}
	json_object_object_add(request, "execute", json_object_new_string(name));
	if (arguments)
		json_object_object_add(request, "arguments", arguments);
	ret = link->command(
		link->data,
		json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN |
								JSON_C_TO_STRING_NOSLASHESCAPE),
		timeout_s, &reply, problem);
	return ret ? ret : parse_reply(reply, ret_value, problem);
}

static int call(const struct agent_link *link, const char *name, struct json_object *arguments,
		struct json_object **ret_value, struct problem *problem)
{
	return call_within(link, name, arguments, COMMAND_TIMEOUT_S, ret_value, problem);
}

int agent_ping(const struct agent_link *link, struct problem *problem)
{
	CLEANUP(drop) struct json_object *value = NULL;

	return call(link, "guest-ping", NULL, &value, problem);
}

static bool may_run(const char *program)
{
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		if (!strcmp(program, allowed[i]))
			return true;
	return false;
}

/* An integer member from min to max. */
static int get_int(struct json_object *object, const char *name, int64_t min, int64_t max,
		   int64_t *ret_value)
{
	struct json_object *value;

	if (!json_object_is_type(object, json_type_object) ||
	    !json_object_object_get_ex(object, name, &value) ||
	    !json_object_is_type(value, json_type_int))
		return -EPROTO;
	*ret_value = json_object_get_int64(value);
	return *ret_value < min || *ret_value > max ? -EPROTO : 0;
}

static struct json_object *exec_arguments(const char *const *argv)
{
	struct json_object *arguments = json_object_new_object(), *list = json_object_new_array();

	json_object_object_add(arguments, "path", json_object_new_string(argv[0]));
	for (int i = 1; argv[i]; i++)
		json_object_array_add(list, json_object_new_string(argv[i]));
	json_object_object_add(arguments, "arg", list);
	json_object_object_add(arguments, "capture-output", json_object_new_boolean(true));
	return arguments;
}

/* A base64 member; an empty text if it isn't there. */
static int get_data(struct json_object *object, const char *name, char **ret_data, size_t *ret_len)
{
	struct json_object *value;
	const char *text = "";

	if (json_object_object_get_ex(object, name, &value)) {
		if (!json_object_is_type(value, json_type_string))
			return -EPROTO;
		text = json_object_get_string(value);
	}
	return base64_decode(text, AGENT_OUTPUT_MAX, ret_data, ret_len) ? -EPROTO : 0;
}

static int get_output(struct json_object *status, struct agent_output *ret_output)
{
	struct agent_output output = { 0 };
	int64_t code;

	if (get_int(status, "exitcode", 0, 255, &code)) {
		if (get_int(status, "signal", 1, 64, &code))
			return -EPROTO;
		code += 128;
	}
	output.status = (int)code;
	if (get_data(status, "out-data", &output.out, &output.out_len) ||
	    get_data(status, "err-data", &output.err, &output.err_len)) {
		agent_output_release(&output);
		return -EPROTO;
	}
	*ret_output = output;
	return 0;
}

/* 1: it has ended; 0: it runs. */
static int poll_status(const struct agent_link *link, int64_t pid, struct agent_output *ret_output,
		       struct problem *problem)
{
	CLEANUP(drop) struct json_object *status = NULL;
	struct json_object *arguments = json_object_new_object(), *exited;
	int ret;

	json_object_object_add(arguments, "pid", json_object_new_int64(pid));
	ret = call(link, "guest-exec-status", arguments, &status, problem);
	if (ret)
		return ret;
	if (!json_object_object_get_ex(status, "exited", &exited) ||
	    !json_object_is_type(exited, json_type_boolean))
		return nonsense(problem, "a status that doesn't say whether the program ended");
	if (!json_object_get_boolean(exited))
		return 0;
	if (get_output(status, ret_output))
		return nonsense(problem, "the end of a program without status or output");
	return 1;
}

static unsigned int now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (unsigned int)(ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

/* The agent tells the end of a program only when asked. */
static int await_end(const struct agent_link *link, int64_t pid, unsigned int timeout_ms,
		     struct agent_output *ret_output, struct problem *problem)
{
	unsigned int start = now_ms(), pause = POLL_FIRST_MS;

	for (;;) {
		struct timespec tick = { .tv_nsec = (long)pause * 1000000 };
		int ret = poll_status(link, pid, ret_output, problem);

		if (ret)
			return ret < 0 ? ret : 0;
		if (now_ms() - start >= timeout_ms)
			return problem_set(problem, -ETIMEDOUT,
					   "a program in the PF VM didn't end within %u ms",
					   timeout_ms);
		clock_nanosleep(CLOCK_MONOTONIC, 0, &tick, NULL);
		pause = pause * 2 < POLL_LAST_MS ? pause * 2 : POLL_LAST_MS;
	}
}

int agent_exec(const struct agent_link *link, const char *const *argv, unsigned int timeout_ms,
	       struct agent_output *ret_output, struct problem *problem)
{
	CLEANUP(drop) struct json_object *started = NULL;
	int64_t pid;
	int ret;

	if (!may_run(argv[0]))
		return problem_set(problem, -EPERM,
				   "%.60s: isn't a program that pfkeep runs in a PF VM", argv[0]);
	ret = call(link, "guest-exec", exec_arguments(argv), &started, problem);
	if (ret)
		return ret;
	if (get_int(started, "pid", 1, INT32_MAX, &pid))
		return nonsense(problem, "a program without a pid");
	return await_end(link, pid, timeout_ms, ret_output, problem);
}

void agent_output_release(struct agent_output *output)
{
	free(output->out);
	free(output->err);
	*output = (struct agent_output){ 0 };
}

static int open_file(const struct agent_link *link, const char *path, const char *mode,
		     int64_t *ret_handle, struct problem *problem)
{
	CLEANUP(drop) struct json_object *handle = NULL;
	struct json_object *arguments = json_object_new_object();
	int ret;

	if (strncmp(path, SYSFS_PCI, strlen(SYSFS_PCI)) || strstr(path, "..")) {
		json_object_put(arguments);
		return problem_set(problem, -EPERM,
				   "%.60s: isn't a file that pfkeep opens in a PF VM", path);
	}
	json_object_object_add(arguments, "path", json_object_new_string(path));
	json_object_object_add(arguments, "mode", json_object_new_string(mode));
	ret = call(link, "guest-file-open", arguments, &handle, problem);
	if (ret)
		return ret;
	if (!json_object_is_type(handle, json_type_int))
		return nonsense(problem, "a file without a handle");
	*ret_handle = json_object_get_int64(handle);
	return 0;
}

/* NAME with the handle and, if extra isn't NULL, a string member. */
static int file_call(const struct agent_link *link, const char *name, int64_t handle,
		     const char *member, const char *extra, struct json_object **ret_value,
		     struct problem *problem)
{
	struct json_object *arguments = json_object_new_object();

	json_object_object_add(arguments, "handle", json_object_new_int64(handle));
	if (extra)
		json_object_object_add(arguments, member, json_object_new_string(extra));
	return call(link, name, arguments, ret_value, problem);
}

/* The agent buffers what it is told to write: here the kernel gets it, and does it. */
static int flush_file(const struct agent_link *link, int64_t handle, struct problem *problem)
{
	CLEANUP(drop) struct json_object *value = NULL;
	struct json_object *arguments = json_object_new_object();

	json_object_object_add(arguments, "handle", json_object_new_int64(handle));
	return call_within(link, "guest-file-flush", arguments, ATTRIBUTE_TIMEOUT_S, &value,
			   problem);
}

/* An error that is there already is the one that counts. */
static int close_file(const struct agent_link *link, int64_t handle, int ret,
		      struct problem *problem)
{
	CLEANUP(drop) struct json_object *value = NULL;
	int closed = file_call(link, "guest-file-close", handle, NULL, NULL, &value,
			       ret ? NULL : problem);

	return ret ? ret : closed;
}

static int read_text(const struct agent_link *link, int64_t handle, char *ret_text, size_t size,
		     struct problem *problem)
{
	CLEANUP(drop) struct json_object *value = NULL;
	CLEANUP(cleanup_free) char *data = NULL;
	size_t len;
	int ret;

	ret = file_call(link, "guest-file-read", handle, NULL, NULL, &value, problem);
	if (ret)
		return ret;
	if (!json_object_is_type(value, json_type_object) ||
	    get_data(value, "buf-b64", &data, &len))
		return nonsense(problem, "the content of a file that isn't base64");
	if (len && data[len - 1] == '\n')
		data[--len] = '\0';
	if (len >= size || strlen(data) != len)
		return nonsense(problem, "an attribute that isn't a short text");
	memcpy(ret_text, data, len + 1);
	return 0;
}

int agent_read(const struct agent_link *link, const char *path, char *ret_text, size_t size,
	       struct problem *problem)
{
	int64_t handle;
	int ret;

	ret = open_file(link, path, "r", &handle, problem);
	if (ret)
		return ret;
	ret = read_text(link, handle, ret_text, size, problem);
	return close_file(link, handle, ret, problem);
}

int agent_write(const struct agent_link *link, const char *path, const char *text,
		struct problem *problem)
{
	CLEANUP(drop) struct json_object *written = NULL;
	CLEANUP(cleanup_free) char *data = NULL;
	int64_t handle;
	int ret;

	ret = base64_encode(text, strlen(text), &data);
	if (!ret)
		ret = open_file(link, path, "w", &handle, problem);
	if (ret)
		return ret;
	ret = file_call(link, "guest-file-write", handle, "buf-b64", data, &written, problem);
	if (!ret)
		ret = flush_file(link, handle, problem);
	return close_file(link, handle, ret, problem);
}
