// SPDX-License-Identifier: GPL-2.0-only
/* Before anything is touched: can the host do it, can each VM be carried? */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "orchestration/libpfkeep/initrd.h"
#include "orchestration/libpfkeep/kernelimage.h"
#include "orchestration/libpfkeep/live_cmdline.h"
#include "orchestration/libpfkeep/live_domain.h"
#include "orchestration/libpfkeep/live_early.h"
#include "orchestration/libpfkeep/live_priv.h"
#include "orchestration/libpfkeep/vmm_probe.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/luo.h"
#include "pfkeep/qmp.h"

#define RESTORE_WANTED "etc/systemd/system/sysinit.target.wants/pfkeep-restore.service"
#define PROBE_MS       30000

static int blocked(struct live_qmp *qmp, const struct live_vm *vm, struct problem *problem)
{
	struct json_object *info = NULL, *reasons;
	int ret = live_qmp_call(qmp, "query-migrate", NULL, &info, problem);

	if (!ret && json_object_object_get_ex(info, "blocked-reasons", &reasons) &&
	    json_object_array_length(reasons))
		ret = problem_set(problem, -EOPNOTSUPP, "%s: %s", vm->name,
				  json_object_get_string(json_object_array_get_idx(reasons, 0)));
	json_object_put(info);
	return ret;
}

static struct json_object *text_list(const char *const *texts, int n)
{
	struct json_object *list = json_object_new_array();

	for (int i = 0; i < n; i++)
		json_object_array_add(list, json_object_new_string(texts[i]));
	return list;
}

void live_state_path(const struct live_vm *vm, char *ret_path, size_t size)
{
	snprintf(ret_path, size, LIVE_RUN "/%s.state", vm->name);
}

int live_set_mode(struct live_qmp *qmp, const struct live_work *w, const struct live_vm *vm,
		  const char *mode, struct problem *problem)
{
	struct json_object *args = json_object_new_object(), *list;
	char state[128];
	const char *const carry[] = { w->how->carry, LIVE_CARRY, state };

	live_state_path(vm, state, sizeof(state));
	list = text_list(carry, 3);
	for (int i = 0; i < vm->argc; i++)
		json_object_array_add(list, json_object_new_string(vm->argv[i]));
	json_object_object_add(args, "mode", json_object_new_string(mode));
	json_object_object_add(args, "cpr-exec-command", list);
	return live_qmp_call(qmp, "migrate-set-parameters", args, NULL, problem);
}

int live_is_running(struct live_qmp *qmp, const struct live_vm *vm, struct problem *problem)
{
	struct json_object *status = NULL, *running = NULL;
	int ret = live_qmp_call(qmp, "query-status", NULL, &status, problem);

	if (!ret && (!json_object_object_get_ex(status, "running", &running) ||
		     !json_object_get_boolean(running)))
		ret = problem_set(problem, -EOPNOTSUPP, "%s: it doesn't run", vm->name);
	json_object_put(status);
	return ret;
}

/*
 * The next kernel starts it anew: another QEMU would find nothing of its state there, and
 * that would show when there is no way back.
 */
static int check_program(const struct live *live, size_t i, struct problem *problem)
{
	const struct live_vm *vm = &live->vms[i];
	CLEANUP(cleanup_close) int pidfd = -1;
	struct vmm_qemu qemu;
	int ret;

	for (size_t k = 0; k < i; k++)
		if (!strcmp(live->vms[k].argv[0], vm->argv[0]))
			return 0;
	pidfd = (int)syscall(SYS_pidfd_open, vm->pid, 0);
	if (pidfd < 0)
		return problem_set(problem, -errno, "%s: process %d: %s", vm->name, vm->pid,
				   strerror(errno));
	ret = vmm_probe(vm->argv[0], vm->pid, pidfd, qmp_now_ms() + PROBE_MS, &qemu, problem);
	if (ret)
		return problem_prefix(problem, ret, "%s", vm->name);
	if (!qemu.sriov)
		return problem_set(problem, -EOPNOTSUPP,
				   "%s: %.160s isn't pfkeep's QEMU: it can't go on in another "
				   "kernel",
				   vm->name, vm->argv[0]);
	return 0;
}

static int check_vm(const struct live_work *w, struct live_vm *vm, struct problem *problem)
{
	struct live_qmp *qmp;
	int ret;

	if (vm->domain)
		return live_domain_check(w, vm, problem);
	ret = live_qmp_open(vm->qmp, LIVE_QMP_MS, &qmp, problem);
	if (ret)
		return problem_prefix(problem, ret, "%s", vm->name);
	ret = live_is_running(qmp, vm, problem);
	if (!ret)
		ret = live_set_mode(qmp, w, vm, "cpr-exec", problem);
	if (!ret) {
		ret = blocked(qmp, vm, problem);
		if (ret)
			live_set_mode(qmp, w, vm, "normal", NULL);
		else
			ret = live_set_mode(qmp, w, vm, "normal", problem);
	}
	live_qmp_close(qmp);
	return ret;
}

/* What the next kernel is told, of which it takes no more than max letters. */
static int check_cmdline(struct live_work *w, size_t max, struct problem *problem)
{
	const char *append = w->how->append ? w->how->append : "";
	char now[LIVE_CMDLINE + 1];
	bool early;
	int ret = root_read(w->root, "proc/cmdline", now, sizeof(now));

	if (ret)
		return problem_set(problem, ret, "/proc/cmdline: %s", strerror(-ret));
	if (max > LIVE_CMDLINE)
		max = LIVE_CMDLINE;
	ret = live_early(w->root, &w->live, &early, problem);
	if (ret)
		return ret;
	live_early_strip(now);
	if (snprintf(w->cmdline, sizeof(w->cmdline), "%s%s%s%s", now, early ? "" : " " LIVE_LATE,
		     *append ? " " : "", append) > (int)max)
		return problem_set(problem, -E2BIG,
				   "the next kernel's command line is longer than the %zu that it "
				   "takes",
				   max);
	return live_cmdline_check(w->cmdline, problem);
}

/* Something in the next kernel must start the VMs. */
static int check_restore(const struct live_work *w, struct problem *problem)
{
	struct initrd initrd = { 0 };
	int ret = w->how->initrd ? initrd_check(w->how->initrd, &initrd, problem) : 0;

	if (ret || initrd.restore || root_exists(w->root, RESTORE_WANTED))
		return ret;
	return problem_set(problem, -ENOENT,
			   "nothing would start the VMs in the next kernel: pfkeep-restore is "
			   "neither in %s nor enabled on this host",
			   w->how->initrd ? w->how->initrd : "an initrd");
}

static int check_file(const char *path, const char *what, int mode, struct problem *problem)
{
	struct stat st;

	if (access(path, mode) || stat(path, &st))
		return problem_set(problem, -errno, "%s %s: %s", what, path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return problem_set(problem, -EINVAL, "%s %s: no file", what, path);
	return 0;
}

int live_check(void *work, struct problem *problem)
{
	struct live_work *w = work;
	struct kernelimage image;
	int ret = kernelimage_check(w->root, w->how->kernel, &image, problem);

	if (!ret)
		ret = check_restore(w, problem);
	if (!ret)
		ret = check_file(w->how->carry, "program", X_OK, problem);
	if (!ret && access(LUO_DEVICE, R_OK | W_OK))
		ret = problem_set(problem, -errno,
				  LUO_DEVICE ": %s: the running kernel needs the live-update "
					     "series, and liveupdate=on kho=on",
				  strerror(errno));
	if (!ret)
		ret = live_find(w->root, &w->live, problem);
	if (!ret)
		ret = check_cmdline(w, image.cmdline_max, problem);
	if (!ret)
		ret = live_check_devices(w->root, &w->live, problem);
	for (size_t i = 0; i < w->live.n_vms && !ret; i++) {
		ret = check_program(&w->live, i, problem);
		if (!ret)
			ret = check_vm(w, &w->live.vms[i], problem);
	}
	return ret;
}
