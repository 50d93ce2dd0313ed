// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>
#include <guestfs.h>

#include "pf-vm-image/cache.h"
#include "pf-vm-image/files.h"
#include "pf-vm-image/kvm.h"
#include "pf-vm-image/scratch.h"

/* A sound KVM takes 2 to 5 s; the first time, supermin adds its own. */
#define BOOT_LIMIT_MS 60000

/* libguestfs ends its QEMU when we die. */
static _Noreturn void try_boot(void)
{
	guestfs_h *g = guestfs_create();
	int failed;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (!g)
		_exit(2);
	guestfs_set_error_handler(g, NULL, NULL);
	guestfs_set_memsize(g, 512);
	failed = guestfs_add_drive_scratch(g, 1 << 20, -1) || guestfs_launch(g);
	guestfs_close(g);
	_exit(failed ? 1 : 0);
}

static int boot_in_time(bool *ret_boots)
{
	int status = -1, pidfd, n;
	pid_t pid = fork();
	struct pollfd fd = { .events = POLLIN };

	if (pid < 0)
		return -errno;
	if (pid == 0)
		try_boot();
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	fd.fd = pidfd;
	n = pidfd < 0 ? -1 : poll(&fd, 1, BOOT_LIMIT_MS);
	if (n <= 0)
		kill(pid, SIGTERM);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pidfd >= 0)
		close(pidfd);
	if (n < 0)
		return -EINTR;
	*ret_boots = n > 0 && WIFEXITED(status) && !WEXITSTATUS(status);
	return 0;
}

/* "6.12.107+deb13-amd64 yes": another kernel may do better. */
static bool remembered(const char *cache, const char *release, bool *ret_boots)
{
	char *text = NULL;
	struct problem none = { .text = "" };
	size_t len = strlen(release);
	bool known;

	if (files_read(cache, "kvm", &text, &none))
		return false;
	known = !strncmp(text, release, len) && text[len] == ' ';
	*ret_boots = known && !strncmp(text + len, " yes", 4);
	free(text);
	return known;
}

int kvm_boots(bool *ret_boots, struct problem *p)
{
	char cache[PATH_MAX], path[PATH_MAX], text[200];
	struct utsname u;
	int ret;

	*ret_boots = false;
	if (access("/dev/kvm", R_OK | W_OK))
		return 0;
	ret = cache_dir(cache, p);
	if (ret)
		return ret;
	uname(&u);
	if (remembered(cache, u.release, ret_boots))
		return 0;
	ret = boot_in_time(ret_boots);
	if (ret)
		return problem_set(p, ret, "KVM: %s", strerror(-ret));
	snprintf(text, sizeof(text), "%s %s\n", u.release, *ret_boots ? "yes" : "no");
	ret = scratch_path(cache, "kvm", path);
	return ret ?: files_write(path, text, strlen(text), p);
}
