/* SPDX-License-Identifier: GPL-2.0-only */
/* The threads of a QEMU that libvirt puts into control groups of their own. */
#ifndef LIBPFKEEP_VMM_THREADS_H
#define LIBPFKEEP_VMM_THREADS_H

#include <json-c/json_object.h>
#include <stddef.h>
#include <sys/types.h>

#define VMM_THREADS_MAX 1024

struct qmp;

struct vmm_threads {
	struct vmm_thread {
		char part[24]; /* as libvirt calls its group: vcpu0, iothread1 */
		pid_t tid;
	} of[VMM_THREADS_MAX];
	size_t n;
};

/* What query-cpus-fast and query-iothreads answer; what isn't as it should be is left out. */
void vmm_threads_list(struct json_object *cpus, struct json_object *iothreads,
		      struct vmm_threads *ret_threads);

/*
 * Of a QEMU that was started in one of these groups, which all of its threads are in: those
 * that have one of their own, beside that, go there.
 */
void vmm_threads_place(struct qmp *qmp, pid_t pid);

#endif
