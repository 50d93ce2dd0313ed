// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pf-vm-image/e2e/vm.h"
#include "pf-vm-image/manifest.h"

#define SOCKET_WAIT_MS 30000

static _Noreturn void become_qemu(const char *image, const char *dir, const char *cmdline)
{
	char kernel[PATH_MAX], initrd[PATH_MAX], disk[PATH_MAX + 64], serial[PATH_MAX + 64];
	char agent[PATH_MAX + 64];
	const char *const argv[] = {
		getenv("PFKEEP_QEMU") ?: "qemu-system-x86_64", "-nodefaults", "-no-reboot", "-display",
		"none", "-accel", getenv("PFKEEP_ACCEL") ?: "tcg", "-cpu", "max", "-M", "q35", "-smp",
		"1", "-m", "128", "-kernel", kernel, "-initrd", initrd, "-append", cmdline, "-drive",
		disk, "-device", "virtio-blk-pci,drive=root", "-serial", serial, "-device",
		"virtio-serial-pci", "-chardev", agent, "-device",
		"virtserialport,chardev=agent,name=org.qemu.guest_agent.0", "-device",
		"pcie-root-port,id=port,chassis=1,slot=1", "-netdev", "hubport,id=cable,hubid=0",
		"-device", "igb,bus=port,netdev=cable", NULL
	};

	snprintf(kernel, sizeof(kernel), "%s/vmlinuz", image);
	snprintf(initrd, sizeof(initrd), "%s/initrd", image);
	snprintf(disk, sizeof(disk), "file=%s/root.qcow2,if=none,id=root,read-only=on,format=qcow2",
		 image);
	snprintf(serial, sizeof(serial), "file:%s/console", dir);
	snprintf(agent, sizeof(agent), "socket,id=agent,path=%s/agent,server=on,wait=off", dir);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execvp(argv[0], (char *const *)argv);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* QEMU makes the socket early; the folder tells when. */
static int await_socket(const struct vm *vm, int watch)
{
	char event[4096] __attribute__((aligned(8)));
	struct pollfd fd = { .fd = watch, .events = POLLIN };

	while (access(vm->agent, F_OK)) {
		if (poll(&fd, 1, SOCKET_WAIT_MS) <= 0)
			return -ETIMEDOUT;
		if (read(watch, event, sizeof(event)) < 0)
			return -errno;
	}
	return 0;
}

static int start(const char *image, const char *dir, const char *cmdline, struct vm *vm)
{
	int watch = inotify_init1(IN_CLOEXEC), ret = 0;

	if (watch < 0 || inotify_add_watch(watch, dir, IN_CREATE) < 0)
		ret = -errno;
	if (!ret) {
		vm->pid = fork();
		if (vm->pid == 0)
			become_qemu(image, dir, cmdline);
		ret = vm->pid < 0 ? -errno : await_socket(vm, watch);
		if (ret && vm->pid > 0)
			vm_kill(vm);
	}
	if (watch >= 0)
		close(watch);
	return ret;
}

int vm_start(const char *image, const char *dir, const char *append, struct vm *ret_vm)
{
	static char console[PATH_MAX], agent[PATH_MAX];
	struct problem p = { .text = "" };
	char path[PATH_MAX], *cmdline;
	struct manifest m;
	int ret;

	snprintf(path, sizeof(path), "%s/" MANIFEST_NAME, image);
	snprintf(console, sizeof(console), "%s/console", dir);
	snprintf(agent, sizeof(agent), "%s/agent", dir);
	*ret_vm = (struct vm){ .pid = -1, .console = console, .agent = agent };
	ret = manifest_read(path, &m, &p);
	if (ret)
		return ret;
	ret = asprintf(&cmdline, "%s %s", m.cmdline, append) < 0 ? -ENOMEM : 0;
	manifest_free(&m);
	if (ret)
		return ret;
	ret = start(image, dir, cmdline, ret_vm);
	free(cmdline);
	return ret;
}

int vm_wait(struct vm *vm, int timeout_ms)
{
	int pidfd = (int)syscall(SYS_pidfd_open, vm->pid, 0), status, n;
	struct pollfd fd = { .fd = pidfd, .events = POLLIN };

	if (pidfd < 0)
		return -errno;
	n = poll(&fd, 1, timeout_ms);
	close(pidfd);
	if (n <= 0)
		return -ETIMEDOUT;
	waitpid(vm->pid, &status, 0);
	vm->pid = -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void vm_kill(struct vm *vm)
{
	if (vm->pid <= 0)
		return;
	kill(vm->pid, SIGKILL);
	waitpid(vm->pid, NULL, 0);
	vm->pid = -1;
}
