// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pf-vm-image/appliance.h"
#include "pf-vm-image/appliance_kernel.h"
#include "pf-vm-image/edit.h"
#include "pf-vm-image/kvm.h"
#include "pf-vm-image/run.h"

#define MEMORY_MIB 768

static void show_progress(guestfs_h *g, void *data, uint64_t event, int handle, int flags,
			  const char *buf, size_t buf_len, const uint64_t *array, size_t array_len)
{
	/* proc_nr, serial, position, total */
	if (array_len >= 4)
		progress_count(data, array[2], array[3]);
}

/* The appliance's messages: its kernel's, its daemon's and the programs' in it. */
static void write_log(guestfs_h *g, void *data, uint64_t event, int handle, int flags,
		      const char *buf, size_t buf_len, const uint64_t *array, size_t array_len)
{
	int fd = open(data, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	if (fd < 0)
		return;
	if (write(fd, buf, buf_len) < 0) {
		/* A log that can't be written must not end the work. */
	}
	close(fd);
}

static void cancel(void *g)
{
	guestfs_user_cancel(g);
}

/* What the caller's environment says goes before what we find. */
static int choose_backend(struct problem *p)
{
	bool boots;
	int ret;

	setenv("LIBGUESTFS_BACKEND", "direct", 0);
	if (getenv("LIBGUESTFS_BACKEND_SETTINGS"))
		return 0;
	ret = kvm_boots(&boots, p);
	if (!ret && !boots)
		setenv("LIBGUESTFS_BACKEND_SETTINGS", "force_tcg", 1);
	return ret;
}

/*
 * What else QEMU writes for the appliance goes to $TMPDIR: where that is full, the
 * write fails in the appliance. QEMU's default is to stop it until there is room.
 */
static void fail_on_full_disk(guestfs_h *g)
{
	guestfs_config(g, "-global", "scsi-hd.werror=report");
}

static void set_up(guestfs_h *g, struct progress *pg, const char *tmpdir, const char *log)
{
	guestfs_set_error_handler(g, NULL, NULL);
	guestfs_set_memsize(g, MEMORY_MIB);
	fail_on_full_disk(g);
	guestfs_set_smp(g, sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 2 : 1);
	if (tmpdir)
		guestfs_set_tmpdir(g, tmpdir);
	if (pg)
		guestfs_set_event_callback(g, show_progress, GUESTFS_EVENT_PROGRESS, 0, pg);
	if (log)
		guestfs_set_event_callback(g, write_log, GUESTFS_EVENT_APPLIANCE, 0, (void *)log);
}

int appliance_open(struct progress *pg, const char *tmpdir, const char *log, guestfs_h **ret_g,
		   struct problem *p)
{
	guestfs_h *g;
	int ret = appliance_kernel_provide(p);

	if (!ret)
		ret = choose_backend(p);
	if (ret)
		return ret;
	g = guestfs_create();
	if (!g)
		return problem_set(p, -ENOMEM, "libguestfs: no handle");
	set_up(g, pg, tmpdir, log);
	run_on_signal(cancel, g);
	*ret_g = g;
	return 0;
}

int appliance_launch(guestfs_h *g, struct problem *p)
{
	if (!guestfs_launch(g))
		return run_interrupted() ? problem_set(p, -EINTR, "libguestfs: interrupted") : 0;
	problem_hint(p, "LIBGUESTFS_DEBUG=1 shows why");
	return edit_failed(g, "libguestfs: the appliance doesn't start", p);
}

int appliance_close(guestfs_h *g, struct problem *p)
{
	int ret = 0;

	run_on_signal(NULL, NULL);
	if (guestfs_shutdown(g))
		ret = edit_failed(g, "libguestfs: the appliance doesn't end well", p);
	guestfs_close(g);
	return ret;
}
