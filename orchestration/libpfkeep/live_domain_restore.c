// SPDX-License-Identifier: GPL-2.0-only
/*
 * In the new kernel, before libvirtd runs. The QEMU that starts has the old one's user and
 * groups, but no mount namespace of its own and no label; its control groups come later,
 * from pfkeep-settle.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "orchestration/libpfkeep/live_domain.h"
#include "orchestration/libpfkeep/live_machine.h"
#include "orchestration/libpfkeep/vmm_model.h"
#include "orchestration/libpfkeep/vmm_pty.h"
#include "orchestration/libpfkeep/vmm_status.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/pci.h"
#include "pfkeep/token.h"

#define LOG	  "/var/log/libvirt/qemu/%s.log"
#define KVM	  "/dev/kvm"
#define KVM_MODE  0660
#define GROUP_MAX 4096
#define ENV_EXTRA 3

/* descriptors */

int live_domain_listen(const struct live_vm *vm, const struct live_fd *fd)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	CLEANUP(cleanup_close) int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (sock < 0)
		return -errno;
	memcpy(addr.sun_path, fd->path, strlen(fd->path) + 1);
	unlink(fd->path);
	if (bind(sock, (struct sockaddr *)&addr, sizeof(addr)) || chmod(fd->path, 0600) ||
	    (vm->domain && lchown(fd->path, vm->domain->model->uid, vm->domain->model->gid)) ||
	    listen(sock, 1))
		return -errno;
	return take_fd(&sock);
}

/* tokens */

static bool names(const struct live_vm *vm, const char *text)
{
	for (int i = 0; i < vm->argc; i++)
		if (strstr(vm->argv[i], text))
			return true;
	return false;
}

/* "vfio-device-syspath:\t/sys/devices/.../0000:01:00.0" */
static int function_of(const struct root *root, int fd, struct bdf *ret_bdf)
{
	char path[64], text[ROOT_ATTR], *at;
	int ret;

	snprintf(path, sizeof(path), "proc/self/fdinfo/%d", fd);
	ret = root_read(root, path, text, sizeof(text));
	at = ret ? NULL : strstr(text, "vfio-device-syspath:");
	if (!at)
		return ret ? ret : -ENODEV;
	at[strcspn(at, "\n")] = '\0';
	at = strrchr(at, '/');
	return at && !bdf_parse(at + 1, ret_bdf) ? 0 : -ENODEV;
}

/* Its VFs are opened by it; a PF's QEMU sets its own. */
static int set_tokens(const struct root *root, const struct live_vm *vm, const struct token *token,
		      struct problem *problem)
{
	char path[PCI_ATTR_PATH];
	struct bdf bdf;
	int ret = 0;

	for (size_t i = 0; i < vm->n_fds && !ret; i++) {
		if (vm->fds[i].kind != LIVE_DEVICE)
			continue;
		ret = function_of(root, vm->fds[i].fd, &bdf);
		if (ret)
			ret = problem_set(problem, ret, "descriptor %d is no function",
					  vm->fds[i].number);
		else if (root_exists(root, pci_path(&bdf, "vfio_sriov/vf_token", path)))
			ret = token_set(root, &bdf, token, problem);
	}
	return ret;
}

static int renew_token(const struct root *root, const struct live_vm *vm, struct problem *problem)
{
	TOKEN_AUTO struct token token = { "" };
	char path[TOKEN_PATH];
	bool first;
	int ret;

	if (!names(vm, token_qemu_path(vm->domain->uuid, path)))
		return 0;
	ret = token_prepare(root, &first, problem);
	if (!ret)
		ret = token_show(root, vm->domain->uuid, true, vm->domain->model->uid, &token,
				 problem);
	return ret ? ret : set_tokens(root, vm, &token, problem);
}

void live_domain_open_kvm(void)
{
	char text[GROUP_MAX];
	struct group group, *found = NULL;

	if (!getgrnam_r("kvm", &group, text, sizeof(text), &found) && found &&
	    !chown(KVM, 0, group.gr_gid))
		chmod(KVM, KVM_MODE);
}

int live_domain_prepare(const struct root *root, struct live_vm *vm, struct problem *problem)
{
	int ret = renew_token(root, vm, problem);

	return ret ? problem_prefix(problem, ret, "%s", vm->name) : 0;
}

/* In the child. */

static int open_stdio(const char *name)
{
	char path[128];
	int null = open("/dev/null", O_RDONLY), log;

	snprintf(path, sizeof(path), LOG, name);
	log = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0600);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0)
		return -errno;
	/* Without one, ours will do. */
	if (log >= 0 && (dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0))
		return -errno;
	if (log > STDERR_FILENO)
		close(log);
	if (null > STDERR_FILENO)
		close(null);
	return 0;
}

/* iommufd counts what is locked by users, not by processes: all of a user's QEMUs at once. */
static void keep_limits(struct vmm_model *model)
{
	for (int i = 0; i < RLIMIT_NLIMITS; i++)
		getrlimit((enum __rlimit_resource)i, &model->limits[i]);
	model->limits[RLIMIT_MEMLOCK] = (struct rlimit){ RLIM_INFINITY, RLIM_INFINITY };
}

static char **make_env(const struct vmm_model *model, char *const *more)
{
	char **env = calloc(VMM_ENV_MAX + ENV_EXTRA, sizeof(*env));
	size_t n = 0;

	if (!env)
		return NULL;
	for (char *const *from = model->env; *from; from++)
		env[n++] = *from;
	while (*more)
		env[n++] = *more++;
	return env;
}

int live_domain_become(const struct live_vm *vm, char *const *argv)
{
	struct vmm_model *model = vm->domain->model;
	char cpr[64], new_kernel[] = VMM_ENV_CPR "NEW_KERNEL=1";
	char *const more[] = { cpr, new_kernel, NULL };
	char **env;
	int ret = open_stdio(vm->name);

	snprintf(cpr, sizeof(cpr), VMM_ENV_CPR "EXEC_STATE=%d", vm->cpr);
	env = make_env(model, more);
	if (ret || !env)
		return ret ? ret : -ENOMEM;
	keep_limits(model);
	ret = vmm_model_become(model);
	if (ret)
		return ret;
	execve(argv[0], argv, env);
	return -errno;
}

int live_domain_blame(const struct live_vm *vm, int err, struct problem *problem)
{
	return problem_set(problem, err, "%s: its QEMU has ended or doesn't answer; see " LOG,
			   vm->name, vm->name);
}

/* When its guest runs. */

static int end_at_reboot(struct live_qmp *qmp, struct problem *problem)
{
	struct json_object *arguments = json_object_new_object();

	json_object_object_add(arguments, "reboot", json_object_new_string("shutdown"));
	return live_qmp_call(qmp, "set-action", arguments, NULL, problem);
}

int live_domain_account(const struct root *root, struct live_vm *vm, struct live_qmp *qmp,
			struct problem *problem)
{
	struct vmm_pty ptys[VMM_PTYS_MAX];
	struct vmm_status status = { .old = vm->domain->pid,
				     .new = vm->pid,
				     .program = vm->argv[0],
				     .ptys = ptys,
				     .bare = true };
	struct json_object *list = NULL;
	int ret = vm->domain->ends ? end_at_reboot(qmp, problem) : 0;

	token_hide(root, vm->domain->uuid);
	if (!ret)
		ret = live_qmp_call(qmp, "query-chardev", NULL, &list, problem);
	if (!ret) {
		status.n_ptys = vmm_pty_list(list, ptys);
		ret = vmm_status_restore(root, vm->name, vm->domain->status, &status, problem);
	}
	/* It runs without that, too. */
	if (!ret)
		live_machine_note(root, vm, qmp, NULL);
	json_object_put(list);
	return ret ? problem_prefix(problem, ret, "%s", vm->name) : 0;
}
