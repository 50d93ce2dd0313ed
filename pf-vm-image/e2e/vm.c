// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pf-vm-image/e2e/vm.h"
#include "pf-vm-image/manifest.h"

static _Noreturn void become_qemu(const char *image, const char *dir, const char *cmdline,
				  int agent_fd)
{
	char kernel[PATH_MAX], initrd[PATH_MAX], disk[PATH_MAX + 64], serial[PATH_MAX + 64];
	char agent[64];
	const char *const argv[] = { getenv("PFKEEP_QEMU") ?: "qemu-system-x86_64",
				     "-nodefaults",
				     "-no-reboot",
				     "-display",
				     "none",
				     "-accel",
				     getenv("PFKEEP_ACCEL") ?: "tcg",
				     "-cpu",
				     "max",
				     "-M",
				     "q35",
				     "-smp",
				     "1",
				     "-m",
				     "128",
				     "-kernel",
				     kernel,
				     "-initrd",
				     initrd,
				     "-append",
				     cmdline,
				     "-drive",
				     disk,
				     "-device",
				     "virtio-blk-pci,drive=root",
				     "-serial",
				     serial,
				     "-device",
				     "virtio-serial-pci",
				     "-chardev",
				     agent,
				     "-device",
				     "virtserialport,chardev=agent_end,name=org.qemu.guest_agent.0",
				     "-device",
				     "pcie-root-port,id=pf_port,chassis=1,slot=1",
				     "-netdev",
				     "hubport,id=cable,hubid=0",
				     "-device",
				     "igb,bus=pf_port,netdev=cable",
				     NULL };

	snprintf(kernel, sizeof(kernel), "%s/vmlinuz", image);
	snprintf(initrd, sizeof(initrd), "%s/initrd", image);
	snprintf(disk, sizeof(disk), "file=%s/root.qcow2,if=none,id=root,read-only=on,format=qcow2",
		 image);
	snprintf(serial, sizeof(serial), "file:%s/console", dir);
	snprintf(agent, sizeof(agent), "socket,id=agent_end,fd=%d", agent_fd);
	fcntl(agent_fd, F_SETFD, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execvp(argv[0], (char *const *)argv);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static int start(const char *image, const char *dir, const char *cmdline, struct vm *vm)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return -errno;
	vm->pid = fork();
	if (vm->pid == 0)
		become_qemu(image, dir, cmdline, fds[1]);
	close(fds[1]);
	if (vm->pid < 0) {
		close(fds[0]);
		return -errno;
	}
	vm->agent = fds[0];
	return 0;
}

int vm_start(const char *image, const char *dir, const char *append, struct vm *ret_vm)
{
	struct problem p = { .text = "" };
	char path[PATH_MAX], *cmdline;
	struct manifest m;
	int ret;

	snprintf(path, sizeof(path), "%s/" MANIFEST_NAME, image);
	*ret_vm = (struct vm){ .pid = -1, .agent = -1 };
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
