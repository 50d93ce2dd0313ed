// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "tests/lab/labctl/command.h"
#include "tests/lab/lib/session.h"

static int write_all(int fd, const uint8_t *bytes, size_t len)
{
	ssize_t n;

	while (len) {
		n = write(fd, bytes, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

static int to_stdout(void *data, const uint8_t *bytes, size_t len)
{
	return write_all(1, bytes, len);
}

static int to_stderr(void *data, const uint8_t *bytes, size_t len)
{
	return write_all(2, bytes, len);
}

/* Interrupts are for the command, which then ends as it likes. */
static int pass_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int run(const struct command *command, int argc, char **argv)
{
	struct session_io io = { .in_fd = 0, .out = to_stdout, .err = to_stderr };
	struct session_result result;
	struct command_options options;
	struct lab_error error;
	int pos, status, err;

	status = command_options(command, argc, argv, OPTION_TIMEOUT | OPTION_NO_STDIN | OPTION_CWD,
				 &options, &pos);
	if (status >= 0)
		return status;
	if (pos >= argc)
		return command_fail(command, EXIT_USAGE, "no command given");
	io.in_fd = options.no_stdin ? -1 : 0;
	io.timeout_ms = options.timeout_s * 1000;
	io.signal_fd = pass_signals();
	err = session_exec(options.name, options.cwd, argv + pos, NULL, &io, &result, &error);
	if (err)
		return command_fail(command, err == -ETIMEDOUT ? EXIT_TIMEOUT : EXIT_FAILED, "%s",
				    error.text);
	if (result.error)
		return command_fail(command,
				    result.error == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN, "%s",
				    result.text);
	return result.how.signalled ? 128 + (int)result.how.value : (int)result.how.value;
}

const struct command cmd_exec = {
	"exec",
	"[--name N] [--timeout S] [--cwd DIR] [--no-stdin] [--] CMD [ARG]...",
	"Runs a command in the lab host, as root. Passes through standard input, output,\n"
	"error, interrupts and the exit status (128+N when signal N ended it). When labctl\n"
	"ends, so does the command.\n\n"
	"  --timeout S   end it after S seconds, exit status 124\n"
	"  --cwd DIR     run it in DIR (/root)\n"
	"  --no-stdin    it reads end of file\n\n"
	"Exit status 1 when the lab ended or booted anew meanwhile, 126 or 127 when the\n"
	"command can't be run or isn't there.\n",
	run,
};
