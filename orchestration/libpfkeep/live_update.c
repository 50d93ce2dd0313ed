// SPDX-License-Identifier: GPL-2.0-only
/* In the old kernel. Whatever fails, each VM's QEMU goes on: see pfkeep-carry. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "orchestration/libpfkeep/live_priv.h"
#include "pfkeep/cleanup.h"
#include "pfkeep/livereport.h"
#include "pfkeep/luo.h"

/* load */

static int stage_load(void *work, struct problem *problem)
{
	struct live_work *w = work;
	CLEANUP(cleanup_close) int kernel = open(w->how->kernel, O_RDONLY | O_CLOEXEC);
	CLEANUP(cleanup_close) int initrd = -1;
	unsigned long flags = w->how->initrd ? 0 : KEXEC_FILE_NO_INITRAMFS;
	int ret;

	if (w->how->initrd)
		initrd = open(w->how->initrd, O_RDONLY | O_CLOEXEC);
	if (kernel < 0 || (w->how->initrd && initrd < 0))
		return problem_set(problem, -errno, "kernel or initrd: %s", strerror(errno));
	if (syscall(SYS_kexec_file_load, kernel, initrd, strlen(w->cmdline) + 1, w->cmdline,
		    flags)) {
		ret = -errno;
		return problem_set(problem, ret, "kernel %s can't be loaded: %s", w->how->kernel,
				   strerror(-ret));
	}
	/* While the VMs run: before the jump, when they stand still, little is left to write. */
	sync();
	return 0;
}

static int undo_load(void *work, struct problem *problem)
{
	if (syscall(SYS_kexec_file_load, -1, -1, 0, NULL, KEXEC_FILE_UNLOAD))
		return problem_set(problem, -errno, "%s", strerror(errno));
	return 0;
}

/* preserve */

static int preserve_kind(struct live_work *w, enum live_kind kind, uint64_t *token,
			 struct problem *problem)
{
	for (size_t i = 0; i < w->live.n_vms; i++) {
		struct live_vm *vm = &w->live.vms[i];

		for (size_t k = 0; k < vm->n_fds; k++) {
			struct live_fd *fd = &vm->fds[k];
			int ret;

			if (fd->kind != kind)
				continue;
			fd->token = (*token)++;
			ret = luo_preserve(w->session, fd->token, fd->fd, problem);
			if (ret)
				return problem_prefix(problem, ret, "%s: descriptor %d", vm->name,
						      fd->number);
		}
	}
	return 0;
}

static int preserve_states(struct live_work *w, uint64_t *token, struct problem *problem)
{
	for (size_t i = 0; i < w->live.n_vms; i++) {
		struct live_vm *vm = &w->live.vms[i];
		int ret;

		vm->state_token = (*token)++;
		ret = luo_preserve(w->session, vm->state_token, vm->state, problem);
		if (ret)
			return problem_prefix(problem, ret, "%s: its state", vm->name);
	}
	return 0;
}

/* How fast the counter runs, from all the time since the start. */
static uint64_t measure_ticks(const struct live_work *w)
{
	struct timespec now;
	uint64_t us;

	clock_gettime(CLOCK_MONOTONIC_RAW, &now);
	us = (uint64_t)((now.tv_sec - w->since.tv_sec) * 1000000 +
			(now.tv_nsec - w->since.tv_nsec) / 1000);
	return us ? (live_ticks() - w->ticks) * 1000 / us : 0;
}

static int preserve_record(struct live_work *w, struct problem *problem)
{
	CLEANUP(cleanup_close) int fd = memfd_create("pfkeep-record", MFD_CLOEXEC);
	CLEANUP(cleanup_free) char *text = NULL;
	int ret;

	live_phase(&w->live, "preserve");
	ret = live_record_format(&w->live, &text);
	if (ret || fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		return problem_set(problem, ret ? ret : -EIO, "the record can't be written");
	ret = luo_preserve(w->session, LIVE_TOKEN_RECORD, fd, problem);
	return ret ? problem_prefix(problem, ret, "the record") : 0;
}

static int undo_preserve(void *work, struct problem *problem)
{
	struct live_work *w = work;

	if (w->session >= 0)
		close(w->session);
	w->session = -1;
	return 0;
}

static int stage_preserve(void *work, struct problem *problem)
{
	struct live_work *w = work;
	uint64_t token = LIVE_TOKEN_RECORD + 1;
	int ret = luo_session_create(LIVE_SESSION, &w->session, problem);

	if (!ret)
		ret = preserve_kind(w, LIVE_DEVICE, &token, problem);
	if (!ret)
		ret = preserve_kind(w, LIVE_MEMORY, &token, problem);
	if (!ret)
		ret = preserve_states(w, &token, problem);
	if (!ret)
		ret = preserve_record(w, problem);
	if (ret)
		undo_preserve(w, NULL);
	return ret;
}

/* jump */

/* What is said of it if nobody comes back. */
static int stage_jump(void *work, struct problem *problem)
{
	struct live_work *w = work;
	int ret = live_report_write(w->root, &w->live, problem);

	if (ret)
		return ret;
	sync();
	syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, NULL);
	return problem_set(problem, -errno, "the kernel doesn't jump: %s", strerror(errno));
}

static const struct stage stages[] = {
	{ "check", live_check, NULL },	    { "load", stage_load, undo_load },
	{ "save", live_save, live_unsave }, { "preserve", stage_preserve, undo_preserve },
	{ "jump", stage_jump, NULL },
};

/* The timeline, and then whoever watches. */
static void note_stage(void *data, const char *stage, enum stages_event event,
		       const struct problem *problem)
{
	struct live_work *w = data;
	char undo[24];

	w->live.ticks_per_ms = measure_ticks(w);
	switch (event) {
	case STAGES_BEGIN:
		break;
	case STAGES_FAILED:
		live_fail(&w->live, stage, problem);
		live_phase(&w->live, stage);
		break;
	case STAGES_DONE:
		live_phase(&w->live, stage);
		break;
	default:
		snprintf(undo, sizeof(undo), "undo %s", stage);
		live_phase(&w->live, undo);
	}
	if (w->how->watch)
		w->how->watch(w->how->data, stage, event, problem);
}

static void begin(struct live_work *w)
{
	struct utsname name;

	live_init(&w->live);
	w->live.result = LIVE_OPEN;
	w->live.since = (uint64_t)time(NULL);
	if (!uname(&name))
		snprintf(w->live.from, sizeof(w->live.from), "%.63s", name.release);
	live_phase(&w->live, "begin");
	w->ticks = live_ticks();
	clock_gettime(CLOCK_MONOTONIC_RAW, &w->since);
}

/* With all that the undoing had to say, and without the stage, which is told apart. */
static void take_why(struct live *live, const struct problem *problem)
{
	size_t n = strlen(live->failed);

	if (!strncmp(problem->text, live->failed, n) && !strncmp(problem->text + n, ": ", 2))
		problem_set(&live->why, 0, "%s", problem->text + n + 2);
}

int live_update(const struct root *root, const struct live_update *how, struct problem *problem)
{
	struct live_work w = { .root = root, .how = how, .listener = -1, .session = -1 };
	size_t n = how->dry_run ? 1 : sizeof(stages) / sizeof(stages[0]);
	struct problem unwritten = { "" };
	int ret;

	begin(&w);
	ret = stages_run(stages, n, &w, note_stage, &w, problem);
	if (ret)
		take_why(&w.live, problem);
	if (ret && !how->dry_run && live_report_write(root, &w.live, &unwritten))
		problem_prefix(problem, ret, "(%s)", unwritten.text);
	live_release(&w.live);
	return ret;
}
