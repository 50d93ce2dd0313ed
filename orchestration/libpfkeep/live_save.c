// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each QEMU saves its device state and becomes pfkeep-carry, from which we take its
 * descriptors; libvirt's send both (live_domain.h). Undone, each goes on as QEMU.
 */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "orchestration/libpfkeep/live_domain.h"
#include "orchestration/libpfkeep/live_priv.h"
#include "orchestration/libpfkeep/live_take.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/cprstate.h"
#include "pfkeep/number.h"

#define SAVE_MS	     60000
#define CARRY_MS     10000
#define RESUME_MS    60000
#define STATE_MAX    (64 << 20)
#define ENVIRON_MAX  (64 << 10)
#define CPR_VARIABLE "QEMU_CPR_EXEC_STATE="

static int listen_for_carry(struct live_work *w, struct problem *problem)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = LIVE_CARRY };

	mkdir("/run/pfkeep", 0755);
	mkdir(LIVE_RUN, 0700);
	unlink(LIVE_CARRY);
	w->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (w->listener < 0 || bind(w->listener, (struct sockaddr *)&addr, sizeof(addr)) ||
	    listen(w->listener, LIVE_VMS_MAX))
		return problem_set(problem, -errno, LIVE_CARRY ": %s", strerror(errno));
	return 0;
}

static int want_events(struct live_qmp *qmp, struct problem *problem)
{
	struct json_object *args = json_object_new_object(), *list = json_object_new_array(),
			   *events = json_object_new_object();

	json_object_object_add(events, "capability", json_object_new_string("events"));
	json_object_object_add(events, "state", json_object_new_boolean(true));
	json_object_array_add(list, events);
	json_object_object_add(args, "capabilities", list);
	return live_qmp_call(qmp, "migrate-set-capabilities", args, NULL, problem);
}

static int start_saving(const struct live_work *w, const struct live_vm *vm, struct live_qmp *qmp,
			struct problem *problem)
{
	struct json_object *args = json_object_new_object();
	char state[128], uri[160];
	int ret = live_set_mode(qmp, w, vm, "cpr-exec", problem);

	live_state_path(vm, state, sizeof(state));
	snprintf(uri, sizeof(uri), "file:%s", state);
	json_object_object_add(args, "uri", json_object_new_string(uri));
	if (!ret)
		ret = want_events(qmp, problem);
	if (ret) {
		json_object_put(args);
		return ret;
	}
	return live_qmp_call(qmp, "migrate", args, NULL, problem);
}

static struct live_vm *vm_of(struct live_work *w, pid_t pid)
{
	for (size_t i = 0; i < w->live.n_vms; i++)
		if (w->live.vms[i].pid == pid && w->live.vms[i].hold < 0)
			return &w->live.vms[i];
	return NULL;
}

static int saving_failed(const struct live_vm *vm, struct live_qmp *qmp, struct problem *problem)
{
	struct json_object *info = NULL, *why = NULL;

	if (!live_qmp_call(qmp, "query-migrate", NULL, &info, NULL))
		json_object_object_get_ex(info, "error-desc", &why);
	problem_set(problem, -EIO, "%s: QEMU can't save it: %s", vm->name,
		    why ? json_object_get_string(why) : "it doesn't say why");
	json_object_put(info);
	return -EIO;
}

/* QEMU's monitor closes when QEMU gives way. If it can't, it says so there and goes on. */
static int await_exec(const struct live_vm *vm, struct live_qmp *qmp, struct problem *problem)
{
	for (;;) {
		struct json_object *data = NULL, *status = NULL;
		bool failed;
		int ret = live_qmp_wait(qmp, "MIGRATION", SAVE_MS, &data, problem);

		if (ret == -EPIPE)
			return 0;
		if (ret)
			return problem_prefix(problem, ret, "%s", vm->name);
		failed = json_object_object_get_ex(data, "status", &status) &&
			 !strcmp(json_object_get_string(status), "failed");
		json_object_put(data);
		if (failed)
			return saving_failed(vm, qmp, problem);
	}
}

static int await_carry(struct live_work *w, const struct live_vm *saving, struct problem *problem)
{
	struct pollfd pfd = { .fd = w->listener, .events = POLLIN };
	CLEANUP(cleanup_close) int fd = -1;
	struct ucred peer;
	socklen_t len = sizeof(peer);
	struct live_vm *vm;

	if (poll(&pfd, 1, CARRY_MS) != 1)
		return problem_set(problem, -ETIMEDOUT, "%s: %s doesn't take it over", saving->name,
				   w->how->carry);
	fd = accept4(w->listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return problem_set(problem, -errno, LIVE_CARRY ": %s", strerror(errno));
	vm = vm_of(w, peer.pid);
	if (!vm)
		return problem_set(problem, -EACCES, LIVE_CARRY ": process %d is no VM", peer.pid);
	vm->hold = take_fd(&fd);
	return 0;
}

static int find_cpr(const struct live_work *w, struct live_vm *vm, struct problem *problem)
{
	CLEANUP(cleanup_close) int fd = -1;
	CLEANUP(cleanup_free) char *text = calloc(1, ENVIRON_MAX + 1);
	char path[64];
	ssize_t len;
	uint64_t number;

	snprintf(path, sizeof(path), "proc/%d/environ", vm->pid);
	if (!text || root_openat(w->root, path, O_RDONLY, &fd) ||
	    (len = read(fd, text, ENVIRON_MAX)) < 0)
		return problem_set(problem, -EIO, "%s: its environment can't be read", vm->name);
	for (char *p = text; p < text + len; p += strlen(p) + 1) {
		if (strncmp(p, CPR_VARIABLE, strlen(CPR_VARIABLE)) != 0 ||
		    number_parse(p + strlen(CPR_VARIABLE), INT16_MAX, &number))
			continue;
		vm->cpr = (int)number;
		return 0;
	}
	return problem_set(problem, -EBADMSG, "%s: QEMU left no CPR state", vm->name);
}

static int take_number(struct live_vm *vm, int pidfd, int number, const char *what,
		       struct problem *problem)
{
	struct live_fd *fd = &vm->fds[vm->n_fds];
	int ret;

	fd->number = number;
	fd->fd = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
	if (fd->fd < 0)
		return problem_set(problem, -errno, "%s: its descriptor %s: %s", vm->name, what,
				   strerror(errno));
	vm->n_fds++;
	ret = live_kind_of(fd->fd, &fd->kind);
	if (ret)
		return problem_set(problem, ret,
				   "%s: its descriptor %s is of a kind that can't be carried",
				   vm->name, what);
	return 0;
}

static int read_all(int fd, char **ret_data, size_t *ret_len)
{
	struct stat st;
	char *data;

	if (fstat(fd, &st))
		return -errno;
	if (st.st_size > STATE_MAX)
		return -EFBIG;
	data = malloc((size_t)st.st_size + 1);
	if (!data)
		return -ENOMEM;
	if (pread(fd, data, (size_t)st.st_size, 0) != st.st_size) {
		free(data);
		return -EIO;
	}
	*ret_data = data;
	*ret_len = (size_t)st.st_size;
	return 0;
}

static int take_fds(struct live_vm *vm, struct problem *problem)
{
	CLEANUP(cleanup_free) struct cprstate_fd *list = calloc(LIVE_FDS_MAX, sizeof(*list));
	CLEANUP(cleanup_close) int pidfd = (int)syscall(SYS_pidfd_open, vm->pid, 0);
	CLEANUP(cleanup_free) char *data = NULL;
	size_t len = 0, n = 0;
	int ret;

	vm->fds = calloc(LIVE_FDS_MAX, sizeof(*vm->fds));
	if (!list || !vm->fds || pidfd < 0)
		return problem_set(problem, -ENOMEM, "%s: no process", vm->name);
	ret = take_number(vm, pidfd, vm->cpr, "of the CPR state", problem);
	if (ret)
		return ret;
	ret = read_all(vm->fds[0].fd, &data, &len);
	if (ret)
		return problem_set(problem, ret, "%s: its CPR state: %s", vm->name, strerror(-ret));
	ret = cprstate_parse(data, len, LIVE_FDS_MAX - 1, list, &n, problem);
	for (size_t i = 0; i < n && !ret; i++)
		ret = take_number(vm, pidfd, list[i].fd, list[i].name, problem);
	return ret;
}

static int copy_state(struct live_vm *vm, struct problem *problem)
{
	CLEANUP(cleanup_close) int from = -1;
	struct stat st;
	char path[128];
	off_t at = 0;

	live_state_path(vm, path, sizeof(path));
	from = open(path, O_RDONLY | O_CLOEXEC);
	vm->state = memfd_create("pfkeep-state", MFD_CLOEXEC);
	if (from < 0 || vm->state < 0 || fstat(from, &st))
		return problem_set(problem, -errno, "%s: its state: %s", vm->name, strerror(errno));
	while (at < st.st_size)
		if (sendfile(vm->state, from, &at, (size_t)(st.st_size - at)) <= 0)
			return problem_set(problem, -EIO, "%s: its state can't be copied",
					   vm->name);
	return 0;
}

static int save_vm(struct live_work *w, struct live_vm *vm, struct problem *problem)
{
	struct live_qmp *qmp;
	int ret;

	if (vm->domain)
		return live_domain_save(w, vm, problem);
	ret = live_qmp_open(vm->qmp, LIVE_QMP_MS, &qmp, problem);
	if (ret)
		return problem_prefix(problem, ret, "%s", vm->name);
	live_vm_phase(vm, "order");
	ret = start_saving(w, vm, qmp, problem);
	if (!ret)
		ret = await_exec(vm, qmp, problem);
	if (!ret) {
		live_vm_phase_at(vm, LIVE_VM_STOP, live_qmp_turned(qmp, w->live.ticks_per_ms));
		ret = await_carry(w, vm, problem);
	}
	live_qmp_close(qmp);
	if (!ret)
		ret = find_cpr(w, vm, problem);
	if (!ret)
		ret = take_fds(vm, problem);
	if (!ret)
		ret = copy_state(vm, problem);
	if (!ret)
		live_vm_phase(vm, "save");
	return ret;
}

static int await_return(const struct live_work *w, struct live_vm *vm, struct problem *problem)
{
	struct live_qmp *qmp;
	int ret = live_qmp_open(vm->qmp, LIVE_QMP_MS, &qmp, problem);

	if (!ret) {
		ret = live_qmp_await_running(qmp, RESUME_MS, problem);
		if (!ret)
			live_vm_phase_at(vm, LIVE_VM_RESUME,
					 live_qmp_turned(qmp, w->live.ticks_per_ms));
		live_qmp_close(qmp);
	}
	return ret ? problem_prefix(problem, ret, "%s", vm->name) : 0;
}

static int go_on(const struct live_work *w, struct live_vm *vm, struct problem *problem)
{
	return vm->domain ? live_domain_go_on(w, vm, problem) : await_return(w, vm, problem);
}

/* Those that were taken away go on, side by side; and wait until they do. */
int live_unsave(void *work, struct problem *problem)
{
	struct live_work *w = work;
	bool taken[LIVE_VMS_MAX] = { false };
	int ret = 0;

	for (size_t i = 0; i < w->live.n_vms; i++) {
		struct live_vm *vm = &w->live.vms[i];

		taken[i] = vm->hold >= 0;
		if (!taken[i] || vm->domain)
			continue;
		live_vm_phase(vm, "carry");
		close(vm->hold);
		vm->hold = -1;
	}
	if (w->listener >= 0)
		close(w->listener);
	w->listener = -1;
	for (size_t i = 0; i < w->live.n_vms; i++) {
		struct problem why = { "" };
		int err = taken[i] ? go_on(w, &w->live.vms[i], &why) : 0;

		if (err && !ret)
			ret = problem_set(problem, err, "%s", why.text);
	}
	return ret;
}

int live_save(void *work, struct problem *problem)
{
	struct live_work *w = work;
	int ret = listen_for_carry(w, problem);

	/* Tenants first: a PF VM that doesn't run yet is of no use to them. */
	for (size_t i = w->live.n_vms; i-- > 0 && !ret;)
		ret = save_vm(w, &w->live.vms[i], problem);
	if (ret) {
		struct problem why = { "" };

		if (live_unsave(w, &why))
			problem_prefix(problem, ret, "(%s)", why.text);
	}
	return ret;
}
