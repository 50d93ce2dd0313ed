// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/lib/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Say why a lab that is not there is not there. */
static void explain_dead(const char *name, const struct rundir *dir, struct lab_error *ret_error)
{
	json_object *verdict = NULL;
	char *text = NULL;

	if (rundir_read(dir, RUNDIR_VERDICT, &text) == 0)
		verdict = json_tokener_parse(text);
	if (verdict)
		lab_error_set(ret_error, "lab %s is not up; it ended: %s (logs in %s)", name,
			      jsonline_string(verdict, "text", "no verdict"), dir->path);
	else
		lab_error_set(ret_error, "lab %s is not up; its supervisor died (logs in %s)", name,
			      dir->path);
	json_object_put(verdict);
	free(text);
}

void client_explain(const struct client *client, struct lab_error *ret_error)
{
	rundir_wait_gone(&client->dir);
	explain_dead(strrchr(client->dir.path, '/') + 1, &client->dir, ret_error);
}

int client_open(const char *name, struct client *ret_client, struct lab_error *ret_error)
{
	int err;

	memset(ret_client, 0, sizeof(*ret_client));
	err = rundir_open(name, &ret_client->dir);
	if (err) {
		if (err == -ENOENT)
			lab_error_set(ret_error, "there is no lab %s", name);
		else
			lab_error_set(ret_error, "lab %s: %s", name, strerror(-err));
		return err;
	}
	ret_client->fd = rundir_connect(&ret_client->dir, RUNDIR_CTL);
	if (ret_client->fd >= 0)
		return 0;
	if (rundir_alive(&ret_client->dir))
		lab_error_set(ret_error, "lab %s is just starting or stopping", name);
	else
		explain_dead(name, &ret_client->dir, ret_error);
	rundir_close(&ret_client->dir);
	return -ENOENT;
}

void client_close(struct client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
	rundir_close(&client->dir);
	jsonline_free(&client->in);
}

int client_send(struct client *client, const char *cmd, json_object *extra)
{
	json_object *request = json_object_new_object();
	int err;

	if (extra) {
		json_object_object_foreach(extra, key, value)
			json_object_object_add(request, key, json_object_get(value));
	}
	json_object_object_add(request, "v", json_object_new_int(1));
	json_object_object_add(request, "cmd", json_object_new_string(cmd));
	err = jsonline_send(client->fd, request);
	json_object_put(request);
	return err;
}

int client_call(struct client *client, const char *cmd, json_object *extra, json_object **ret_reply,
		struct lab_error *ret_error)
{
	json_object *reply, *ok;
	int err;

	err = client_send(client, cmd, extra);
	if (!err)
		err = jsonline_recv(client->fd, &client->in, &reply);
	if (err == -EPIPE || err == -ECONNRESET)
		client_explain(client, ret_error);
	else if (err)
		lab_error_set(ret_error, "the lab's answer: %s", strerror(-err));
	if (err)
		return err;
	if (!json_object_object_get_ex(reply, "ok", &ok) || !json_object_get_boolean(ok)) {
		lab_error_set(ret_error, "%s", jsonline_string(reply, "error", "refused"));
		json_object_put(reply);
		return -EINVAL;
	}
	if (ret_reply)
		*ret_reply = reply;
	else
		json_object_put(reply);
	return 0;
}
