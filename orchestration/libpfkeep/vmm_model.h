/* SPDX-License-Identifier: GPL-2.0-only */
/* What a process is to its kernel, so that another can be made to be the same. */
#ifndef LIBPFKEEP_VMM_MODEL_H
#define LIBPFKEEP_VMM_MODEL_H

#include <limits.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

#define VMM_GROUPS_MAX	64
#define VMM_LABEL_MAX	1024
#define VMM_ENVIRON_MAX 65536
#define VMM_ENV_MAX	(VMM_ENVIRON_MAX / 16)

struct vmm_model {
	uid_t uid;
	gid_t gid;
	mode_t umask;
	gid_t groups[VMM_GROUPS_MAX];
	size_t n_groups;
	unsigned long long caps; /* the bounding set */
	struct rlimit limits[RLIMIT_NLIMITS];
	char cgroup[PATH_MAX];
	char label[VMM_LABEL_MAX]; /* AppArmor's; empty: none */
	char environ[VMM_ENVIRON_MAX];
	size_t environ_len;
	char *env[VMM_ENV_MAX]; /* ended by NULL, into environ */
};

int vmm_model_read(pid_t pid, struct vmm_model *m);
/* What one QEMU says to the next by its environment, once. */
#define VMM_ENV_CPR "QEMU_CPR_"

/* Where the variables in environ are, less those. */
void vmm_model_split(struct vmm_model *m);

/* In the child. All but group and label, which come last and aren't always there. */
int vmm_model_become(const struct vmm_model *m);
int vmm_model_set_label(const struct vmm_model *m);

/* The path of a task's control group (cgroup2) below /sys/fs/cgroup. */
int vmm_cgroup(pid_t task, char *ret_path, size_t size);
int vmm_cgroup_write(const char *group, const char *file, const char *text);

#endif
