// SPDX-License-Identifier: GPL-2.0-only
/* The steps by which a domain gets another QEMU; vmm.h says what holds. */
#include <errno.h>
#include <json-c/json.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "orchestration/libpfkeep/vmm_args.h"
#include "orchestration/libpfkeep/vmm_libvirtd.h"
#include "orchestration/libpfkeep/vmm_model.h"
#include "orchestration/libpfkeep/vmm_old.h"
#include "orchestration/libpfkeep/vmm_probe.h"
#include "orchestration/libpfkeep/vmm_pty.h"
#include "orchestration/libpfkeep/vmm_spawn.h"
#include "orchestration/libpfkeep/vmm_status.h"
#include "orchestration/libpfkeep/vmm_threads.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/domain.h"
#include "pfkeep/qmp.h"
#include "pfkeep/token.h"
#include "pfkeep/virt.h"
#include "pfkeep/vmm.h"

#define CMDLINE_MAX (1u << 20)
#define PROGRAM_MAX 4096
#define STOP_MS	    10000
#define N_STD	    3

struct update {
	const struct vmm_update *how;
	struct vmm_updated *done;
	virConnectPtr conn;
	virDomainPtr dom;
	char uuid[UUID_TEXT];
	char program[PROGRAM_MAX];
	uid_t user;
	int old, new; /* pidfds */
	struct vmm_args args;
	struct vmm_pass passes[VMM_FDS_MAX + N_STD + 2];
	size_t n_passes;
	int monitor; /* our end */
	int cpr;     /* ours, too: see stage_start() */
	char main_path[PATH_MAX + 16], cpr_path[PATH_MAX + 16];
	struct vmm_pty ptys[VMM_PTYS_MAX]; /* of the new QEMU */
	size_t n_ptys;
	bool shown; /* the token */
	int keep;   /* and not to be hidden by pfkeepd: its domain runs; -1: it isn't */
	bool ends;  /* at a reset by its guest */
};

static int64_t deadline_of(const struct update *u)
{
	unsigned int s = u->how->timeout_s ? u->how->timeout_s : VMM_TIMEOUT_S;

	return qmp_now_ms() + s * 1000LL;
}

static void disconnect(struct update *u)
{
	virt_free(&u->dom);
	u->dom = NULL;
	if (u->conn)
		virConnectClose(u->conn);
	u->conn = NULL;
}

static int connect_to(struct update *u, struct problem *problem)
{
	int ret;

	disconnect(u);
	ret = virt_connect(u->how->uri, &u->conn, problem);
	return ret ? ret
		   : virt_find(u->conn, *u->uuid ? u->uuid : u->how->domain, &u->dom, problem);
}

/* The emulator of the running domain, without the mark of a file that was replaced. */
static int find_program(struct update *u, struct problem *problem)
{
	const char *program = u->how->program ? u->how->program : u->args.argv[0];

	if (snprintf(u->program, sizeof(u->program), "%s", program) >= (int)sizeof(u->program))
		return problem_set(problem, -ENAMETOOLONG, "%.60s: its emulator's path is too long",
				   u->done->domain);
	return 0;
}

static int find_process(struct update *u, struct problem *problem)
{
	char path[64];
	struct stat st;
	int state = 0, ret;

	if (virDomainGetState(u->dom, &state, NULL, 0) || state != VIR_DOMAIN_RUNNING)
		return problem_set(problem, -EINVAL, "%.60s: doesn't run", u->done->domain);
	ret = vmm_status_pid(u->how->root, u->done->domain, &u->done->old, problem);
	if (ret)
		return ret;
	u->old = (int)syscall(SYS_pidfd_open, u->done->old, 0);
	snprintf(path, sizeof(path), "/proc/%d", (int)u->done->old);
	if (u->old < 0 || stat(path, &st))
		return problem_set(problem, -errno, "%.60s: its process %d: %s", u->done->domain,
				   (int)u->done->old, strerror(errno));
	u->user = st.st_uid;
	return 0;
}

/* libvirt tells it to a QEMU that it has started: the command line doesn't show it. */
static void find_end(struct update *u)
{
	CLEANUP(cleanup_free) char *xml = virDomainGetXMLDesc(u->dom, 0);

	u->ends = xml && domain_ends_at_reboot(xml);
}

static int read_args(struct update *u, struct problem *problem)
{
	CLEANUP(cleanup_free) char *text = malloc(CMDLINE_MAX);
	CLEANUP(cleanup_file) FILE *file = NULL;
	char path[64];
	size_t len;
	int ret;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)u->done->old);
	file = fopen(path, "re");
	if (!text || !file)
		return text ? -errno : -ENOMEM;
	len = fread(text, 1, CMDLINE_MAX, file);
	ret = len == CMDLINE_MAX ? -EFBIG : vmm_args_read(text, len, &u->args, problem);
	if (!ret)
		ret = vmm_old_plugged(u->dom, &u->args, problem);
	return ret ? problem_prefix(problem, ret, "%.60s", u->done->domain) : 0;
}

static int compare(struct update *u, const struct vmm_qemu *old, const struct vmm_qemu *new,
		   struct problem *problem)
{
	snprintf(u->done->from, sizeof(u->done->from), "%s", old->text);
	snprintf(u->done->to, sizeof(u->done->to), "%s", new->text);
	if (!new->cpr_transfer)
		return problem_set(problem, -ENOTSUP, "%.160s: QEMU %s has no CPR", u->program,
				   new->text);
	if (new->version < old->version)
		return problem_set(problem, -ENOTSUP,
				   "%.160s: QEMU %s is older than the running %s", u->program,
				   new->text, old->text);
	if ((u->args.sriov && !new->sriov) || (u->args.token && !new->token))
		return problem_set(problem, -ENOTSUP, "%.160s: its vfio-pci has no %s", u->program,
				   u->args.sriov && !new->sriov ? "sriov" : "vf-token-secret");
	return 0;
}

static int stage_check(void *work, struct problem *problem)
{
	struct update *u = work;
	struct vmm_qemu old = { 0 }, new;
	struct vmm_libvirtd daemon;
	char group[PATH_MAX];
	int ret;

	if ((ret = connect_to(u, problem)))
		return ret;
	virDomainGetUUIDString(u->dom, u->uuid);
	find_end(u);
	snprintf(u->done->domain, sizeof(u->done->domain), "%s", virDomainGetName(u->dom));
	if ((ret = find_process(u, problem)) || (ret = read_args(u, problem)) ||
	    (ret = find_program(u, problem)) || (ret = vmm_old_version(u->dom, &old, problem)) ||
	    (ret = vmm_old_blockers(u->dom, problem)) ||
	    (ret = vmm_probe(u->program, u->done->old, u->old, deadline_of(u), &new, problem)) ||
	    (ret = compare(u, &old, &new, problem)))
		return ret;
	ret = vmm_libvirtd_find(u->how->root, &daemon, problem);
	if (ret)
		return ret;
	/* It would stand still with libvirtd. */
	ret = vmm_cgroup(u->done->old, group, sizeof(group));
	if (!ret && !strncmp(group, daemon.cgroup, strlen(daemon.cgroup)))
		ret = problem_set(problem, -ENOTSUP, "%.60s: runs in libvirtd's own control group",
				  u->done->domain);
	vmm_libvirtd_let_go(&daemon);
	return ret;
}

static void pass(struct update *u, int fd, int as)
{
	u->passes[u->n_passes++] = (struct vmm_pass){ fd, as };
}

/* The lowest number that no descriptor of the command line has. */
static int free_number(const struct update *u)
{
	for (int number = N_STD;; number++) {
		bool used = false;

		for (size_t i = 0; i < u->n_passes; i++)
			used |= u->passes[i].as == number;
		if (!used)
			return number;
	}
}

static int copy_fds(struct update *u, struct problem *problem)
{
	int fd, ret = 0;

	for (int i = 0; i < N_STD && !ret; i++) {
		ret = vmm_fd_of(u->old, i, &fd);
		if (!ret)
			pass(u, fd, i);
	}
	for (size_t i = 0; i < u->args.n_fds && !ret; i++) {
		const struct vmm_arg_fd *arg = &u->args.fds[i];
		int number = arg->number;

		if (arg->set >= 0)
			ret = vmm_old_set_fd(u->dom, arg->set, &number, problem);
		if (!ret)
			ret = vmm_fd_of(u->old, number, &fd);
		if (!ret)
			pass(u, fd, arg->number);
	}
	return ret && !*problem->text ? problem_set(problem, ret, "%.60s: its descriptors: %s",
						    u->done->domain, strerror(-ret))
				      : ret;
}

/* For the old QEMU to connect to, in the one directory that its user may reach. */
static int listen_for_state(struct update *u)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd;

	snprintf(u->main_path, sizeof(u->main_path), "%s/pfkeep-main", u->args.dir);
	snprintf(u->cpr_path, sizeof(u->cpr_path), "%s/pfkeep-cpr", u->args.dir);
	if (strlen(u->main_path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, u->cpr_path, strlen(u->cpr_path) + 1);
	unlink(u->cpr_path);
	unlink(u->main_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	pass(u, fd, free_number(u));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 1) ||
	    lchown(u->cpr_path, u->user, (gid_t)-1))
		return -errno;
	return 0;
}

static int undo_prepare(void *work, struct problem *problem)
{
	struct update *u = work;

	for (size_t i = 0; i < u->n_passes; i++)
		close(u->passes[i].fd);
	u->n_passes = 0;
	if (u->monitor >= 0)
		close(take_fd(&u->monitor));
	if (u->cpr >= 0)
		close(take_fd(&u->cpr));
	if (*u->cpr_path) {
		unlink(u->cpr_path);
		unlink(u->main_path);
	}
	return 0;
}

static int stage_prepare(void *work, struct problem *problem)
{
	struct update *u = work;
	int fds[2] = { -1, -1 }, monitor, ret;

	ret = copy_fds(u, problem);
	if (!ret && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		ret = -errno;
	if (!ret) {
		u->monitor = fds[0];
		monitor = free_number(u);
		pass(u, fds[1], monitor);
		ret = listen_for_state(u);
	}
	if (!ret)
		ret = vmm_args_take_over(&u->args, u->program, monitor,
					 u->passes[u->n_passes - 1].as, u->main_path);
	if (ret)
		undo_prepare(u, NULL);
	return ret;
}

/* pfkeep's token of the domain, if its command line tells of it. */
static int show_token(struct update *u, struct problem *problem)
{
	char path[TOKEN_PATH];
	int ret;

	token_qemu_path(u->uuid, path);
	for (size_t i = 0; i < u->args.n; i++)
		u->shown |= strstr(u->args.argv[i], path) != NULL;
	if (!u->shown)
		return 0;
	ret = token_show(u->how->root, u->uuid, false, u->user, NULL, problem);
	return ret ? ret : token_keep_shown(u->how->root, u->uuid, &u->keep, problem);
}

static void hide_token(struct update *u)
{
	if (u->keep >= 0)
		close(take_fd(&u->keep));
	if (u->shown)
		token_hide(u->how->root, u->uuid);
	u->shown = false;
}

static int undo_start(void *work, struct problem *problem)
{
	struct update *u = work;

	vmm_kill(u->new, STOP_MS);
	waitpid(u->done->new, NULL, WNOHANG);
	close(take_fd(&u->new));
	hide_token(u);
	return 0;
}

static int stage_start(void *work, struct problem *problem)
{
	struct update *u = work;
	int ret = show_token(u, problem);

	if (!ret)
		ret = vmm_spawn(u->done->old, u->old, u->args.argv, u->passes, u->n_passes,
				&u->done->new, &u->new, problem);
	/*
	 * Its ends of what it alone shall hold: when it dies, we hear of it. The old QEMU mustn't:
	 * on a hang-up it goes on to connect, and when that fails a QEMU 10.2 that isn't ours ends
	 * in an assertion (vfio_cpr_pci_notifier() takes back what it hasn't done yet).
	 */
	u->cpr = u->passes[--u->n_passes].fd;
	for (size_t i = 0; i < u->n_passes; i++)
		close(u->passes[i].fd);
	u->n_passes = 0;
	if (ret)
		hide_token(u);
	return ret;
}

static int note_ptys(struct update *u, struct qmp *qmp, struct problem *problem)
{
	struct json_object *list = NULL;
	int ret = qmp_command(qmp, "query-chardev", NULL, &list, problem);

	if (!ret)
		u->n_ptys = vmm_pty_list(list, u->ptys);
	json_object_put(list);
	return ret;
}

static int end_at_reboot(struct qmp *qmp, struct problem *problem)
{
	struct json_object *arguments = json_object_new_object();

	json_object_object_add(arguments, "reboot", json_object_new_string("shutdown"));
	return qmp_command(qmp, "set-action", arguments, NULL, problem);
}

static int await_guest(struct update *u, struct problem *problem)
{
	struct qmp qmp;
	int ret = qmp_open(&qmp, u->monitor, "QEMU", deadline_of(u), problem);

	if (ret)
		return ret;
	if (u->ends)
		ret = end_at_reboot(&qmp, problem);
	if (!ret)
		ret = qmp_await_running(&qmp, problem);
	if (!ret)
		ret = note_ptys(u, &qmp, problem);
	if (!ret)
		vmm_threads_place(&qmp, u->done->new);
	qmp_close(&qmp);
	return ret;
}

/*
 * The old QEMU is told before the new one ends, for the same reason; and the new one must have
 * ended before the old one's guest runs, if it has stood still already.
 */
static int take_back(struct update *u, int err, struct problem *problem)
{
	struct problem why = { "" };
	int ret;

	ret = vmm_old_cancel(u->dom, &why);
	vmm_kill(u->new, STOP_MS);
	if (!ret)
		ret = vmm_old_go_on(u->dom, STOP_MS, &why);
	/* libvirtd may have ended meanwhile. */
	if (ret && !connect_to(u, &why)) {
		vmm_old_cancel(u->dom, NULL);
		ret = vmm_old_go_on(u->dom, STOP_MS, &why);
	}
	return ret ? problem_prefix(problem, err, "%.100s, and", why.text) : err;
}

static int stage_transfer(void *work, struct problem *problem)
{
	struct update *u = work;
	int64_t start = qmp_now_ms();
	int ret;

	ret = vmm_old_migrate(u->dom, u->main_path, u->cpr_path, problem);
	/* What became of an order that was lost on its way shows in the new QEMU. */
	if (!ret || ret == -ECONNABORTED)
		ret = await_guest(u, problem);
	u->done->transfer_ms = qmp_now_ms() - start;
	if (ret)
		return take_back(u, ret, problem);
	hide_token(u);
	unlink(u->cpr_path);
	unlink(u->main_path);
	return 0;
}

/* libvirtd stands still from here until it has the new process. */
static int exchange(struct update *u, struct problem *problem)
{
	const struct vmm_status status = {
		.old = u->done->old,
		.new = u->done->new,
		.program = u->program,
		.ptys = u->ptys,
		.n_ptys = u->n_ptys,
	};
	pid_t known;
	int ret;

	ret = vmm_status_pid(u->how->root, u->done->domain, &known, problem);
	if (!ret && known != u->done->old)
		ret = problem_set(problem, -ESTALE, "libvirt has another process for it now");
	if (!ret && (ret = vmm_kill(u->old, STOP_MS)))
		problem_set(problem, ret, "the old QEMU doesn't end: %s", strerror(-ret));
	if (!ret)
		ret = vmm_status_set(u->how->root, u->done->domain, &status, problem);
	return ret;
}

static int stage_adopt(void *work, struct problem *problem)
{
	struct update *u = work;
	struct vmm_libvirtd daemon;
	int64_t start = qmp_now_ms();
	int ret;

	/* One that has just died is back when it answers; the old connection may not know of it. */
	ret = connect_to(u, problem);
	if (!ret)
		ret = vmm_libvirtd_hold(u->how->root, &daemon, problem);
	if (ret)
		return ret;
	ret = exchange(u, problem);
	if (ret)
		vmm_libvirtd_let_go(&daemon);
	else
		ret = vmm_libvirtd_renew(&daemon, problem);
	if (!ret)
		ret = connect_to(u, problem);
	u->done->libvirt_ms = qmp_now_ms() - start;
	return ret;
}

/* libvirt's monitor of the new QEMU answers, and it is ours. */
static int stage_confirm(void *work, struct problem *problem)
{
	struct update *u = work;
	struct vmm_qemu now = { 0 };
	int state = 0, ret;
	pid_t pid;

	ret = vmm_old_version(u->dom, &now, problem);
	if (!ret)
		ret = vmm_status_pid(u->how->root, u->done->domain, &pid, problem);
	if (ret)
		return ret;
	if (pid != u->done->new || virDomainGetState(u->dom, &state, NULL, 0) ||
	    state != VIR_DOMAIN_RUNNING)
		return problem_set(problem, -EIO, "libvirt didn't take process %d for it",
				   (int)u->done->new);
	return 0;
}

static const struct stage stages[] = {
	{ "check", stage_check, NULL },
	{ "prepare", stage_prepare, undo_prepare },
	{ "start", stage_start, undo_start },
	/* The guest has moved when this has ended well: nothing to go back to. */
	{ "transfer", stage_transfer, NULL },
};

static const struct stage stages_moved[] = {
	{ "adopt", stage_adopt, NULL },
	{ "confirm", stage_confirm, NULL },
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void release(struct update *u)
{
	disconnect(u);
	undo_prepare(u, NULL);
	vmm_args_release(&u->args);
	if (u->old >= 0)
		close(u->old);
	if (u->new >= 0)
		close(u->new);
}

int vmm_update(const struct vmm_update *how, struct vmm_updated *ret_updated,
	       struct problem *problem)
{
	struct update u = { .how = how,
			    .done = ret_updated,
			    .old = -1,
			    .new = -1,
			    .keep = -1,
			    .monitor = -1,
			    .cpr = -1 };
	int ret;

	*ret_updated = (struct vmm_updated){ .domain = "" };
	ret = stages_run(stages, how->dry_run ? 1 : COUNT(stages), &u, how->watch, how->watch_data,
			 problem);
	if (!ret && !how->dry_run) {
		ret = stages_run(stages_moved, COUNT(stages_moved), &u, how->watch, how->watch_data,
				 problem);
		if (ret)
			problem_prefix(problem, ret, "the guest runs in QEMU %s (process %d), but",
				       u.done->to, (int)u.done->new);
	}
	release(&u);
	return ret;
}

static bool has_functions(virDomainPtr dom)
{
	CLEANUP(cleanup_free) char *xml = virDomainGetXMLDesc(dom, 0);
	struct domain_info info;
	bool has;

	if (!xml || domain_parse(xml, strlen(xml), &info, NULL))
		return false;
	has = info.n_hostdevs;
	domain_release(&info);
	return has;
}

int vmm_list(const char *uri, char ***ret_names, size_t *ret_n, struct problem *problem)
{
	virDomainPtr *doms = NULL;
	virConnectPtr conn;
	int n, ret;

	*ret_names = NULL;
	*ret_n = 0;
	ret = virt_connect(uri, &conn, problem);
	if (ret)
		return ret;
	n = virConnectListAllDomains(conn, &doms, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
	if (n < 0)
		ret = problem_set(problem, -EIO, "%s", virGetLastErrorMessage());
	else if (!(*ret_names = calloc((size_t)n + 1, sizeof(**ret_names))))
		ret = -ENOMEM;
	for (int i = 0; i < n; i++) {
		if (!ret && has_functions(doms[i])) {
			(*ret_names)[*ret_n] = strdup(virDomainGetName(doms[i]));
			if ((*ret_names)[*ret_n])
				(*ret_n)++;
			else
				ret = -ENOMEM;
		}
		virDomainFree(doms[i]);
	}
	free(doms);
	virConnectClose(conn);
	return ret;
}
