// SPDX-License-Identifier: GPL-2.0-only
#include "orchestration/libpfkeep/vmm_model.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pfkeep/cleanup.h"

#define LAST_CAP 63

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

static int read_status(pid_t pid, struct vmm_model *m)
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
	while (m->n_groups < VMM_GROUPS_MAX && sscanf(groups, "%*[\t ]%u%n", &more, &used) == 1) {
		m->groups[m->n_groups++] = more;
		groups += used;
	}
	return 0;
}

void vmm_model_split(struct vmm_model *m)
{
	size_t n = 0;

	for (char *p = m->environ; p < m->environ + m->environ_len; p += strlen(p) + 1)
		if (n < VMM_ENV_MAX - 1 && strncmp(p, VMM_ENV_CPR, strlen(VMM_ENV_CPR)) != 0)
			m->env[n++] = p;
	m->env[n] = NULL;
}

/* AppArmor's, without " (enforce)". */
static void read_label(pid_t pid, struct vmm_model *m)
{
	if (slurp(pid, "attr/current", m->label, sizeof(m->label), NULL) ||
	    !strncmp(m->label, "unconfined", strlen("unconfined")))
		m->label[0] = '\0';
	m->label[strcspn(m->label, " \n")] = '\0';
}

int vmm_model_read(pid_t pid, struct vmm_model *m)
{
	int ret = read_status(pid, m);

	if (!ret)
		ret = slurp(pid, "environ", m->environ, sizeof(m->environ), &m->environ_len);
	if (!ret)
		ret = vmm_cgroup(pid, m->cgroup, sizeof(m->cgroup));
	for (int i = 0; i < RLIMIT_NLIMITS && !ret; i++)
		if (prlimit(pid, (enum __rlimit_resource)i, NULL, &m->limits[i]))
			ret = -errno;
	vmm_model_split(m);
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

int vmm_model_set_label(const struct vmm_model *m)
{
	CLEANUP(cleanup_close) int fd = -1;
	char text[VMM_LABEL_MAX + 8];
	int len;

	if (!*m->label)
		return 0;
	len = snprintf(text, sizeof(text), "exec %s", m->label);
	fd = open("/proc/self/attr/exec", O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, text, (size_t)len) == len ? 0 : -errno;
}

int vmm_model_become(const struct vmm_model *m)
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
	return 0;
}
