// SPDX-License-Identifier: GPL-2.0-only
/*
 * pfkeep-carry SOCKET STATE QEMU ARG...: what QEMU becomes (by cpr-exec) between
 * its end and the jump into the next kernel. It has QEMU's descriptors and does
 * nothing but hold them: who updates the host takes them from here. If that one
 * gives up, or dies, QEMU goes on here as if nothing had been: so it is static,
 * and needs nothing that could be missing then.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define USAGE 2

/* Until the other end is closed, whoever closes it. Not reached: nobody updates. */
static void hold(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char byte;

	if (fd < 0 || strlen(path) >= sizeof(addr.sun_path))
		return;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	if (!connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		while (read(fd, &byte, 1) > 0 || errno == EINTR)
			errno = 0;
	close(fd);
}

int main(int argc, char **argv)
{
	static char option[] = "-incoming", uri[4096];
	char **qemu;

	if (argc < 4 || !getenv("QEMU_CPR_EXEC_STATE") ||
	    snprintf(uri, sizeof(uri), "file:%s", argv[2]) >= (int)sizeof(uri)) {
		fputs("usage: pfkeep-carry SOCKET STATE QEMU ARG... (as QEMU's "
		      "cpr-exec-command)\n",
		      stderr);
		return USAGE;
	}
	hold(argv[1]);
	qemu = calloc((size_t)argc, sizeof(*qemu));
	if (!qemu)
		return 1;
	memcpy(qemu, argv + 3, (size_t)(argc - 3) * sizeof(*qemu));
	qemu[argc - 3] = option;
	qemu[argc - 2] = uri;
	execv(qemu[0], qemu);
	perror(qemu[0]);
	return 1;
}
