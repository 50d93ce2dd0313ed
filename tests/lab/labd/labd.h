/* SPDX-License-Identifier: GPL-2.0-only */
/* One lab: everything that its supervisor holds. */
#ifndef LABD_LABD_H
#define LABD_LABD_H

#include <json-c/json.h>

#include "tests/lab/labd/accel.h"
#include "tests/lab/labd/cable.h"
#include "tests/lab/labd/console.h"
#include "tests/lab/labd/ctl.h"
#include "tests/lab/labd/guest.h"
#include "tests/lab/labd/qemu.h"
#include "tests/lab/labd/qmp.h"
#include "tests/lab/labd/relay.h"
#include "tests/lab/labd/verdict.h"
#include "tests/lab/lib/artifacts.h"
#include "tests/lab/lib/loop.h"
#include "tests/lab/lib/rundir.h"
#include "tests/lab/lib/spec.h"

struct labd {
	struct lab_spec spec;
	struct rundir dir;
	struct loop loop;
	struct artifacts artifacts;
	struct accel accel;
	unsigned int tsc_khz;
	struct loop_source signals;
	struct loop_source timer;  /* until ready; then until QEMU has quit */
	struct loop_source report; /* labctl up's pipe; fd -1 once it knows */
	struct loop_source owner;  /* the process that the lab ends with */
	struct ctl ctl;
	struct relay relay;
	struct cables cables;
	struct qemu qemu;
	struct qmp qmp;
	struct console console;
	struct guest guest;
	bool requested;
	bool greeted;
	bool timed_out;
	bool stopping;
	char reason[64]; /* of QMP's SHUTDOWN event */
	unsigned int oopses;
};

/* start.c: every stage up to the running QEMU. On failure labd_close() unwinds. */
int labd_start(struct labd *labd, struct lab_error *ret_error);
void labd_close(struct labd *labd);

/* report.c: what labctl up hears. */
void report_progress(struct labd *labd, const char *text);
void report_done(struct labd *labd, const char *error);

/* request.c: the control socket's commands. */
void request_handle(void *data, struct ctl_client *client, json_object *request);

/* events.c: what happens while it runs. */
void events_greeted(void *data);
void events_qmp(void *data, const char *name, json_object *detail);
void events_console_line(void *data, const char *line);
void events_guest(void *data, const char *name);
void events_qemu_exited(void *data);
void events_timeout(struct loop_source *src, uint32_t mask);
void events_signal(struct loop_source *src, uint32_t mask);
void events_report_gone(struct loop_source *src, uint32_t mask);
void events_owner_gone(struct loop_source *src, uint32_t mask);

/* It never came to a running QEMU: record why. */
void events_not_started(struct labd *labd, const char *why);

/* End the lab: ask QEMU, kill it if it is slow. */
void labd_stop(struct labd *labd);

#endif
