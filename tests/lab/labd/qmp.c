// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/labd/qmp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lab/labd/log.h"

static void qmp_log(struct qmp *qmp, char direction, json_object *object)
{
	dprintf(qmp->log_fd, "%9.3f %c %s\n", log_uptime(), direction,
		json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
}

static void qmp_finish(struct qmp *qmp, size_t slot, json_object *reply)
{
	qmp_reply_fn fn = qmp->pending[slot].reply;

	qmp->pending[slot].id = 0;
	if (fn)
		fn(qmp->pending[slot].data, reply);
}

static void qmp_reply(struct qmp *qmp, json_object *object)
{
	int64_t id = jsonline_int(object, "id", 0);

	for (size_t i = 0; id && i < QMP_PENDING; i++)
		if (qmp->pending[i].id == id)
			qmp_finish(qmp, i, object);
}

static void qmp_negotiated(void *data, json_object *reply)
{
	struct qmp *qmp = data;

	if (!reply || json_object_object_get_ex(reply, "error", NULL))
		return;
	qmp->ready = true;
	qmp->greeted(qmp->data);
}

static int qmp_send(struct qmp *qmp, const char *command, json_object *arguments,
		    qmp_reply_fn reply, void *data)
{
	json_object *object;
	size_t slot = 0;
	int err;

	while (slot < QMP_PENDING && qmp->pending[slot].id)
		slot++;
	if (slot == QMP_PENDING)
		return -EBUSY;
	object = json_object_new_object();
	json_object_object_add(object, "execute", json_object_new_string(command));
	if (arguments)
		json_object_object_add(object, "arguments", json_object_get(arguments));
	json_object_object_add(object, "id", json_object_new_int64(++qmp->next_id));
	qmp_log(qmp, '>', object);
	err = jsonline_send(qmp->src.fd, object);
	json_object_put(object);
	if (err)
		return err;
	qmp->pending[slot].id = qmp->next_id;
	qmp->pending[slot].reply = reply;
	qmp->pending[slot].data = data;
	return 0;
}

int qmp_execute(struct qmp *qmp, const char *command, json_object *arguments, qmp_reply_fn reply,
		void *data)
{
	return qmp->ready ? qmp_send(qmp, command, arguments, reply, data) : -ENOTCONN;
}

static void qmp_object(struct qmp *qmp, json_object *object)
{
	const char *event = jsonline_string(object, "event", NULL);
	json_object *detail = NULL;

	qmp_log(qmp, '<', object);
	if (event) {
		json_object_object_get_ex(object, "data", &detail);
		qmp->event(qmp->data, event, detail);
	} else if (json_object_object_get_ex(object, "QMP", NULL)) {
		qmp_send(qmp, "qmp_capabilities", NULL, qmp_negotiated, qmp);
	} else {
		qmp_reply(qmp, object);
	}
}

static void qmp_hangup(struct qmp *qmp)
{
	loop_unwatch(qmp->loop, &qmp->src);
	qmp->ready = false;
	for (size_t i = 0; i < QMP_PENDING; i++)
		if (qmp->pending[i].id)
			qmp_finish(qmp, i, NULL);
}

static void qmp_readable(struct loop_source *src, uint32_t events)
{
	struct qmp *qmp = src->data;
	json_object *object;
	char buf[8192];
	ssize_t n;
	int ret;

	n = recv(src->fd, buf, sizeof(buf), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || jsonline_feed(&qmp->in, buf, (size_t)n) < 0) {
		qmp_hangup(qmp);
		return;
	}
	while ((ret = jsonline_next(&qmp->in, &object))) {
		if (ret < 0)
			continue;
		qmp_object(qmp, object);
		json_object_put(object);
	}
}

int qmp_open(struct loop *loop, struct qmp *qmp, int fd, int log_fd)
{
	qmp->loop = loop;
	qmp->log_fd = log_fd;
	qmp->src.fd = fd;
	qmp->src.events = EPOLLIN;
	qmp->src.fn = qmp_readable;
	qmp->src.data = qmp;
	return loop_watch(loop, &qmp->src);
}

void qmp_close(struct qmp *qmp)
{
	if (qmp->src.fd <= 0)
		return;
	qmp_hangup(qmp);
	close(qmp->src.fd);
	close(qmp->log_fd);
	jsonline_free(&qmp->in);
	qmp->src.fd = -1;
}
