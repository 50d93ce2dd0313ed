/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The directory of a lab's run: ${PFKEEP_RUN}/NAME, or run/NAME beside the
 * programs. Sockets in it are reached through its descriptor, so that the path
 * may be longer than a socket address.
 */
#ifndef LAB_RUNDIR_H
#define LAB_RUNDIR_H

#include <limits.h>
#include <stdbool.h>

#include "tests/lab/lib/spec.h"

#define RUNDIR_LOCK    "lock"	      /* held by labd as long as the lab runs */
#define RUNDIR_CTL     "ctl.sock"     /* labd's control socket */
#define RUNDIR_VERDICT "verdict.json" /* how the run ended */
#define RUNDIR_CONSOLE "console.log"  /* the lab host's serial console */
#define RUNDIR_QMP     "qmp.log"      /* all QMP traffic */
#define RUNDIR_STDERR  "qemu.stderr"
#define RUNDIR_QLOG    "qemu.log" /* CPU resets, as QEMU logs them */
#define RUNDIR_LABD    "labd.log"

struct rundir {
	int fd;
	char path[PATH_MAX];
};

/* Where the programs lie, with the labs' runs in run/ and labd beside labctl. */
int rundir_programs(char *ret_path, size_t size);
/* -ENOENT when there is no run of that name. */
int rundir_open(const char *name, struct rundir *ret_dir);
/*
 * Make the directory new and empty, and take its lock into *ret_lock_fd. An
 * earlier run's files go, unless that lab is still up: -EBUSY.
 */
int rundir_create(const char *name, struct rundir *ret_dir, int *ret_lock_fd);
void rundir_close(struct rundir *dir);
/* Does a labd hold the lock? */
bool rundir_alive(const struct rundir *dir);
/* Wait until no labd does: it, and with it QEMU, is gone. */
int rundir_wait_gone(const struct rundir *dir);

/* A connected stream socket to one of the run's sockets. */
int rundir_connect(const struct rundir *dir, const char *socket_name);
/* The whole of a small file as text (zero bytes become '?'), freed with free(). */
int rundir_read(const struct rundir *dir, const char *file, char **ret_text);

#endif
