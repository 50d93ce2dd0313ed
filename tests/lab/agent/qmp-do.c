// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the lab host: gives a QEMU the QMP commands on standard input, one a line, each
 * when the one before is done, and prints what they return. The line "await running"
 * ends when the guest runs. Waits for a QEMU that is yet to open its socket. Status
 * 1: one failed; 125: no QEMU, or too slow.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "tests/lab/lib/jsonline.h"

#define FAILED	   125
#define CONNECT_MS 20

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int connect_to(const char *path, int64_t deadline)
{
	const struct timespec pause = { .tv_nsec = CONNECT_MS * 1000000L };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof(addr.sun_path))
		return fd < 0 ? -errno : -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	while (connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		if (now_ms() >= deadline)
			return -errno;
		nanosleep(&pause, NULL); /* banned-ok: no event tells that somebody listens */
	}
	return fd;
}

static int next_object(int fd, struct jsonline *in, int64_t deadline, json_object **ret_object)
{
	char buf[4096];

	for (;;) {
		int got = jsonline_next(in, ret_object);

		if (got)
			return got > 0 ? 0 : got;

		struct pollfd pfd = { .fd = fd, .events = POLLIN };
		int64_t left = deadline - now_ms();

		if (left <= 0 || poll(&pfd, 1, (int)left) == 0)
			return -ETIMEDOUT;
		ssize_t n = read(fd, buf, sizeof(buf));

		if (n <= 0)
			return n ? -errno : -EPIPE;
		got = jsonline_feed(in, buf, (size_t)n);
		if (got)
			return got;
	}
}

/* Events are passed over. */
static int next_answer(int fd, struct jsonline *in, int64_t deadline, json_object **ret_answer)
{
	int err;

	while (!(err = next_object(fd, in, deadline, ret_answer)) &&
	       json_object_object_get_ex(*ret_answer, "event", NULL))
		json_object_put(*ret_answer);
	return err;
}

/* 0, 1 when QEMU says that it failed, or -errno. */
static int command(int fd, struct jsonline *in, const char *line, int64_t deadline)
{
	json_object *answer;
	int err;

	if (write(fd, line, strlen(line)) != (ssize_t)strlen(line))
		return -EPIPE;
	err = next_answer(fd, in, deadline, &answer);
	if (err)
		return err;
	puts(json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PLAIN));
	err = json_object_object_get_ex(answer, "error", NULL) ? 1 : 0;
	json_object_put(answer);
	return err;
}

/* It may run already, which no event tells again; RESUME comes behind the answer else. */
static int await_running(int fd, struct jsonline *in, int64_t deadline)
{
	static const char query[] = "{\"execute\":\"query-status\"}\n";
	json_object *object, *status;
	bool running = false;
	int err = 0;

	if (write(fd, query, strlen(query)) != (ssize_t)strlen(query))
		return -EPIPE;
	while (!err && !running) {
		err = next_object(fd, in, deadline, &object);
		if (err)
			break;
		if (json_object_object_get_ex(object, "return", &status))
			running =
				json_object_get_boolean(json_object_object_get(status, "running"));
		else
			running = !strcmp(jsonline_string(object, "event", ""), "RESUME");
		json_object_put(object);
	}
	return err;
}

static int line_of_input(int fd, struct jsonline *in, const char *line, int64_t deadline)
{
	if (!strcmp(line, "await running\n"))
		return await_running(fd, in, deadline);
	return command(fd, in, line, deadline);
}

int main(int argc, char **argv)
{
	static struct jsonline in;
	json_object *greeting;
	char line[16384];
	int64_t deadline;
	int fd, err;

	if (argc != 3) {
		fprintf(stderr, "usage: qmp-do SOCKET SECONDS <COMMANDS\n");
		return 2;
	}
	deadline = now_ms() + strtol(argv[2], NULL, 10) * 1000;
	fd = connect_to(argv[1], deadline);
	err = fd < 0 ? fd : next_answer(fd, &in, deadline, &greeting);
	if (!err)
		err = command(fd, &in, "{\"execute\":\"qmp_capabilities\"}\n", deadline);
	while (!err && fgets(line, sizeof(line), stdin))
		err = line_of_input(fd, &in, line, deadline);
	if (err < 0)
		fprintf(stderr, "qmp-do: %s: %s\n", argv[1], strerror(-err));
	return err < 0 ? FAILED : err;
}
