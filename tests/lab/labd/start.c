// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/lab/labd/labd.h"
#include "tests/lab/labd/log.h"
#include "tests/lab/labd/machine.h"
#include "tests/lab/labd/tsc.h"

/* Memory that must stay for all else on the machine. */
#define START_SPARE_MIB 512

static int start_loop(struct labd *labd, struct lab_error *ret_error)
{
	sigset_t set;
	int err;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	labd->signals = (struct loop_source){ signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
					      EPOLLIN, events_signal, labd, false };
	labd->timer = (struct loop_source){ -1, EPOLLIN, events_timeout, labd, false };
	/* No event is asked for: epoll always tells when the reader is gone. */
	labd->report.events = 0;
	labd->report.fn = events_report_gone;
	labd->report.data = labd;
	err = loop_open(&labd->loop);
	if (!err)
		err = loop_watch(&labd->loop, &labd->signals);
	if (!err)
		err = loop_watch(&labd->loop, &labd->report);
	if (!err)
		err = loop_timer_open(&labd->loop, &labd->timer);
	return err;
}

static int start_owner(struct labd *labd, struct lab_error *ret_error)
{
	int fd;

	if (!labd->spec.owner)
		return 0;
	fd = (int)syscall(SYS_pidfd_open, labd->spec.owner, 0);
	if (fd < 0) {
		fd = -errno;
		lab_error_set(ret_error, "--owner %u: %s", labd->spec.owner, strerror(-fd));
		return fd;
	}
	labd->owner = (struct loop_source){ fd, EPOLLIN, events_owner_gone, labd, false };
	return loop_watch(&labd->loop, &labd->owner);
}

static int start_parts(struct labd *labd, struct lab_error *ret_error)
{
	return artifacts_find(labd->spec.kernel, &labd->artifacts, ret_error);
}

static int start_memory(struct labd *labd, struct lab_error *ret_error)
{
	static const char key[] = "MemAvailable:";
	FILE *f = fopen("/proc/meminfo", "re");
	unsigned long kib = 0;
	char line[128];

	if (!f)
		return -errno;
	while (!kib && fgets(line, sizeof(line), f))
		if (strncmp(line, key, sizeof(key) - 1) == 0)
			kib = strtoul(line + sizeof(key) - 1, NULL, 10);
	fclose(f);
	if (kib / 1024 >= labd->spec.ram_mib + START_SPARE_MIB)
		return 0;
	lab_error_set(ret_error,
		      "too little memory: the lab host takes %u MiB, %lu MiB are free (--ram)",
		      labd->spec.ram_mib, kib / 1024);
	return -ENOMEM;
}

static int start_accel(struct labd *labd, struct lab_error *ret_error)
{
	char memory[PATH_MAX + 16], *slash;

	/* Beside the runs: it holds for all labs of this machine. */
	snprintf(memory, sizeof(memory), "%s", labd->dir.path);
	slash = strrchr(memory, '/');
	snprintf(slash, sizeof(memory) - (size_t)(slash - memory), "/.accel.json");
	accel_choose(&labd->artifacts, memory, &labd->accel);
	log_line("%s: %s", labd->accel.kvm ? "KVM" : "TCG", labd->accel.reason);
	/* Under KVM the guest is told the rate by KVM itself. */
	if (!labd->accel.kvm && tsc_measure(&labd->tsc_khz) == 0)
		log_line("the TSC runs at %u kHz", labd->tsc_khz);
	return 0;
}

static int start_ctl(struct labd *labd, struct lab_error *ret_error)
{
	labd->ctl.on_request = request_handle;
	labd->ctl.data = labd;
	return ctl_open(&labd->loop, &labd->ctl, &labd->dir);
}

static int make_disk(struct labd *labd, const char *name)
{
	int fd = openat(labd->dir.fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)MACHINE_NVME_MIB << 20) < 0)
		err = -errno;
	close(fd);
	return err;
}

static int start_disks(struct labd *labd, struct lab_error *ret_error)
{
	char name[32];
	int err = 0;

	for (unsigned int pf = 0; pf < labd->spec.n_pfs; pf++) {
		if (lab_pf_has_wire(labd->spec.pfs[pf]))
			continue;
		for (unsigned int ns = 1; !err && ns <= MACHINE_NVME_NS; ns++) {
			snprintf(name, sizeof(name), "nvme.%u.%u.img", pf, ns);
			err = make_disk(labd, name);
		}
	}
	return err;
}

static int start_cables(struct labd *labd, struct lab_error *ret_error)
{
	return cables_open(&labd->loop, &labd->cables, &labd->spec, &labd->dir, ret_error);
}

static int open_log(struct labd *labd, const char *name)
{
	int fd = openat(labd->dir.fd, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	return fd < 0 ? -errno : fd;
}

/* A channel to QEMU: our end doesn't block; QEMU's is returned. */
static int make_channel(int *ret_ours)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	*ret_ours = fds[0];
	return fds[1];
}

static int open_channels(struct labd *labd, struct machine *machine)
{
	int ours = -1, err;

	machine->qmp_fd = make_channel(&ours);
	if (machine->qmp_fd < 0)
		return machine->qmp_fd;
	labd->qmp.greeted = events_greeted;
	labd->qmp.event = events_qmp;
	labd->qmp.data = labd;
	err = qmp_open(&labd->loop, &labd->qmp, ours, open_log(labd, RUNDIR_QMP));
	if (err)
		return err;
	machine->console_fd = make_channel(&ours);
	if (machine->console_fd < 0)
		return machine->console_fd;
	labd->console.on_line = events_console_line;
	labd->console.data = labd;
	err = console_open(&labd->loop, &labd->console, ours, open_log(labd, RUNDIR_CONSOLE));
	if (err)
		return err;
	machine->event_fd = make_channel(&ours);
	if (machine->event_fd < 0)
		return machine->event_fd;
	labd->guest.on_event = events_guest;
	labd->guest.data = labd;
	err = guest_open(&labd->loop, &labd->guest, ours);
	for (unsigned int i = 0; !err && i < PROTO_PORTS; i++) {
		machine->agent_fds[i] = make_channel(&ours);
		err = machine->agent_fds[i] < 0
			      ? machine->agent_fds[i]
			      : relay_open_port(&labd->loop, &labd->relay, i, ours);
	}
	return err;
}

static void log_argv(struct labd *labd, char *const *argv)
{
	int fd = open_log(labd, "qemu.argv");

	for (; fd >= 0 && *argv; argv++)
		dprintf(fd, "%s\n", *argv);
	if (fd >= 0)
		close(fd);
}

/* A file of the products, where QEMU sees it, and as which disk the lab host does. */
struct part {
	const char *path;
	const char *name;
	const char *serial; /* NULL: no disk */
};

#define START_PARTS 9

/* Returns how many there are; what a lab does without is left out. */
static size_t list_parts(const struct artifacts *a, struct part parts[START_PARTS])
{
	const struct part all[START_PARTS] = {
		{ a->emulator, "emulator", NULL },
		{ a->kernel, "kernel", NULL },
		{ a->initrd, "initrd", NULL },
		{ a->root, "root", "root" },
		{ a->modules, "modules", "modules" },
		{ a->payload, "payload", "payload" },
		{ a->qemu, "qemu", "qemu" },
		{ a->tools, "tools", "tools" },
		{ a->pf_image, "pf-image", "pf-image" },
	};
	size_t n = 0;

	for (size_t i = 0; i < START_PARTS; i++)
		if (all[i].path[0])
			parts[n++] = all[i];
	return n;
}

static int run_qemu(struct labd *labd, char *const *argv, const int *keep, size_t n_keep,
		    struct lab_error *ret_error)
{
	struct part parts[START_PARTS];
	struct root_bind binds[START_PARTS + 1] = { { labd->dir.path, "lab", false } };
	size_t n = list_parts(&labd->artifacts, parts);
	struct root root = { labd->artifacts.toolroot, binds, n + 1 };
	struct qemu_start how = { &root, argv, keep, n_keep, open_log(labd, RUNDIR_STDERR) };
	int err;

	for (size_t i = 0; i < n; i++)
		binds[i + 1] = (struct root_bind){ parts[i].path, parts[i].name, true };
	labd->qemu.exited = events_qemu_exited;
	labd->qemu.data = labd;
	err = qemu_start(&labd->loop, &labd->qemu, &how, ret_error);
	close(how.stderr_fd);
	return err;
}

/* The root disk is the first of them. */
static size_t list_disks(const struct artifacts *artifacts, char paths[START_PARTS][32],
			 struct machine_disk *disks)
{
	struct part parts[START_PARTS];
	size_t n = list_parts(artifacts, parts), n_disks = 0;

	for (size_t i = 0; i < n; i++) {
		if (!parts[i].serial)
			continue;
		snprintf(paths[i], 32, "/run/%s", parts[i].name);
		disks[n_disks].serial = parts[i].serial;
		disks[n_disks].path = paths[i];
		disks[n_disks].keeps_nothing = n_disks == 0;
		n_disks++;
	}
	return n_disks;
}

static int start_qemu(struct labd *labd, struct lab_error *ret_error)
{
	struct machine_disk disks[START_PARTS];
	char paths[START_PARTS][32], **argv = NULL;
	struct machine machine = {
		.spec = &labd->spec,
		.kvm = labd->accel.kvm,
		.tsc_khz = labd->tsc_khz,
		.qemu = "/run/emulator",
		.kernel = "/run/kernel",
		.initrd = "/run/initrd",
		.disks = disks,
		.n_disks = list_disks(&labd->artifacts, paths, disks),
		.qmp_fd = -1,
		.console_fd = -1,
		.event_fd = -1,
	};
	int keep[3 + PROTO_PORTS], err;

	memset(machine.agent_fds, -1, sizeof(machine.agent_fds));
	err = open_channels(labd, &machine);
	keep[0] = machine.qmp_fd;
	keep[1] = machine.console_fd;
	keep[2] = machine.event_fd;
	memcpy(keep + 3, machine.agent_fds, sizeof(machine.agent_fds));

	if (!err)
		err = machine_argv(&machine, &argv);
	if (!err) {
		log_argv(labd, argv);
		err = run_qemu(labd, argv, keep, 3 + PROTO_PORTS, ret_error);
		machine_argv_free(argv);
	}
	for (int i = 0; i < 3 + PROTO_PORTS; i++)
		if (keep[i] >= 0)
			close(keep[i]);
	if (!err)
		err = loop_timer_arm(&labd->timer, labd->spec.timeout_s * 1000);
	return err;
}

static const struct {
	const char *name;
	int (*run)(struct labd *labd, struct lab_error *ret_error);
} stages[] = {
	{ "event loop", start_loop },
	{ "the owner", start_owner },
	{ "finding the parts", start_parts },
	{ "memory", start_memory },
	{ "choosing the accelerator", start_accel },
	{ "control socket", start_ctl },
	{ "disks", start_disks },
	{ "cables", start_cables },
	{ "starting QEMU", start_qemu },
};

int labd_start(struct labd *labd, struct lab_error *ret_error)
{
	int err;

	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
		ret_error->text[0] = '\0';
		err = stages[i].run(labd, ret_error);
		if (!err)
			continue;
		if (!ret_error->text[0])
			lab_error_set(ret_error, "%s: %s", stages[i].name, strerror(-err));
		return err;
	}
	return 0;
}

/* Sockets and disks go; logs and the verdict stay. */
static void remove_files(struct labd *labd)
{
	char name[32];

	unlinkat(labd->dir.fd, RUNDIR_CTL, 0);
	for (unsigned int pf = 0; pf < labd->spec.n_pfs; pf++) {
		snprintf(name, sizeof(name), "wire.%u.sock", pf);
		unlinkat(labd->dir.fd, name, 0);
		for (unsigned int ns = 1; ns <= MACHINE_NVME_NS; ns++) {
			snprintf(name, sizeof(name), "nvme.%u.%u.img", pf, ns);
			unlinkat(labd->dir.fd, name, 0);
		}
	}
}

void labd_close(struct labd *labd)
{
	relay_close(&labd->relay);
	guest_close(&labd->guest);
	console_close(&labd->console);
	qmp_close(&labd->qmp);
	cables_close(&labd->cables);
	remove_files(labd);
	ctl_close(&labd->ctl);
	loop_close(&labd->loop);
}
