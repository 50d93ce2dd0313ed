// SPDX-License-Identifier: GPL-2.0-only
#include "orchestration/libpfkeep/vmm_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pfkeep/cleanup.h"

#define GROUPS_MAX  64
#define FIELD_MAX   1024
#define ENVIRON_MAX 65536
#define FD_BASE	    VMM_FD_MAX /* where ours are while theirs are put in place */
#define LAST_CAP    63

/* What the new process takes over, read before it is made. */
struct model {
	uid_t uid;
	gid_t gid;
	mode_t umask;
	gid_t groups[GROUPS_MAX];
	size_t n_groups;
	unsigned long long caps; /* the bounding set */
	struct rlimit limits[RLIMIT_NLIMITS];
	char cgroup[PATH_MAX];
	char label[FIELD_MAX];
	char environ[ENVIRON_MAX];
	char *env[ENVIRON_MAX / 16];
};

static int slurp(pid_t pid, const char *name, char *ret_text, size_t size, size_t *ret_len)
{
	CLEANUP(cleanup_close) int fd = -1;
	char path[64];
	size_t len = 0;
	ssize_t n = 1;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (len < size - 1 && (n = read(fd, ret_text + len, size - 1 - len)) > 0)
		len += (size_t)n;
	if (n)
		return n < 0 ? -errno : -EFBIG;
	ret_text[len] = '\0';
	if (ret_len)
		*ret_len = len;
	return 0;
}

static const char *field(const char *status, const char *name)
{
	const char *p = strstr(status, name);

	return p ? p + strlen(name) : "";
}

static int read_status(pid_t pid, struct model *m)
{
	char status[8192];
	const char *groups;
	unsigned int uid, gid, mask, more;
	int used, ret;

	ret = slurp(pid, "status", status, sizeof(status), NULL);
	if (ret)
		return ret;
	if (sscanf(field(status, "\nUid:"), "%u", &uid) != 1 ||
	    sscanf(field(status, "\nGid:"), "%u", &gid) != 1 ||
	    sscanf(field(status, "\nUmask:"), "%o", &mask) != 1 ||
	    sscanf(field(status, "\nCapBnd:"), "%llx", &m->caps) != 1)
		return -EBADMSG;
	m->uid = uid;
	m->gid = gid;
	m->umask = mask;
	groups = field(status, "\nGroups:");
	while (m->n_groups < GROUPS_MAX && sscanf(groups, "%*[\t ]%u%n", &more, &used) == 1) {
		m->groups[m->n_groups++] = more;
		groups += used;
	}
	return 0;
}

static int read_environ(pid_t pid, struct model *m)
{
	size_t len = 0, n = 0;
	int ret = slurp(pid, "environ", m->environ, sizeof(m->environ), &len);

	for (char *p = m->environ; !ret && p < m->environ + len; p += strlen(p) + 1)
		if (n < sizeof(m->env) / sizeof(m->env[0]) - 1)
			m->env[n++] = p;
	m->env[n] = NULL;
	return ret;
}

/* AppArmor's, without " (enforce)"; empty when there is none. */
static void read_label(pid_t pid, struct model *m)
{
	if (slurp(pid, "attr/current", m->label, sizeof(m->label), NULL) ||
	    !strncmp(m->label, "unconfined", strlen("unconfined")))
		m->label[0] = '\0';
	m->label[strcspn(m->label, " \n")] = '\0';
}

static int read_model(pid_t pid, struct model *m)
{
	int ret = read_status(pid, m);

	if (!ret)
		ret = read_environ(pid, m);
	if (!ret)
		ret = vmm_cgroup(pid, m->cgroup, sizeof(m->cgroup));
	for (int i = 0; i < RLIMIT_NLIMITS && !ret; i++)
		if (prlimit(pid, (enum __rlimit_resource)i, NULL, &m->limits[i]))
			ret = -errno;
	read_label(pid, m);
	return ret;
}

int vmm_cgroup(pid_t task, char *ret_path, size_t size)
{
	char text[PATH_MAX + 64], *line;
	int ret = slurp(task, "cgroup", text, sizeof(text), NULL);

	if (ret)
		return ret;
	line = strstr(text, "0::/");
	if (!line)
		return -ENOTSUP;
	line += strlen("0::");
	line[strcspn(line, "\n")] = '\0';
	return snprintf(ret_path, size, "%s", line) < (int)size ? 0 : -ENAMETOOLONG;
}

int vmm_cgroup_write(const char *group, const char *file, const char *text)
{
	CLEANUP(cleanup_close) int fd = -1;
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "/sys/fs/cgroup%s/%s", group, file) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -errno;
}

int vmm_fd_of(int pidfd, int fd, int *ret_fd)
{
	*ret_fd = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	return *ret_fd < 0 ? -errno : 0;
}

static int place(const struct vmm_pass *passes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fcntl(passes[i].fd, F_DUPFD, FD_BASE + (int)i) != FD_BASE + (int)i)
			return -EMFILE;
	for (size_t i = 0; i < n; i++)
		if (dup2(FD_BASE + (int)i, passes[i].as) < 0)
			return -errno;
	return close_range(FD_BASE, FD_BASE + (unsigned int)n, CLOSE_RANGE_UNSHARE) ? -errno : 0;
}

static int set_label(const char *label)
{
	CLEANUP(cleanup_close) int fd = -1;
	char text[FIELD_MAX + 8];
	int len;

	if (!*label)
		return 0;
	len = snprintf(text, sizeof(text), "exec %s", label);
	fd = open("/proc/self/attr/exec", O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, text, (size_t)len) == len ? 0 : -errno;
}

static int become(const struct model *m)
{
	for (int i = 0; i < RLIMIT_NLIMITS; i++)
		if (setrlimit((enum __rlimit_resource)i, &m->limits[i]))
			return -errno;
	for (int cap = 0; cap <= LAST_CAP; cap++)
		if (!(m->caps >> cap & 1) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) &&
		    errno != EINVAL)
			return -errno;
	umask(m->umask);
	if (setgroups(m->n_groups, m->groups) || setresgid(m->gid, m->gid, m->gid) ||
	    setresuid(m->uid, m->uid, m->uid))
		return -errno;
	return set_label(m->label);
}

/* In the child; its errno goes to the parent, on a pipe that exec closes. */
static int turn_into(const struct model *m, int pidfd, char *const *argv,
		     const struct vmm_pass *passes, size_t n)
{
	int ret = vmm_cgroup_write(m->cgroup, "cgroup.procs", "0");

	if (ret)
		return ret;
	setsid();
	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	if (setns(pidfd, CLONE_NEWNS) || chdir("/") || close_range(3, ~0U, CLOSE_RANGE_CLOEXEC))
		return -errno;
	ret = place(passes, n);
	if (!ret)
		ret = become(m);
	if (ret)
		return ret;
	execve(argv[0], argv, m->env);
	return -errno;
}

/* 0 when exec has closed the pipe. */
static int outcome(int fd)
{
	int err = 0;
	ssize_t n = read(fd, &err, sizeof(err));

	return n == (ssize_t)sizeof(err) ? err : n ? -EIO : 0;
}

static int start(const struct model *m, int pidfd, char *const *argv, const struct vmm_pass *passes,
		 size_t n, pid_t *ret_pid, int *ret_pidfd)
{
	CLEANUP(cleanup_close) int in = -1;
	int fds[2], out, ret;
	pid_t pid;

	/* Above all that the program gets. */
	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	in = fds[0];
	out = fcntl(fds[1], F_DUPFD_CLOEXEC, FD_BASE + (int)n + 1);
	close(fds[1]);
	if (out < 0)
		return -errno;
	pid = fork();
	if (!pid) {
		ret = turn_into(m, pidfd, argv, passes, n);
		_exit(write(out, &ret, sizeof(ret)) == (ssize_t)sizeof(ret) ? 127 : 126);
	}
	ret = pid < 0 ? -errno : 0;
	close(out);
	if (ret)
		return ret;
	*ret_pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	ret = *ret_pidfd < 0 ? -errno : outcome(in);
	if (ret) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		if (*ret_pidfd >= 0)
			close(take_fd(ret_pidfd));
		return ret;
	}
	*ret_pid = pid;
	return 0;
}

int vmm_spawn(pid_t like, int pidfd, char *const *argv, const struct vmm_pass *passes, size_t n,
	      pid_t *ret_pid, int *ret_pidfd, struct problem *problem)
{
	CLEANUP(cleanup_free) struct model *m = calloc(1, sizeof(*m));
	int ret = m ? read_model(like, m) : -ENOMEM;

	*ret_pidfd = -1;
	/* Still the process that the pidfd names, and not another with its number. */
	if (!ret && syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0))
		ret = -errno;
	if (ret)
		return problem_set(problem, ret, "process %d can't be looked at: %s", (int)like,
				   strerror(-ret));
	ret = start(m, pidfd, argv, passes, n, ret_pid, ret_pidfd);
	return ret ? problem_set(problem, ret, "%s can't be started: %s", argv[0], strerror(-ret))
		   : 0;
}

int vmm_kill(int pidfd, int timeout_ms)
{
	struct pollfd pfd = { .fd = pidfd, .events = POLLIN };
	int ret;

	if (syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) && errno != ESRCH)
		return -errno;
	ret = poll(&pfd, 1, timeout_ms);
	return ret < 0 ? -errno : ret ? 0 : -ETIMEDOUT;
}
