// SPDX-License-Identifier: GPL-2.0-only
/* Waiting for what becomes of the lab host, by labd's events. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/lab/harness/lab.h"
#include "tests/lab/lib/client.h"

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The next object from labd: 1, 0 when it has hung up, -ETIMEDOUT. */
static int next_object(struct client *client, int64_t deadline, struct json_object **ret_object)
{
	char data[4096];

	for (;;) {
		int ret = jsonline_next(&client->in, ret_object);

		if (ret)
			return ret;

		struct pollfd pfd = { .fd = client->fd, .events = POLLIN };
		int64_t left = deadline - now_ms();

		if (left <= 0 || poll(&pfd, 1, (int)left) == 0)
			return -ETIMEDOUT;

		ssize_t n = read(client->fd, data, sizeof(data));

		if (n <= 0)
			return n < 0 && errno == EINTR ? -EAGAIN : 0;
		ret = jsonline_feed(&client->in, data, (size_t)n);
		if (ret)
			return ret;
	}
}

static void connect_to(const struct lab *lab, struct client *ret_client)
{
	struct lab_error error;

	if (client_open(lab->name, ret_client, &error))
		fail_msg("%s", error.text);
}

static bool is_ready(struct json_object *object, int64_t boots)
{
	const char *what = jsonline_string(object, "event", jsonline_string(object, "state", ""));

	return jsonline_int(object, "n_boots", 0) >= boots && !strcmp(what, "ready");
}

void lab_wait_boot(struct lab *lab, unsigned int boots, unsigned int timeout_s)
{
	int64_t deadline = now_ms() + timeout_s * 1000LL;
	struct json_object *object;
	struct client client;
	bool ready = false;
	int ret = 1;

	connect_to(lab, &client);
	client_send(&client, "watch", NULL);
	while (!ready && (ret = next_object(&client, deadline, &object)) == 1) {
		ready = is_ready(object, boots);
		json_object_put(object);
	}
	client_close(&client);
	if (ready)
		return;
	lab_explain(lab);
	fail_msg("boot %u of the lab host: %s", boots, ret == 0 ? "the lab ended" : strerror(-ret));
}

char *lab_wait_end(struct lab *lab, unsigned int timeout_s)
{
	int64_t deadline = now_ms() + timeout_s * 1000LL;
	struct json_object *object;
	struct client client;
	char *console;
	int ret;

	connect_to(lab, &client);
	client_send(&client, "watch", NULL);
	while ((ret = next_object(&client, deadline, &object)) == 1)
		json_object_put(object);
	if (ret == 0)
		ret = rundir_wait_gone(&client.dir);
	if (!ret)
		ret = rundir_read(&client.dir, RUNDIR_CONSOLE, &console);
	client_close(&client);
	lab->up = lab->up && ret;
	if (ret)
		fail_msg("the end of the lab host: %s", strerror(-ret));
	return console;
}

double lab_boot_seconds(struct lab *lab)
{
	char *text = lab_ctl(lab, 30, "status", "--json", NULL);
	struct json_object *status = json_tokener_parse(text), *boots, *ready;
	double seconds;

	if (!json_object_object_get_ex(status, "boots", &boots) ||
	    !json_object_object_get_ex(json_object_array_get_idx(boots, 0), "ready_s", &ready))
		fail_msg("labctl status has no first boot: %s", text);
	seconds = json_object_get_double(ready);
	json_object_put(status);
	free(text);
	return seconds;
}

int64_t lab_status_number(struct lab *lab, const char *key)
{
	char *text = lab_ctl(lab, 30, "status", "--json", NULL);
	struct json_object *status = json_tokener_parse(text);
	int64_t value = jsonline_int(status, key, -1);

	if (value < 0)
		fail_msg("labctl status has no %s: %s", key, text);
	json_object_put(status);
	free(text);
	return value;
}
