// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pf-vm-image/manifest.h"
#include "pf-vm-image/run.h"
#include "pf-vm-image/scratch.h"
#include "tests/pf-image/vm.h"

#define ARGS_MAX 64

struct args {
	const char *list[ARGS_MAX + 1];
	size_t n;
};

static void add(struct args *a, const char *first, ...) __attribute__((sentinel));

static void add(struct args *a, const char *first, ...)
{
	va_list ap;

	va_start(ap, first);
	for (const char *word = first; word && a->n < ARGS_MAX; word = va_arg(ap, const char *))
		a->list[a->n++] = word;
	va_end(ap);
	a->list[a->n] = NULL;
}

/* Of a Debian 13 root that may not be this machine's release: by its own loader. */
static int add_qemu_of_toolroot(struct args *a)
{
	static char root[PATH_MAX], loader[PATH_MAX + 64], libs[PATH_MAX + 64];
	static char qemu[PATH_MAX + 64], bios[PATH_MAX + 64], roms[PATH_MAX + 64];
	const char *const path[] = { "build/lab/products", "path", "toolroot", NULL };
	struct run_how how = { .out = root, .size = sizeof(root) };
	struct problem p = { .text = "" };
	int ret = run_program(path, &how, &p);

	if (ret)
		return ret;
	root[strcspn(root, "\n")] = '\0';
	snprintf(loader, sizeof(loader), "%s/lib64/ld-linux-x86-64.so.2", root);
	snprintf(libs, sizeof(libs), "%s/usr/lib/x86_64-linux-gnu", root);
	snprintf(qemu, sizeof(qemu), "%s/usr/bin/qemu-system-x86_64", root);
	snprintf(bios, sizeof(bios), "%s/usr/share/seabios", root);
	snprintf(roms, sizeof(roms), "%s/usr/share/qemu", root);
	add(a, loader, "--library-path", libs, qemu, "-L", bios, "-L", roms, NULL);
	return 0;
}

static _Noreturn void become_qemu(const struct vm_boot *b, const struct args *qemu, int agent_fd)
{
	char disk[PATH_MAX + 64], serial[PATH_MAX + 64], agent[64], memory[16];
	struct args a = *qemu;

	snprintf(disk, sizeof(disk), "file=%s,if=none,id=root,format=qcow2,%s", b->disk,
		 b->keeps_nothing ? "snapshot=on" : "read-only=on");
	snprintf(serial, sizeof(serial), "file:%s", b->console);
	snprintf(agent, sizeof(agent), "socket,id=agent_end,fd=%d", agent_fd);
	snprintf(memory, sizeof(memory), "%u", b->memory_mib);
	add(&a, "-nodefaults", "-no-reboot", "-display", "none", "-accel",
	    getenv("PFKEEP_ACCEL") ?: "tcg", "-cpu", "max", "-M", "q35", "-smp", "1", "-m", memory,
	    "-kernel", b->kernel, "-initrd", b->initrd, "-append", b->cmdline, "-drive", disk,
	    "-device", "virtio-blk-pci,drive=root", "-serial", serial, "-device",
	    "virtio-serial-pci", "-chardev", agent, "-device",
	    "virtserialport,chardev=agent_end,name=org.qemu.guest_agent.0", "-device",
	    "virtio-rng-pci", "-device", "pcie-root-port,id=pf_port,chassis=1,slot=1", "-netdev",
	    "hubport,id=cable,hubid=0", "-device", "igb,bus=pf_port,netdev=cable,romfile=", NULL);
	fcntl(agent_fd, F_SETFD, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execvp(a.list[0], (char *const *)a.list);
	fprintf(stderr, "%s: %s\n", a.list[0], strerror(errno));
	_exit(127);
}

int vm_boot(const struct vm_boot *boot, struct vm *ret_vm)
{
	struct args qemu = { .n = 0 };
	int fds[2], ret = 0;

	*ret_vm = (struct vm){ .pid = -1, .agent = -1 };
	if (getenv("PFKEEP_QEMU"))
		add(&qemu, getenv("PFKEEP_QEMU"), NULL);
	else
		ret = add_qemu_of_toolroot(&qemu);
	if (ret)
		return ret;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return -errno;
	ret_vm->pid = fork();
	if (ret_vm->pid == 0)
		become_qemu(boot, &qemu, fds[1]);
	close(fds[1]);
	if (ret_vm->pid < 0) {
		close(fds[0]);
		return -errno;
	}
	ret_vm->agent = fds[0];
	return 0;
}

int vm_start(const char *image, const char *dir, const char *append, struct vm *ret_vm)
{
	char path[PATH_MAX], kernel[PATH_MAX], initrd[PATH_MAX], disk[PATH_MAX], console[PATH_MAX];
	struct problem p = { .text = "" };
	struct manifest m;
	char *cmdline;
	int ret = scratch_path(image, MANIFEST_NAME, path) ?: scratch_path(image, "vmlinuz", kernel)
		?: scratch_path(image, "initrd", initrd) ?: scratch_path(image, "root.qcow2", disk)
		?: scratch_path(dir, "console", console);

	ret = ret ?: manifest_read(path, &m, &p);
	if (ret)
		return ret;
	ret = asprintf(&cmdline, "%s %s", m.cmdline, append) < 0 ? -ENOMEM : 0;
	manifest_free(&m);
	if (ret)
		return ret;
	ret = vm_boot(&(struct vm_boot){ .kernel = kernel,
					 .initrd = initrd,
					 .cmdline = cmdline,
					 .disk = disk,
					 .memory_mib = 128,
					 .console = console },
		      ret_vm);
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
