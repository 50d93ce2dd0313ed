// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the new kernel. What can't be restored is ended: its device is stopped when
 * the session is finished, and a cold start is somebody else's.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "orchestration/libpfkeep/live_boot.h"
#include "orchestration/libpfkeep/live_domain.h"
#include "orchestration/libpfkeep/live_priv.h"
#include "orchestration/libpfkeep/run.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/live.h"
#include "pfkeep/livereport.h"
#include "pfkeep/luo.h"
#include "orchestration/libpfkeep/live_qmp.h"

#define MODPROBE_MS 20000
#define START_MS    60000
#define RESUME_MS   60000
#define RECORD_MAX  (4 << 20)
/* Ours lie above any of QEMU's, so that they can be put where it had its own. */
#define FD_BASE 65536
#define FD_MAX	(1 << 20)

struct work {
	const struct root *root;
	struct live live;
	int session;
	struct rlimit files; /* as QEMU is to have it */
	struct live_qmp *qmp[LIVE_VMS_MAX];
	/* Slow, and waiting for nothing: these run beside the rest. 0: none. */
	pid_t kvm, warm[LIVE_VMS_MAX];
};

static int high(int fd)
{
	int up = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, FD_BASE);
	int ret = up < 0 ? -errno : up;

	if (fd >= 0)
		close(fd);
	return ret;
}

static int raise_files(struct work *w, struct problem *problem)
{
	struct rlimit more = { .rlim_cur = FD_MAX, .rlim_max = FD_MAX };

	if (getrlimit(RLIMIT_NOFILE, &w->files) || setrlimit(RLIMIT_NOFILE, &more))
		return problem_set(problem, -errno, "no more descriptors can be had: %s",
				   strerror(errno));
	return 0;
}

/* functions */

/* The other vendor's isn't even tried: to find that out takes as long. */
static void load_kvm(struct work *w)
{
	const char *const kvm[] = { "/sbin/modprobe", "-q",
				    __builtin_cpu_is("intel") ? "kvm-intel" : "kvm-amd", NULL };

	if (run_aside((char *const *)kvm, &w->kvm))
		w->kvm = 0;
}

/*
 * Built in, or loaded by somebody, or nobody needs it: then this may fail. All by one
 * modprobe, since to start it takes longer than what it does.
 */
static void load_modules(const struct work *w)
{
	enum { FIRST_DRIVER = 6, DRIVERS_MAX = 8 };
	const char *argv[FIRST_DRIVER + DRIVERS_MAX + 1] = {
		"/sbin/modprobe", "-qa", "--", "irqbypass", "iommufd", "vfio-pci-core"
	};
	char out[64];
	size_t n = FIRST_DRIVER;

	for (size_t i = 0; i < w->live.n_functions && n < FIRST_DRIVER + DRIVERS_MAX; i++) {
		const char *driver = w->live.functions[i].driver;
		size_t k = FIRST_DRIVER;

		while (k < n && strcmp(argv[k], driver) != 0)
			k++;
		if (k == n)
			argv[n++] = driver;
	}
	run_output((char *const *)argv, MODPROBE_MS, out, sizeof(out));
}

static int reserve_function(const struct work *w, const struct live_function *f,
			    struct problem *problem)
{
	char path[96];
	int ret;

	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/driver_override", f->bdf);
	ret = root_write(w->root, path, f->driver);
	return ret ? problem_set(problem, ret, "%s: can't be kept for %s: %s", f->bdf, f->driver,
				 strerror(-ret))
		   : 0;
}

static int bind_function(const struct work *w, const struct live_function *f,
			 struct problem *problem)
{
	char path[96], name[64];
	int ret = root_write(w->root, "sys/bus/pci/drivers_probe", f->bdf);

	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/driver", f->bdf);
	if (!ret && root_link(w->root, path, name, sizeof(name)))
		ret = -ENODEV;
	if (!ret && strcmp(name, f->driver) != 0)
		ret = -EBUSY;
	if (ret)
		return problem_set(problem, ret, "%s: can't be bound to %s: %s", f->bdf, f->driver,
				   strerror(-ret));
	return 0;
}

/* Nobody waits for them, nor for what becomes of it: when the guests run. */
static void bind_spares(const struct work *w)
{
	char path[96];

	for (size_t i = 0; i < w->live.n_functions; i++) {
		const struct live_function *f = &w->live.functions[i];

		if (f->held)
			continue;
		/* It may have been found before it was reserved. */
		snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/driver/unbind", f->bdf);
		if (root_exists(w->root, path))
			root_write(w->root, path, f->bdf);
		bind_function(w, f, NULL);
	}
}

/* memory and devices */

/* Directories of its sockets were in the old kernel's memory, perhaps. */
static void make_parent(const char *path)
{
	char dir[PATH_MAX];

	snprintf(dir, sizeof(dir), "%s", path);
	for (char *p = dir + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		mkdir(dir, 0755);
		*p = '/';
	}
}

static int open_path(const struct live_vm *vm, const struct live_fd *fd)
{
	int got;

	make_parent(fd->path);
	if (fd->kind == LIVE_LISTEN)
		return live_domain_listen(vm, fd);
	got = open(fd->path, fd->flags | O_CREAT | O_CLOEXEC, 0600);
	return got < 0 ? -errno : got;
}

static int open_fd(const struct work *w, const struct live_vm *vm, struct live_fd *fd,
		   struct problem *problem)
{
	int got = -1, ret = 0;

	switch (fd->kind) {
	case LIVE_EVENT:
		got = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		break;
	case LIVE_IOMMU:
		got = open("/dev/iommu", O_RDWR | O_CLOEXEC);
		break;
	case LIVE_LISTEN:
	case LIVE_FILE:
		got = open_path(vm, fd);
		ret = got < 0 ? problem_set(problem, got, "%s: %s", fd->path, strerror(-got)) : 0;
		break;
	default:
		ret = luo_retrieve(w->session, fd->token, &got, problem);
	}
	if (ret)
		return ret;
	fd->fd = high(got);
	if (fd->fd >= 0)
		return 0;
	ret = fd->fd;
	return problem_set(problem, ret, "descriptor %d: %s", fd->number, strerror(-ret));
}

static int open_vm(const struct work *w, struct live_vm *vm, struct problem *problem)
{
	int ret = luo_retrieve(w->session, vm->state_token, &vm->state, problem);

	if (!ret)
		vm->state = high(vm->state);
	for (size_t i = 0; i < vm->n_fds && !ret; i++)
		ret = open_fd(w, vm, &vm->fds[i], problem);
	if (!ret && vm->domain)
		return live_domain_prepare(w->root, vm, problem);
	return ret ? problem_prefix(problem, ret, "%s", vm->name) : 0;
}

/* QEMU */

/* Each program once: what it needs of the disk comes while memory and devices come back. */
static void warm_up(struct work *w)
{
	for (size_t i = 0; i < w->live.n_vms; i++) {
		char *const argv[] = { w->live.vms[i].argv[0], (char *)"-version", NULL };
		size_t before = 0;

		while (before < i && strcmp(w->live.vms[before].argv[0], argv[0]) != 0)
			before++;
		if (before < i || run_aside(argv, &w->warm[i]))
			w->warm[i] = 0;
	}
}

static void cool_down(struct work *w)
{
	for (size_t i = 0; i < w->live.n_vms; i++)
		if (w->warm[i])
			run_end(w->warm[i], 0);
}

/* In the child. */
static void become_qemu(const struct work *w, const struct live_vm *vm)
{
	static char option[] = "-incoming";
	char *argv[LIVE_ARGS_MAX + 3], uri[64], cpr[16];
	int n = 0, state;

	setsid();
	for (size_t i = 0; i < vm->n_fds; i++)
		if (dup2(vm->fds[i].fd, vm->fds[i].number) < 0)
			return;
	state = fcntl(vm->state, F_DUPFD, 3);
	if (state < 0 || setrlimit(RLIMIT_NOFILE, &w->files))
		return;
	for (; n < vm->argc; n++)
		argv[n] = vm->argv[n];
	snprintf(uri, sizeof(uri), "file:/proc/self/fd/%d", state);
	argv[n++] = option;
	argv[n++] = uri;
	argv[n] = NULL;
	if (vm->domain) {
		errno = -live_domain_become(vm, argv);
		return;
	}
	snprintf(cpr, sizeof(cpr), "%d", vm->cpr);
	if (setenv("QEMU_CPR_EXEC_STATE", cpr, 1) || setenv("QEMU_CPR_NEW_KERNEL", "1", 1))
		return;
	execv(argv[0], argv);
}

/* QEMU's alone: who connects to one that has ended is told so. */
static void leave_sockets(struct live_vm *vm)
{
	for (size_t i = 0; i < vm->n_fds; i++)
		if (vm->fds[i].kind == LIVE_LISTEN)
			close(take_fd(&vm->fds[i].fd));
}

static int start_vm(const struct work *w, struct live_vm *vm, struct problem *problem)
{
	make_parent(vm->qmp);
	live_vm_phase(vm, "carry");
	vm->pid = fork();
	if (vm->pid < 0)
		return problem_set(problem, -errno, "%s: %s", vm->name, strerror(errno));
	if (!vm->pid) {
		become_qemu(w, vm);
		perror(vm->argv[0]);
		_exit(127);
	}
	leave_sockets(vm);
	return 0;
}

/* It answers when its devices are there. */
static int meet_vm(struct live_vm *vm, struct live_qmp **ret_qmp, struct problem *problem)
{
	int ret = live_qmp_open(vm->qmp, START_MS, ret_qmp, problem);
	if (!ret) {
		live_vm_phase_at(vm, "start", live_qmp_connected(*ret_qmp));
		live_vm_phase(vm, "attach");
	}
	if (ret && vm->domain)
		return live_domain_blame(vm, ret, problem);
	return ret ? problem_prefix(problem, ret, "%s", vm->name) : 0;
}

static int await_vm(const struct work *w, struct live_vm *vm, struct live_qmp *qmp,
		    struct problem *problem)
{
	int ret = live_qmp_await_running(qmp, RESUME_MS, problem);

	if (!ret)
		live_vm_phase_at(vm, LIVE_VM_RESUME, live_qmp_turned(qmp, w->live.ticks_per_ms));
	if (!ret && vm->domain)
		return live_domain_account(w->root, vm, qmp, problem);
	return ret ? problem_prefix(problem, ret, "%s", vm->name) : 0;
}

static int stage_retrieve(void *work, struct problem *problem)
{
	struct work *w = work;
	int ret = raise_files(w, problem);

	load_modules(w);
	for (size_t i = 0; i < w->live.n_functions && !ret; i++) {
		const struct live_function *f = &w->live.functions[i];

		ret = reserve_function(w, f, problem);
		if (!f->held)
			ret = 0; /* it may be gone */
		else if (!ret)
			ret = bind_function(w, f, problem);
	}
	for (size_t i = 0; i < w->live.n_vms && !ret; i++)
		ret = open_vm(w, &w->live.vms[i], problem);
	return ret;
}

/* Side by side. */
static int attach(struct work *w, bool with_pf, struct problem *problem)
{
	int ret = 0;

	for (size_t i = 0; i < w->live.n_vms && !ret; i++)
		if (w->live.vms[i].has_pf == with_pf)
			ret = start_vm(w, &w->live.vms[i], problem);
	for (size_t i = 0; i < w->live.n_vms && !ret; i++)
		if (w->live.vms[i].has_pf == with_pf)
			ret = meet_vm(&w->live.vms[i], &w->qmp[i], problem);
	return ret;
}

/* A PF's QEMU sets the token of its VFs, and can't any more when one of them is open. */
static int stage_attach(void *work, struct problem *problem)
{
	struct work *w = work;
	int ret;

	if (w->kvm)
		run_end(w->kvm, MODPROBE_MS);
	w->kvm = 0;
	live_domain_open_kvm();
	ret = attach(work, true, problem);
	return ret ? ret : attach(work, false, problem);
}

static int stage_resume(void *work, struct problem *problem)
{
	struct work *w = work;
	int ret = 0;

	for (size_t i = 0; i < w->live.n_vms && !ret; i++)
		ret = await_vm(w, &w->live.vms[i], w->qmp[i], problem);
	return ret;
}

static int stage_finish(void *work, struct problem *problem)
{
	struct work *w = work;

	bind_spares(w);
	return luo_finish(w->session, problem);
}

static const struct stage stages[] = {
	{ "retrieve", stage_retrieve, NULL },
	{ "attach", stage_attach, NULL },
	{ "resume", stage_resume, NULL },
	{ "finish", stage_finish, NULL },
};

static void note_stage(void *data, const char *stage, enum stages_event event,
		       const struct problem *problem)
{
	struct work *w = data;

	if (event == STAGES_FAILED)
		live_fail(&w->live, stage, problem);
	if (event == STAGES_FAILED || event == STAGES_DONE)
		live_phase(&w->live, stage);
}

/* Parked by keep-alive they would wait for a QEMU that doesn't come, and bar the next. */
static void give_up_functions(const struct work *w)
{
	char path[96];

	for (size_t i = 0; i < w->live.n_functions; i++) {
		snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/vfio_sriov/keep_alive",
			 w->live.functions[i].bdf);
		if (w->live.functions[i].held)
			root_write(w->root, path, "0");
	}
}

/* A QEMU that isn't whole must not run on by itself; those that run may. */
static void end_all(struct work *w)
{
	bool whole = w->live.result != LIVE_FAILED || !strcmp(w->live.failed, "finish");

	for (size_t i = 0; i < w->live.n_vms; i++) {
		live_qmp_close(w->qmp[i]);
		if (w->live.vms[i].pid > 0 && !whole)
			run_end(w->live.vms[i].pid, 0);
	}
	if (!whole)
		give_up_functions(w);
}

static int read_record(struct work *w, struct problem *problem)
{
	CLEANUP(cleanup_close) int fd = -1;
	CLEANUP(cleanup_free) char *text = NULL;
	uint64_t ticks = live_ticks();
	struct utsname name;
	struct stat st;
	int ret = luo_retrieve(w->session, LIVE_TOKEN_RECORD, &fd, problem);

	if (ret)
		return ret;
	if (fstat(fd, &st) || st.st_size > RECORD_MAX)
		return problem_set(problem, -EFBIG, "the record of the live update is too long");
	text = malloc((size_t)st.st_size + 1);
	if (!text || pread(fd, text, (size_t)st.st_size, 0) != st.st_size)
		return problem_set(problem, -EIO, "the record of the live update can't be read");
	ret = live_record_parse(text, (size_t)st.st_size, &w->live, problem);
	if (ret)
		return ret;
	live_boot_split(&w->live, w->root, ticks);
	if (!uname(&name))
		snprintf(w->live.to, sizeof(w->live.to), "%.63s", name.release);
	return 0;
}

static int restore_all(struct work *w, struct problem *problem)
{
	struct problem unwritten = { "" };
	int ret;

	warm_up(w);
	ret = stages_run(stages, sizeof(stages) / sizeof(stages[0]), w, note_stage, w, problem);
	cool_down(w);
	if (!ret)
		w->live.result = LIVE_DONE;
	end_all(w);
	if (live_report_write(w->root, &w->live, &unwritten) && ret)
		problem_prefix(problem, ret, "(%s)", unwritten.text);
	return ret;
}

int live_restore(const struct root *root, size_t *ret_vms, struct problem *problem)
{
	static const char *const vfio[] = { "/sbin/modprobe", "-qa", "vfio", NULL };
	struct work w = { .root = root, .session = -1 };
	char out[64];
	int ret;

	*ret_vms = 0;
	live_init(&w.live);
	/* Its handler must be there before the sessions are read. */
	run_output((char *const *)vfio, MODPROBE_MS, out, sizeof(out));
	ret = luo_session_retrieve(LIVE_SESSION, &w.session, problem);
	if (ret) {
		live_report_lost(root, "retrieve", problem);
		return ret == -ENOENT ? 0 : ret;
	}
	load_kvm(&w);
	ret = read_record(&w, problem);
	if (ret)
		live_report_lost(root, "retrieve", problem);
	else
		ret = restore_all(&w, problem);
	if (w.kvm)
		run_end(w.kvm, 0);
	*ret_vms = w.live.n_vms;
	close(w.session);
	live_release(&w.live);
	return ret;
}
