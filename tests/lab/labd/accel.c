// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/labd/accel.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "tests/lab/labd/log.h"
#include "tests/lab/labd/qemu.h"
#include "tests/lab/lib/jsonline.h"

#define PROBE_MS 20000
/* What a kernel without a root disk says when all else went well. */
#define PROBE_MARK "Unable to mount root fs"

static void read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, buf, size - 1);

	buf[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

/* A whole word of the first line that starts with "flags". */
static bool has_flag(const char *cpuinfo, const char *flag)
{
	const char *p = strstr(cpuinfo, "\nflags");
	size_t n = strlen(flag);

	for (p = p ? p + 1 : ""; *p && *p != '\n'; p++)
		if (p[0] == ' ' && strncmp(p + 1, flag, n) == 0 && strchr(" \n", p[n + 1]))
			return true;
	return false;
}

bool accel_promises_nesting(const char *cpuinfo, const char *nested, const char **ret_reason)
{
	if (!has_flag(cpuinfo, "svm") && !has_flag(cpuinfo, "vmx")) {
		*ret_reason = "the CPU shows neither svm nor vmx: no nested virtualisation";
		return false;
	}
	if (nested[0] != '1' && nested[0] != 'Y' && nested[0] != 'y') {
		*ret_reason = "the kvm module's parameter 'nested' is off";
		return false;
	}
	return true;
}

static bool kvm_opens(const char **ret_reason)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm = -1;

	*ret_reason = "/dev/kvm can't be opened";
	if (fd < 0)
		return false;
	*ret_reason = "/dev/kvm makes no VM";
	vm = ioctl(fd, KVM_CREATE_VM, 0);
	close(fd);
	if (vm >= 0)
		close(vm);
	return vm >= 0;
}

struct probe {
	struct loop loop;
	struct qemu qemu;
	struct loop_source console;
	struct loop_source timer;
	bool booted;
	char tail[8192];
	size_t len;
};

static void probe_console(struct loop_source *src, uint32_t events)
{
	struct probe *probe = src->data;
	ssize_t n;

	if (probe->len > sizeof(probe->tail) / 2) {
		/* Keep enough that a mark is found over the seam. */
		memmove(probe->tail, probe->tail + probe->len - 64, 64);
		probe->len = 64;
	}
	n = recv(src->fd, probe->tail + probe->len, sizeof(probe->tail) - 1 - probe->len,
		 MSG_DONTWAIT);
	if (n <= 0) {
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			loop_unwatch(&probe->loop, src);
		return;
	}
	probe->len += (size_t)n;
	probe->tail[probe->len] = '\0';
	if (strstr(probe->tail, PROBE_MARK)) {
		probe->booted = true;
		qemu_kill(&probe->qemu);
	}
}

static void probe_timeout(struct loop_source *src, uint32_t events)
{
	struct probe *probe = src->data;

	loop_timer_ack(src);
	qemu_kill(&probe->qemu);
}

static void probe_exited(void *data)
{
	struct probe *probe = data;

	probe->loop.stop = true;
}

static int probe_start(struct probe *probe, const struct artifacts *artifacts, int console)
{
	struct root_bind binds[] = {
		{ artifacts->emulator, "emulator", true },
		{ artifacts->kernel, "kernel", true },
	};
	struct root root = { artifacts->toolroot, binds, 2 };
	char serial[64];
	char *argv[] = {
		(char *)"/run/emulator",
		(char *)"-nodefaults",
		(char *)"-display",
		(char *)"none",
		(char *)"-no-reboot",
		(char *)"-M",
		(char *)"q35",
		(char *)"-accel",
		(char *)"kvm",
		(char *)"-cpu",
		(char *)"host",
		(char *)"-m",
		(char *)"512",
		(char *)"-chardev",
		serial,
		(char *)"-serial",
		(char *)"chardev:c",
		(char *)"-kernel",
		(char *)"/run/kernel",
		(char *)"-append",
		(char *)"console=ttyS0 panic=-1",
		NULL,
	};
	struct qemu_start how = { &root, argv, &console, 1, 2 };
	struct lab_error error;
	int err;

	snprintf(serial, sizeof(serial), "socket,id=c,fd=%d", console);
	err = qemu_start(&probe->loop, &probe->qemu, &how, &error);
	if (err)
		log_line("KVM probe: %s", error.text);
	return err;
}

/* Boot a kernel under KVM until it looks for its root disk. */
static bool probe_boot(const struct artifacts *artifacts)
{
	struct probe probe = { 0 };
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return false;
	probe.qemu.exited = probe_exited;
	probe.qemu.data = &probe;
	probe.console = (struct loop_source){ fds[0], EPOLLIN, probe_console, &probe, false };
	probe.timer = (struct loop_source){ -1, EPOLLIN, probe_timeout, &probe, false };
	if (loop_open(&probe.loop) == 0 && loop_watch(&probe.loop, &probe.console) == 0 &&
	    loop_timer_open(&probe.loop, &probe.timer) == 0 &&
	    loop_timer_arm(&probe.timer, PROBE_MS) == 0 &&
	    probe_start(&probe, artifacts, fds[1]) == 0) {
		loop_run(&probe.loop);
		close(probe.qemu.exit.fd);
	}
	loop_timer_close(&probe.loop, &probe.timer);
	loop_close(&probe.loop);
	close(fds[0]);
	close(fds[1]);
	return probe.booted;
}

/* What the verdict holds for: this CPU, this kernel, this QEMU. */
static void machine_key(const struct artifacts *artifacts, const char *cpuinfo, char *key,
			size_t size)
{
	const char *model = strstr(cpuinfo, "model name");
	struct utsname uts;

	model = model ? model : "";
	uname(&uts);
	snprintf(key, size, "%.*s|%s %s|%s", (int)strcspn(model, "\n"), model, uts.release,
		 uts.version, artifacts->emulator);
}

static bool recall(const char *memory, const char *key, struct accel *ret_accel)
{
	json_object *object = json_object_from_file(memory), *kvm;
	bool known;

	known = object && json_object_is_type(object, json_type_object) &&
		strcmp(jsonline_string(object, "machine", ""), key) == 0 &&
		json_object_object_get_ex(object, "kvm", &kvm);
	if (known) {
		ret_accel->kvm = json_object_get_boolean(kvm);
		snprintf(ret_accel->reason, sizeof(ret_accel->reason), "%s (remembered)",
			 jsonline_string(object, "reason", ""));
	}
	json_object_put(object);
	return known;
}

static void remember(const char *memory, const char *key, const struct accel *accel)
{
	json_object *object = json_object_new_object();
	char part[PATH_MAX + 16];

	json_object_object_add(object, "machine", json_object_new_string(key));
	json_object_object_add(object, "kvm", json_object_new_boolean(accel->kvm));
	json_object_object_add(object, "reason", json_object_new_string(accel->reason));
	snprintf(part, sizeof(part), "%s.%d", memory, getpid());
	if (json_object_to_file(part, object) < 0 || rename(part, memory) < 0)
		log_line("the KVM verdict can't be remembered in %s", memory);
	json_object_put(object);
}

void accel_choose(const struct artifacts *artifacts, const char *memory, struct accel *ret_accel)
{
	char cpuinfo[8192], nested[8], key[PATH_MAX + 1024];
	const char *reason;

	read_file("/proc/cpuinfo", cpuinfo, sizeof(cpuinfo));
	read_file("/sys/module/kvm_amd/parameters/nested", nested, sizeof(nested));
	if (!*nested)
		read_file("/sys/module/kvm_intel/parameters/nested", nested, sizeof(nested));
	ret_accel->kvm = false;
	if (!kvm_opens(&reason) || !accel_promises_nesting(cpuinfo, nested, &reason)) {
		snprintf(ret_accel->reason, sizeof(ret_accel->reason), "%s", reason);
		return;
	}
	machine_key(artifacts, cpuinfo, key, sizeof(key));
	if (recall(memory, key, ret_accel))
		return;
	ret_accel->kvm = probe_boot(artifacts);
	snprintf(ret_accel->reason, sizeof(ret_accel->reason), "%s",
		 ret_accel->kvm ? "a kernel boots under KVM" : "no kernel boots under KVM here");
	remember(memory, key, ret_accel);
}
