// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "tests/lab/labd/labd.h"
#include "tests/lab/labd/log.h"
#include "tests/lab/labd/machine.h"
#include "tests/lab/lib/signature.h"

/* How long QEMU may take to quit when it is asked to. */
#define EVENTS_QUIT_MS 5000
/* As much of each log's end as is searched for the cause of an end. */
#define EVENTS_TAIL (512 << 10)

static void publish(struct labd *labd, const char *name, json_object *event)
{
	json_object_object_add(event, "event", json_object_new_string(name));
	ctl_publish(&labd->ctl, event);
	json_object_put(event);
}

/* QEMU has opened its disks: without names they vanish with it. */
void events_greeted(void *data)
{
	struct labd *labd = data;
	char name[32];

	labd->greeted = true;
	for (unsigned int pf = 0; pf < labd->spec.n_pfs; pf++) {
		for (unsigned int ns = 1; ns <= MACHINE_NVME_NS; ns++) {
			snprintf(name, sizeof(name), "nvme.%u.%u.img", pf, ns);
			unlinkat(labd->dir.fd, name, 0);
		}
	}
	report_progress(labd, "the lab host boots");
}

void events_qmp(void *data, const char *name, json_object *detail)
{
	struct labd *labd = data;
	const char *reason;

	if (strcmp(name, "SHUTDOWN") == 0) {
		reason = jsonline_string(detail, "reason", "");
		snprintf(labd->reason, sizeof(labd->reason), "%s", reason);
	}
	if (strcmp(name, "SHUTDOWN") == 0 || strcmp(name, "RESET") == 0 ||
	    strcmp(name, "GUEST_PANICKED") == 0)
		log_line("QEMU: %s %s", name, detail ? json_object_to_json_string(detail) : "");
}

void events_console_line(void *data, const char *line)
{
	struct labd *labd = data;
	const struct signature *sig;
	json_object *event;
	const char *p;
	char text[200];

	sig = signature_find(line, &p);
	if (!sig)
		return;
	labd->oopses += sig->class != SIGNATURE_STALL;
	signature_copy_line(p, text, sizeof(text));
	log_line("console: %s: %s", sig->name, text);
	event = json_object_new_object();
	json_object_object_add(event, "signature", json_object_new_string(sig->name));
	json_object_object_add(event, "text", json_object_new_string(text));
	publish(labd, "console", event);
}

static void guest_ready(struct labd *labd, const struct guest_boot *boot)
{
	char text[128];

	if (labd->report.fd < 0)
		return;
	if (boot->ready_status == 0) {
		loop_timer_arm(&labd->timer, 0);
		report_done(labd, NULL);
		return;
	}
	snprintf(text, sizeof(text), "the lab host's libvirt does not answer (status %d)",
		 boot->ready_status);
	report_done(labd, text);
	labd_stop(labd);
}

void events_guest(void *data, const char *name)
{
	struct labd *labd = data;
	struct guest_boot *boot = guest_current(&labd->guest);
	json_object *event = json_object_new_object();

	log_line("lab host: %s (boot %u, %s)", name, labd->guest.n_boots,
		 boot ? boot->release : "none");
	json_object_object_add(event, "n_boots", json_object_new_int((int)labd->guest.n_boots));
	if (boot) {
		json_object_object_add(event, "boot_id", json_object_new_string(boot->boot_id));
		json_object_object_add(event, "release", json_object_new_string(boot->release));
	}
	if (strcmp(name, "ready") == 0 && boot)
		json_object_object_add(event, "status", json_object_new_int(boot->ready_status));
	publish(labd, name, event);
	if (strcmp(name, "boot") == 0)
		relay_booted(&labd->relay);
	if (strcmp(name, "boot") == 0 && labd->report.fd >= 0)
		report_progress(labd, "its agent answers, waiting for libvirt");
	if (strcmp(name, "ready") == 0 && boot)
		guest_ready(labd, boot);
}

/* The end of a log, terminated, in buf. */
static const char *log_tail(struct labd *labd, const char *name, char *buf, size_t size)
{
	int fd = openat(labd->dir.fd, name, O_RDONLY | O_CLOEXEC);
	off_t end = fd < 0 ? 0 : lseek(fd, 0, SEEK_END), from;
	ssize_t n = 0;

	from = end > (off_t)size - 1 ? end - ((off_t)size - 1) : 0;
	if (fd >= 0) {
		n = pread(fd, buf, size - 1, from);
		close(fd);
	}
	n = n < 0 ? 0 : n;
	/* A zero byte (a broken serial line) must not hide what follows. */
	for (ssize_t i = 0; i < n; i++)
		if (!buf[i])
			buf[i] = '?';
	buf[n] = '\0';
	return buf;
}

static void write_verdict(struct labd *labd, const struct verdict *verdict)
{
	json_object *object = json_object_new_object();
	char path[64];
	int fd;

	json_object_object_add(object, "verdict",
			       json_object_new_string(verdict_kind_name(verdict->kind)));
	json_object_object_add(object, "signature", json_object_new_string(verdict->signature));
	json_object_object_add(object, "text", json_object_new_string(verdict->text));
	json_object_object_add(object, "qemu_status", json_object_new_int(labd->qemu.wait_status));
	json_object_object_add(object, "shutdown_reason", json_object_new_string(labd->reason));
	json_object_object_add(object, "n_boots", json_object_new_int((int)labd->guest.n_boots));
	fd = openat(labd->dir.fd, RUNDIR_VERDICT ".part", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
		    0644);
	if (fd >= 0) {
		json_object_to_fd(fd, object, JSON_C_TO_STRING_PRETTY);
		close(fd);
		snprintf(path, sizeof(path), "%s.part", RUNDIR_VERDICT);
		renameat(labd->dir.fd, path, labd->dir.fd, RUNDIR_VERDICT);
	}
	publish(labd, "gone", object);
}

void events_not_started(struct labd *labd, const char *why)
{
	struct verdict verdict = { .kind = VERDICT_START, .signature = "none" };

	snprintf(verdict.text, sizeof(verdict.text), "%s", why);
	write_verdict(labd, &verdict);
}

void events_qemu_exited(void *data)
{
	static char console[EVENTS_TAIL], stderr_text[EVENTS_TAIL], qlog[EVENTS_TAIL];
	struct labd *labd = data;
	struct verdict verdict;
	struct evidence ev = {
		.requested = labd->requested,
		.greeted = labd->greeted,
		.timed_out = labd->timed_out,
		.wait_status = labd->qemu.wait_status,
		.reason = labd->reason[0] ? labd->reason : NULL,
		.console = log_tail(labd, RUNDIR_CONSOLE, console, sizeof(console)),
		.qemu_stderr = log_tail(labd, RUNDIR_STDERR, stderr_text, sizeof(stderr_text)),
		.qemu_log = log_tail(labd, RUNDIR_QLOG, qlog, sizeof(qlog)),
	};

	verdict_judge(&ev, &verdict);
	log_line("QEMU ended (status 0x%x): %s: %s", (unsigned int)labd->qemu.wait_status,
		 verdict_kind_name(verdict.kind), verdict.text);
	write_verdict(labd, &verdict);
	report_done(labd, verdict.text);
	labd->loop.stop = true;
}

void labd_stop(struct labd *labd)
{
	if (labd->stopping)
		return;
	labd->stopping = true;
	loop_timer_arm(&labd->timer, EVENTS_QUIT_MS);
	if (!qemu_running(&labd->qemu))
		labd->loop.stop = true;
	else if (qmp_execute(&labd->qmp, "quit", NULL, NULL, NULL) < 0)
		qemu_kill(&labd->qemu);
}

void events_timeout(struct loop_source *src, uint32_t mask)
{
	struct labd *labd = src->data;

	loop_timer_ack(src);
	if (labd->stopping) {
		log_line("QEMU did not quit in time: killing it");
		qemu_kill(&labd->qemu);
		return;
	}
	log_line("not ready within %u s", labd->spec.timeout_s);
	labd->timed_out = true;
	labd_stop(labd);
}

void events_signal(struct loop_source *src, uint32_t mask)
{
	struct labd *labd = src->data;
	struct signalfd_siginfo info;

	if (read(src->fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	log_line("signal %u", info.ssi_signo);
	labd->requested = true;
	labd_stop(labd);
}

static void nobody_is_there(struct loop_source *src, const char *who)
{
	struct labd *labd = src->data;

	log_line("%s is gone", who);
	loop_unwatch(&labd->loop, src);
	close(src->fd);
	src->fd = -1;
	labd->requested = true;
	labd_stop(labd);
}

/* labctl up was interrupted: nobody waits for this lab. */
void events_report_gone(struct loop_source *src, uint32_t mask)
{
	nobody_is_there(src, "labctl up");
}

/* However its owner ended, it can't take the lab down any more. */
void events_owner_gone(struct loop_source *src, uint32_t mask)
{
	nobody_is_there(src, "the lab's owner");
}
