// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lab/labd/labd.h"
#include "tests/lab/labd/log.h"
#include "tests/lab/labd/machine.h"

static void add_string(json_object *object, const char *key, const char *value)
{
	json_object_object_add(object, key, json_object_new_string(value));
}

static void add_int(json_object *object, const char *key, int64_t value)
{
	json_object_object_add(object, key, json_object_new_int64(value));
}

/* Seconds with milliseconds; json-c would print a double's 17 digits. */
static void add_seconds(json_object *object, const char *key, double seconds)
{
	json_object_object_add(object, key, json_object_new_double(seconds));
	json_object_object_get_ex(object, key, &object);
	json_object_set_serializer(object, json_object_double_to_json_string, (void *)"%.3f", NULL);
}

static json_object *describe_pfs(const struct lab_spec *spec)
{
	json_object *pfs = json_object_new_array();
	char mac[18];

	for (unsigned int i = 0; i < spec->n_pfs; i++) {
		json_object *pf = json_object_new_object();

		add_int(pf, "index", i);
		add_string(pf, "device", lab_pf_name(spec->pfs[i]));
		if (lab_pf_has_wire(spec->pfs[i])) {
			machine_mac(i, mac);
			add_string(pf, "mac", mac);
		}
		json_object_array_add(pfs, pf);
	}
	return pfs;
}

static json_object *describe_boots(const struct guest *guest)
{
	json_object *boots = json_object_new_array();

	for (unsigned int i = 0; i < guest->n_boots && i < GUEST_BOOTS; i++) {
		json_object *boot = json_object_new_object();

		add_string(boot, "boot_id", guest->boots[i].boot_id);
		add_string(boot, "release", guest->boots[i].release);
		add_seconds(boot, "agent_s", guest->boots[i].at);
		if (guest->boots[i].ready_at > 0) {
			add_seconds(boot, "ready_s", guest->boots[i].ready_at);
			add_int(boot, "ready_status", guest->boots[i].ready_status);
		}
		json_object_array_add(boots, boot);
	}
	return boots;
}

static const char *state_name(struct labd *labd)
{
	struct guest_boot *boot = guest_current(&labd->guest);

	if (labd->stopping || labd->guest.stopping)
		return "stopping";
	if (!boot)
		return "booting";
	return boot->ready_at > 0 ? "ready" : "starting";
}

static void request_status(struct labd *labd, struct ctl_client *client, json_object *request)
{
	json_object *reply = json_object_new_object();

	add_string(reply, "name", labd->spec.name);
	add_string(reply, "state", state_name(labd));
	add_string(reply, "kernel", labd->spec.kernel);
	add_string(reply, "accel", labd->accel.kvm ? "kvm" : "tcg");
	add_string(reply, "accel_reason", labd->accel.reason);
	add_int(reply, "tsc_khz", labd->tsc_khz);
	add_int(reply, "ram_mib", labd->spec.ram_mib);
	add_int(reply, "cpus", labd->spec.cpus);
	add_int(reply, "labd_pid", getpid());
	add_int(reply, "qemu_pid", labd->qemu.pid);
	add_string(reply, "dir", labd->dir.path);
	add_seconds(reply, "up_s", log_uptime());
	add_int(reply, "oopses", labd->oopses);
	add_int(reply, "n_boots", labd->guest.n_boots);
	json_object_object_add(reply, "boots", describe_boots(&labd->guest));
	json_object_object_add(reply, "pfs", describe_pfs(&labd->spec));
	ctl_reply(client, reply);
}

static void request_down(struct labd *labd, struct ctl_client *client, json_object *request)
{
	labd->requested = true;
	ctl_reply(client, NULL);
	labd_stop(labd);
}

/* The answer says where things stand now; every change follows as an event. */
static void request_watch(struct labd *labd, struct ctl_client *client, json_object *request)
{
	client->watches = true;
	request_status(labd, client, request);
}

static void request_console(struct labd *labd, struct ctl_client *client, json_object *request)
{
	int fd;

	ctl_reply(client, NULL);
	if (client->src.fd < 0)
		return;
	fd = ctl_steal(client);
	if (console_attach(&labd->console, fd) < 0)
		close(fd);
}

static void request_wire(struct labd *labd, struct ctl_client *client, json_object *request)
{
	cables_request(&labd->cables, client, request);
}

/* A QMP command is answered later; its asker may be gone by then. */
struct qmp_asker {
	struct ctl_client *client;
	uint32_t generation;
};

static void qmp_answered(void *data, json_object *answer)
{
	struct qmp_asker *asker = data;
	json_object *reply;

	if (asker->client->generation == asker->generation) {
		if (!answer) {
			ctl_fail(asker->client, "QEMU ended before it answered");
		} else {
			reply = json_object_new_object();
			json_object_object_add(reply, "answer", json_object_get(answer));
			ctl_reply(asker->client, reply);
		}
	}
	free(asker);
}

static void request_qmp(struct labd *labd, struct ctl_client *client, json_object *request)
{
	const char *command = jsonline_string(request, "execute", NULL);
	struct qmp_asker *asker = malloc(sizeof(*asker));
	json_object *arguments = NULL;
	int err = -EINVAL;

	if (asker && command) {
		asker->client = client;
		asker->generation = client->generation;
		json_object_object_get_ex(request, "arguments", &arguments);
		err = qmp_execute(&labd->qmp, command, arguments, qmp_answered, asker);
	}
	if (err) {
		free(asker);
		ctl_fail(client, "qmp: %s", strerror(-err));
	}
}

static void request_session(struct labd *labd, struct ctl_client *client, json_object *request)
{
	relay_request(&labd->relay, client);
}

static const struct {
	const char *cmd;
	void (*handle)(struct labd *labd, struct ctl_client *client, json_object *request);
} requests[] = {
	{ "status", request_status },	{ "down", request_down }, { "watch", request_watch },
	{ "console", request_console }, { "wire", request_wire }, { "qmp", request_qmp },
	{ "session", request_session },
};

void request_handle(void *data, struct ctl_client *client, json_object *request)
{
	const char *cmd = jsonline_string(request, "cmd", "");

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		if (strcmp(cmd, requests[i].cmd) == 0) {
			requests[i].handle(data, client, request);
			return;
		}
	}
	ctl_fail(client, "unknown command");
}
