// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "orchestration/libpfkeep/live_domain.h"
#include "orchestration/libpfkeep/live_machine.h"
#include "orchestration/libpfkeep/live_take.h"
#include "orchestration/libpfkeep/vmm_args.h"
#include "orchestration/libpfkeep/vmm_model.h"
#include "orchestration/libpfkeep/vmm_old.h"
#include "orchestration/libpfkeep/vmm_spawn.h"
#include "orchestration/libpfkeep/vmm_status.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/domain.h"
#include "pfkeep/qmp.h"
#include "pfkeep/virt.h"

#define TAKE_MS	   60000
#define RESUME_MS  60000
#define MONITOR_ID "id=charmonitor,"

struct access {
	virConnectPtr conn;
	virDomainPtr dom;
};

static void leave(struct access *a)
{
	virt_free(&a->dom);
	if (a->conn)
		virConnectClose(a->conn);
}

static int reach(const struct live_work *w, const struct live_vm *vm, struct access *a,
		 struct problem *problem)
{
	int ret;

	*a = (struct access){ 0 };
	ret = virt_connect(w->how->uri, &a->conn, problem);
	if (!ret)
		ret = virt_find(a->conn, *vm->domain->uuid ? vm->domain->uuid : vm->name, &a->dom,
				problem);
	return ret;
}

/* check */

static int check_process(const struct live_work *w, const struct live_vm *vm, struct access *a,
			 struct problem *problem)
{
	int state = 0;
	pid_t pid;
	int ret = vmm_status_pid(w->root, vm->name, &pid, problem);

	if (ret)
		return ret;
	if (pid != vm->pid)
		return problem_set(problem, -ESTALE, "libvirt has process %d for it, not %d",
				   (int)pid, (int)vm->pid);
	if (virDomainGetState(a->dom, &state, NULL, 0) || state != VIR_DOMAIN_RUNNING)
		return problem_set(problem, -EOPNOTSUPP, "it doesn't run");
	return 0;
}

static void note_domain(struct live_vm *vm, virDomainPtr dom)
{
	CLEANUP(cleanup_free) char *xml = virDomainGetXMLDesc(dom, 0);

	virDomainGetUUIDString(dom, vm->domain->uuid);
	vm->domain->pid = vm->pid;
	vm->domain->ends = xml && domain_ends_at_reboot(xml);
}

/* What was plugged in or out; and VFIO as the next kernel gives it. */
static int renew_args(struct live_vm *vm, virDomainPtr dom, struct problem *problem)
{
	int ret;

	live_domain_lend_args(vm);
	ret = vmm_old_plugged(dom, vm->domain->args, problem);
	if (!ret)
		ret = vmm_args_use_iommufd(vm->domain->args, LIVE_IOMMUFD);
	live_domain_take_args(vm);
	return ret;
}

int live_domain_check(const struct live_work *w, struct live_vm *vm, struct problem *problem)
{
	struct access a;
	int ret = reach(w, vm, &a, problem);

	if (!ret)
		ret = check_process(w, vm, &a, problem);
	if (!ret) {
		note_domain(vm, a.dom);
		ret = renew_args(vm, a.dom, problem);
	}
	if (!ret)
		ret = vmm_old_blockers(a.dom, problem);
	leave(&a);
	return ret ? problem_prefix(problem, ret, "%s", vm->name) : 0;
}

/* save: descriptors of the command line */

static int path_of_socket(int fd, char *ret_path, size_t size)
{
	struct sockaddr_un addr = { 0 };
	socklen_t len = sizeof(addr);
	int listens = 0;
	socklen_t size_of = sizeof(listens);

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size_of) || !listens ||
	    getsockname(fd, (struct sockaddr *)&addr, &len) || addr.sun_family != AF_UNIX ||
	    addr.sun_path[0] != '/')
		return -EOPNOTSUPP;
	snprintf(ret_path, size, "%.*s", (int)sizeof(addr.sun_path), addr.sun_path);
	return 0;
}

static int path_of_file(int fd, char *ret_path, size_t size)
{
	char link[64];
	struct stat st;
	ssize_t len;

	if (fstat(fd, &st) || (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode)))
		return -EOPNOTSUPP;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, ret_path, size - 1);
	if (len <= 0 || ret_path[0] != '/')
		return -EOPNOTSUPP;
	ret_path[len] = '\0';
	return access(ret_path, F_OK) ? -EOPNOTSUPP : 0;
}

static int note_fd(struct live_vm *vm, int number, int fd)
{
	struct live_fd *to = &vm->fds[vm->n_fds];
	char path[PATH_MAX];
	int ret = path_of_socket(fd, path, sizeof(path));

	*to = (struct live_fd){ .number = number, .kind = LIVE_LISTEN, .fd = -1 };
	if (ret) {
		ret = path_of_file(fd, path, sizeof(path));
		to->kind = LIVE_FILE;
		to->flags = fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND);
	}
	if (ret)
		return ret;
	to->path = strdup(path);
	if (!to->path)
		return -ENOMEM;
	vm->n_fds++;
	return 0;
}

static int note_fds(struct live_vm *vm, virDomainPtr dom, int pidfd, struct problem *problem)
{
	const struct vmm_args *args = vm->domain->args;
	int ret = 0;

	for (size_t i = 0; i < args->n_fds && !ret; i++) {
		CLEANUP(cleanup_close) int fd = -1;
		int number = args->fds[i].number;

		if (args->fds[i].set >= 0)
			ret = vmm_old_set_fd(dom, args->fds[i].set, &number, problem);
		if (!ret)
			ret = vmm_fd_of(pidfd, number, &fd);
		if (!ret)
			ret = note_fd(vm, args->fds[i].number, fd);
		if (ret && !*problem->text)
			problem_set(problem, ret, "its descriptor %d: %s", args->fds[i].number,
				    ret == -EOPNOTSUPP ? "is of a kind that can't be carried"
						       : strerror(-ret));
	}
	return ret;
}

/* "socket,id=charmonitor,fd=32,...": that number; -1 in any other word. */
static long monitor_number(const char *word)
{
	const char *at = strstr(word, MONITOR_ID);
	const char *fd = at ? strstr(at, "fd=") : NULL;

	return fd ? strtol(fd + 3, NULL, 10) : -1;
}

static int find_monitor(struct live_vm *vm, struct problem *problem)
{
	for (char **arg = vm->argv; *arg; arg++) {
		long number = monitor_number(*arg);

		for (size_t i = 0; number >= 0 && i < vm->n_fds; i++) {
			const struct live_fd *fd = &vm->fds[i];

			if (fd->kind != LIVE_LISTEN || fd->number != number)
				continue;
			if (snprintf(vm->qmp, sizeof(vm->qmp), "%s", fd->path) <
			    (int)sizeof(vm->qmp))
				return 0;
		}
	}
	return problem_set(problem, -EOPNOTSUPP, "its monitor isn't as libvirt makes it");
}

static int note_process(const struct live_work *w, struct live_vm *vm, virDomainPtr dom,
			struct problem *problem)
{
	CLEANUP(cleanup_close) int pidfd = (int)syscall(SYS_pidfd_open, vm->pid, 0);
	struct live_domain *d = vm->domain;
	int ret;

	vm->fds = calloc(LIVE_FDS_MAX, sizeof(*vm->fds));
	d->model = calloc(1, sizeof(*d->model));
	if (!vm->fds || !d->model || pidfd < 0)
		return problem_set(problem, -ENOMEM, "its process is gone");
	ret = vmm_model_read(vm->pid, d->model);
	if (ret)
		return problem_set(problem, ret, "its process: %s", strerror(-ret));
	ret = note_fds(vm, dom, pidfd, problem);
	if (!ret)
		ret = find_monitor(vm, problem);
	if (!ret)
		ret = vmm_status_read(w->root, vm->name, &d->status, problem);
	if (!ret && (ret = live_machine_save(w->root, d->model->cgroup, &d->machine)))
		problem_set(problem, ret, "its control groups can't be read: %s", strerror(-ret));
	return ret;
}

/* What QEMU says of a transfer that broke off. */
static int explain(virDomainPtr dom, int err, struct problem *problem)
{
	struct json_object *info = NULL, *why;

	if (!vmm_old_command(dom, "query-migrate", NULL, &info, NULL) &&
	    json_object_object_get_ex(info, "error-desc", &why))
		problem_prefix(problem, err, "%.200s", json_object_get_string(why));
	json_object_put(info);
	return err;
}

static int take(struct live_vm *vm, virDomainPtr dom, struct problem *problem)
{
	struct live_take take;
	int ret = live_take_listen(&take, vm->domain->args->dir, vm->domain->model->uid,
				   qmp_now_ms() + TAKE_MS, problem);

	if (!ret) {
		live_vm_phase(vm, "order");
		live_vm_phase(vm, LIVE_VM_STOP);
		ret = vmm_old_migrate(dom, take.main_path, take.cpr_path, problem);
	}
	if (!ret)
		ret = live_take_fds(&take, vm, problem);
	if (!ret)
		ret = live_take_state(&take, vm, problem);
	if (ret)
		explain(dom, ret, problem);
	live_take_end(&take);
	return ret;
}

int live_domain_save(const struct live_work *w, struct live_vm *vm, struct problem *problem)
{
	struct problem why = { "" };
	struct access a;
	bool asked = false;
	int ret = reach(w, vm, &a, problem);

	if (!ret)
		ret = note_process(w, vm, a.dom, problem);
	if (!ret) {
		asked = true;
		ret = take(vm, a.dom, problem);
	}
	leave(&a);
	if (!ret)
		live_vm_phase(vm, "save");
	else if (asked && live_domain_go_on(w, vm, &why))
		problem_prefix(problem, ret, "(%s)", why.text);
	return ret ? problem_prefix(problem, ret, "%s", vm->name) : 0;
}

int live_domain_go_on(const struct live_work *w, struct live_vm *vm, struct problem *problem)
{
	struct access a;
	int ret = reach(w, vm, &a, problem);

	live_vm_phase(vm, "carry");
	/* Told before our end closes, it doesn't take that for an error of the other's. */
	if (!ret)
		vmm_old_cancel(a.dom, NULL);
	if (vm->hold >= 0)
		close(take_fd(&vm->hold));
	if (!ret)
		ret = vmm_old_go_on(a.dom, RESUME_MS, problem);
	leave(&a);
	live_vm_phase(vm, LIVE_VM_RESUME);
	return ret ? problem_prefix(problem, ret, "%s", vm->name) : 0;
}
