// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "tests/lab/labctl/command.h"
#include "tests/lab/lib/client.h"

#define ESCAPE 0x1d /* Ctrl-] */

/* Pass what is typed; false at the escape character or the end. */
static bool pass_input(int fd)
{
	char buf[256];
	ssize_t n = read(0, buf, sizeof(buf));

	if (n <= 0)
		return false;
	for (ssize_t i = 0; i < n; i++)
		if (buf[i] == ESCAPE)
			return false;
	return send(fd, buf, (size_t)n, MSG_NOSIGNAL) == n;
}

static bool pass_output(int fd)
{
	char buf[4096];
	ssize_t n = recv(fd, buf, sizeof(buf), 0);

	return n > 0 && write(1, buf, (size_t)n) == n;
}

static void converse(int fd)
{
	struct pollfd fds[2] = { { .fd = 0, .events = POLLIN }, { .fd = fd, .events = POLLIN } };
	bool go_on = true;

	while (go_on) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents)
			go_on = pass_output(fd);
		if (go_on && fds[0].revents)
			go_on = pass_input(fd);
	}
}

static int run(const struct command *command, int argc, char **argv)
{
	struct command_options options;
	struct termios saved, raw;
	struct lab_error error;
	struct client client;
	bool terminal;
	int pos, ret;

	ret = command_options(command, argc, argv, 0, &options, &pos);
	if (ret >= 0)
		return ret;
	if (client_open(options.name, &client, &error) < 0)
		return command_fail(command, EXIT_FAILED, "%s", error.text);
	if (client_call(&client, "console", NULL, NULL, &error) < 0) {
		client_close(&client);
		return command_fail(command, EXIT_FAILED, "%s", error.text);
	}
	terminal = tcgetattr(0, &saved) == 0;
	if (terminal) {
		fprintf(stderr, "console of lab %s; Ctrl-] ends\n", options.name);
		raw = saved;
		cfmakeraw(&raw);
		tcsetattr(0, TCSANOW, &raw);
	}
	converse(client.fd);
	if (terminal)
		tcsetattr(0, TCSANOW, &saved);
	client_close(&client);
	return EXIT_DONE;
}

const struct command cmd_console = {
	"console",
	"[--name N]",
	"Joins the terminal to the lab host's serial console; Ctrl-] ends. What was printed\n"
	"before is in console.log of the lab's directory.\n",
	run,
};
