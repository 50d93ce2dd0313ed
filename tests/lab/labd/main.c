// SPDX-License-Identifier: GPL-2.0-only
/*
 * labd: the supervisor of one lab. labctl up starts it, it outlives labctl, and
 * QEMU never outlives it.
 *
 *	labd DIR-FD LOCK-FD REPORT-FD DIR OPTION...
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lab/labd/labd.h"
#include "tests/lab/labd/log.h"

static int parse(struct labd *labd, int argc, char **argv, struct lab_error *ret_error)
{
	unsigned int dir_fd, lock_fd, report_fd;
	int pos = 5, ret = 1;

	lab_error_set(ret_error, "labd is started by labctl up");
	if (argc < 5 || lab_parse_number(argv[1], 3, 1023, &dir_fd) < 0 ||
	    lab_parse_number(argv[2], 3, 1023, &lock_fd) < 0 ||
	    lab_parse_number(argv[3], 3, 1023, &report_fd) < 0)
		return -EINVAL;
	labd->dir.fd = (int)dir_fd;
	labd->report.fd = (int)report_fd;
	snprintf(labd->dir.path, sizeof(labd->dir.path), "%s", argv[4]);
	/* The lock is held by its descriptor, which nobody else may inherit. */
	fcntl((int)lock_fd, F_SETFD, FD_CLOEXEC);
	fcntl(labd->dir.fd, F_SETFD, FD_CLOEXEC);
	fcntl(labd->report.fd, F_SETFD, FD_CLOEXEC);
	lab_spec_init(&labd->spec);
	while (ret == 1 && pos < argc)
		ret = lab_spec_option(&labd->spec, argv, argc, &pos, ret_error);
	return ret == 1 ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
	static struct labd labd = { .loop = { .epfd = -1 } };
	struct lab_error error;
	int err;

	log_uptime();
	err = parse(&labd, argc, argv, &error);
	if (err) {
		fprintf(stderr, "labd: %s\n", error.text);
		return 2;
	}
	err = labd_start(&labd, &error);
	if (err) {
		log_line("%s", error.text);
		events_not_started(&labd, error.text);
		report_done(&labd, error.text);
	} else {
		err = loop_run(&labd.loop);
	}
	if (qemu_running(&labd.qemu))
		qemu_kill(&labd.qemu);
	labd_close(&labd);
	return err ? 1 : 0;
}
