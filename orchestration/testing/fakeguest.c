// SPDX-License-Identifier: GPL-2.0-only
#include "orchestration/testing/cmocka.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestration/testing/fakeguest.h"
#include "pfkeep/base64.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/guest.h"

#define PF_DIR "/sys/bus/pci/devices/" GUEST_PF "/"

static const char links[] =
	"[{\"ifname\":\"lo\"},{\"ifname\":\"ens2\",\"parentbus\":\"pci\",\"parentdev\":\"" GUEST_PF
	"\"}]";

static int say(char **ret_reply, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int say(char **ret_reply, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	assert_true(vasprintf(ret_reply, fmt, ap) >= 0);
	va_end(ap);
	return 0;
}

static int refuse(char **ret_reply, const char *why)
{
	return say(ret_reply, "{\"error\":{\"class\":\"GenericError\",\"desc\":\"%s\"}}", why);
}

static const char *text_of(struct json_object *arguments, const char *name)
{
	const char *text = json_object_get_string(json_object_object_get(arguments, name));

	assert_non_null(text);
	return text;
}

static int open_file(struct fakeguest *guest, struct json_object *arguments, char **ret_reply)
{
	snprintf(guest->path, sizeof(guest->path), "%s", text_of(arguments, "path"));
	if (strncmp(guest->path, PF_DIR, strlen(PF_DIR)))
		return refuse(ret_reply, "failed to open file: No such file or directory");
	return say(ret_reply, "{\"return\":1000}");
}

static int read_file(struct fakeguest *guest, char **ret_reply)
{
	CLEANUP(cleanup_free) char *data = NULL;
	const char *name = guest->path + strlen(PF_DIR);
	char text[64] = "";

	if (!strcmp(name, "sriov_totalvfs"))
		snprintf(text, sizeof(text), "%u\n", guest->total_vfs);
	else if (!strcmp(name, "sriov_numvfs"))
		snprintf(text, sizeof(text), "%u\n", guest->num_vfs);
	else if (!strcmp(name, "uevent"))
		snprintf(text, sizeof(text), "%sPCI_CLASS=20000\n",
			 guest->driver_after-- > 0 ? "" : "DRIVER=igb\n");
	assert_int_equal(base64_encode(text, strlen(text), &data), 0);
	return say(ret_reply, "{\"return\":{\"count\":%zu,\"buf-b64\":\"%s\",\"eof\":true}}",
		   strlen(text), data);
}

/* The guest's driver, QEMU and the host's driver, in one. */
static int make_vfs(struct fakeguest *guest, const char *text, char **ret_reply)
{
	long num = strtol(text, NULL, 10); /* the kernel checks it below */
	char path[128];

	if (guest->fail_write || (num && guest->num_vfs))
		return refuse(ret_reply, "failed to flush file: Device or resource busy");
	if (guest->needs_up && !guest->up)
		return say(ret_reply, "{\"return\":{}}");
	if (guest->host) {
		snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/sriov_numvfs", guest->pf);
		if (root_write(&guest->host->root, path, text))
			return refuse(ret_reply, "failed to flush file: Input/output error");
	}
	if (!num)
		fakeguest_forget(guest);
	guest->num_vfs = (uint16_t)num;
	return say(ret_reply, "{\"return\":{}}");
}

/* link set dev NAME vf N WORD VALUE ... */
static void remember(struct fakeguest *guest, struct json_object *list)
{
	size_t n = json_object_array_length(list);
	struct vfconf *conf;

	if (n < 7 || guest->ip_status)
		return;
	conf = &guest->confs[json_object_get_int(json_object_array_get_idx(list, 5)) & 0xff];
	for (size_t i = 6; i + 1 < n; i += 2) {
		const char *word = json_object_get_string(json_object_array_get_idx(list, i));
		const char *value = json_object_get_string(json_object_array_get_idx(list, i + 1));

		if (!strcmp(word, "max_tx_rate"))
			word = "rate";
		if (vfconf_set(conf, word, value, NULL)) {
			assert_string_equal(value, "00:00:00:00:00:00");
			conf->set &= ~(unsigned int)VFCONF_MAC;
		}
	}
}

void fakeguest_forget(struct fakeguest *guest)
{
	memset(guest->confs, 0, sizeof(guest->confs));
}

bool fakeguest_is_default(const struct vfconf *conf)
{
	return !(conf->set & VFCONF_MAC) && (!(conf->set & VFCONF_VLAN) || !conf->vlan) &&
	       (!(conf->set & VFCONF_RATE) || !conf->rate) &&
	       (!(conf->set & VFCONF_TRUST) || !conf->trust) &&
	       (!(conf->set & VFCONF_SPOOFCHK) || conf->spoofchk);
}

static int run_ip(struct fakeguest *guest, struct json_object *arguments, char **ret_reply)
{
	struct json_object *list = json_object_object_get(arguments, "arg");
	size_t n_words = json_object_array_length(list);

	assert_string_equal(text_of(arguments, "path"), "/usr/sbin/ip");
	free(guest->output);
	guest->output = NULL;
	guest->polls = 0;
	if (!strcmp(json_object_get_string(json_object_array_get_idx(list, 0)), "-json")) {
		assert_int_equal(base64_encode(links, strlen(links), &guest->output), 0);
		return say(ret_reply, "{\"return\":{\"pid\":77}}");
	}
	guest->ip[0] = '\0';
	guest->n_ip++;
	remember(guest, list);
	for (size_t i = 0; i < n_words; i++) {
		size_t n = strlen(guest->ip);

		snprintf(guest->ip + n, sizeof(guest->ip) - n, "%s%s", i ? " " : "",
			 json_object_get_string(json_object_array_get_idx(list, i)));
	}
	if (n_words == 5 && !strcmp(strrchr(guest->ip, ' '), " up"))
		guest->up = true;
	return say(ret_reply, "{\"return\":{\"pid\":78}}");
}

/* The first question comes too early. */
static int exec_status(struct fakeguest *guest, struct json_object *arguments, char **ret_reply)
{
	int pid = json_object_get_int(json_object_object_get(arguments, "pid"));

	if (!guest->polls++)
		return say(ret_reply, "{\"return\":{\"exited\":false}}");
	if (pid == 77)
		return say(ret_reply,
			   "{\"return\":{\"exited\":true,\"exitcode\":0,\"out-data\":\"%s\"}}",
			   guest->output);
	return say(ret_reply,
		   "{\"return\":{\"exited\":true,\"exitcode\":%d,\"err-data\":\"bm8K\"}}",
		   guest->ip_status);
}

static int answer(struct fakeguest *guest, const char *name, struct json_object *arguments,
		  char **ret_reply)
{
	if (!strcmp(name, "guest-file-open"))
		return open_file(guest, arguments, ret_reply);
	if (!strcmp(name, "guest-file-read"))
		return read_file(guest, ret_reply);
	if (!strcmp(name, "guest-file-write")) {
		size_t len;

		free(guest->pending);
		assert_int_equal(
			base64_decode(text_of(arguments, "buf-b64"), 64, &guest->pending, &len), 0);
		return say(ret_reply, "{\"return\":{\"count\":%zu,\"eof\":false}}", len);
	}
	if (!strcmp(name, "guest-file-flush")) /* of nothing, if it lied about the write */
		return guest->pending ? make_vfs(guest, guest->pending, ret_reply)
				      : say(ret_reply, "{\"return\":{}}");
	if (!strcmp(name, "guest-exec"))
		return run_ip(guest, arguments, ret_reply);
	if (!strcmp(name, "guest-exec-status"))
		return exec_status(guest, arguments, ret_reply);
	return say(ret_reply, "{\"return\":{}}");
}

static int command(void *data, const char *request, unsigned int timeout_s, char **ret_reply,
		   struct problem *problem)
{
	struct fakeguest *guest = data;
	struct json_object *parsed = json_tokener_parse(request);
	const char *name;
	int ret;

	assert_non_null(parsed);
	name = text_of(parsed, "execute");
	if (guest->silent)
		ret = problem_set(problem, -ETIMEDOUT, "Guest agent is not responding");
	else if (guest->lie_about && !strcmp(guest->lie_about, name))
		ret = say(ret_reply, "%s", guest->lie);
	else
		ret = answer(guest, name, json_object_object_get(parsed, "arguments"), ret_reply);
	json_object_put(parsed);
	return ret;
}

struct agent_link fakeguest_link(struct fakeguest *guest)
{
	return (struct agent_link){ command, guest };
}

void fakeguest_release(struct fakeguest *guest)
{
	free(guest->output);
	free(guest->pending);
	guest->output = guest->pending = NULL;
}
