// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/labd/ctl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void client_drop(struct ctl_client *client)
{
	if (client->src.fd < 0)
		return;
	loop_unwatch(client->ctl->loop, &client->src);
	close(client->src.fd);
	client->src.fd = -1;
	client->watches = false;
	client->generation++;
	jsonline_free(&client->in);
}

int ctl_steal(struct ctl_client *client)
{
	int fd = client->src.fd;

	loop_unwatch(client->ctl->loop, &client->src);
	client->src.fd = -1;
	client->generation++;
	jsonline_free(&client->in);
	return fd;
}

void ctl_reply(struct ctl_client *client, json_object *reply)
{
	if (!reply)
		reply = json_object_new_object();
	json_object_object_add(reply, "v", json_object_new_int(CTL_VERSION));
	json_object_object_add(reply, "ok", json_object_new_boolean(true));
	/* One who doesn't read its answers is dropped, not waited for. */
	if (client->src.fd >= 0 && jsonline_send(client->src.fd, reply) < 0)
		client_drop(client);
	json_object_put(reply);
}

void ctl_fail(struct ctl_client *client, const char *format, ...)
{
	json_object *reply = json_object_new_object();
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	json_object_object_add(reply, "v", json_object_new_int(CTL_VERSION));
	json_object_object_add(reply, "ok", json_object_new_boolean(false));
	json_object_object_add(reply, "error", json_object_new_string(text));
	if (client->src.fd >= 0 && jsonline_send(client->src.fd, reply) < 0)
		client_drop(client);
	json_object_put(reply);
}

void ctl_publish(struct ctl *ctl, json_object *event)
{
	for (int i = 0; i < CTL_CLIENTS; i++) {
		struct ctl_client *client = &ctl->clients[i];

		if (client->src.fd >= 0 && client->watches &&
		    jsonline_send(client->src.fd, event) < 0)
			client_drop(client);
	}
}

static void client_request(struct ctl_client *client, json_object *request)
{
	if (jsonline_int(request, "v", 0) != CTL_VERSION)
		ctl_fail(client, "request without \"v\":%d", CTL_VERSION);
	else
		client->ctl->on_request(client->ctl->data, client, request);
}

static void client_readable(struct loop_source *src, uint32_t events)
{
	struct ctl_client *client = src->data;
	uint32_t generation = client->generation;
	json_object *request;
	char buf[4096];
	ssize_t n;
	int ret;

	n = recv(src->fd, buf, sizeof(buf), 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || jsonline_feed(&client->in, buf, (size_t)n) < 0) {
		client_drop(client);
		return;
	}
	while (client->generation == generation && (ret = jsonline_next(&client->in, &request))) {
		if (ret < 0) {
			ctl_fail(client, "request is not a JSON object");
			continue;
		}
		client_request(client, request);
		json_object_put(request);
	}
}

static void ctl_accept(struct loop_source *src, uint32_t events)
{
	struct ctl *ctl = src->data;
	int fd = accept4(src->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	for (int i = 0; fd >= 0 && i < CTL_CLIENTS; i++) {
		struct ctl_client *client = &ctl->clients[i];

		if (client->src.fd >= 0)
			continue;
		client->src.fd = fd;
		if (loop_watch(ctl->loop, &client->src) < 0)
			client_drop(client);
		return;
	}
	if (fd >= 0)
		close(fd);
}

int ctl_open(struct loop *loop, struct ctl *ctl, const struct rundir *dir)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd;

	for (int i = 0; i < CTL_CLIENTS; i++) {
		ctl->clients[i].ctl = ctl;
		ctl->clients[i].src = (struct loop_source){ -1, EPOLLIN, client_readable,
							    &ctl->clients[i], false };
	}
	snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/" RUNDIR_CTL, dir->fd);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 64) < 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	ctl->loop = loop;
	ctl->listen = (struct loop_source){ fd, EPOLLIN, ctl_accept, ctl, false };
	return loop_watch(loop, &ctl->listen);
}

void ctl_close(struct ctl *ctl)
{
	if (!ctl->loop)
		return;
	for (int i = 0; i < CTL_CLIENTS; i++)
		client_drop(&ctl->clients[i]);
	loop_unwatch(ctl->loop, &ctl->listen);
	close(ctl->listen.fd);
	ctl->loop = NULL;
}
