// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/harness/update.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define RESTORE "build/lab/liveupdate/restore.cpio"
#define BOOT_S	240

/* The VMs' events are written there, too: by a unit that may have begun in the old place. */
void update_keep_files(struct lab *lab)
{
	free(lab_run(lab, 60,
		     "mkdir -p /var/lib/pfkeep-lab /run/pfkeep-lab\n"
		     "[ -L /run/pfkeep-lab ] || { cp -a /run/pfkeep-lab/. /var/lib/pfkeep-lab\n"
		     "rm -rf /run/pfkeep-lab; ln -s /var/lib/pfkeep-lab /run/pfkeep-lab\n"
		     "systemctl try-restart vm-events || :; }\n"
		     "mkdir -p /etc/systemd/system/pfkeep-restore.service.d\n"
		     "cat >/etc/systemd/system/pfkeep-restore.service.d/lab.conf <<'EOS'\n"
		     "[Unit]\nAfter=systemd-udevd.service systemd-udev-trigger.service\n"
		     "[Service]\n"
		     "ExecStartPre=ln -sfn /var/lib/pfkeep-lab /run/pfkeep-lab\n"
		     "ExecStartPre=udevadm wait --timeout=30 /dev/disk/by-id/virtio-tools\nEOS\n"
		     "systemctl daemon-reload"));
}

/* Its VMs' files are where those of a boot before are. */
void update_make_initramfs(struct lab *lab)
{
	free(lab_ctl(lab, 60, "push", RESTORE, "/run/restore.cpio", NULL));
	free(lab_run(lab, 60,
		     "cat /run/restore.cpio /usr/lib/modules/$(uname -r)/initrd.img "
		     ">/var/tmp/next.img"));
}

void update_report_says(struct lab *lab, const char *words)
{
	char *report = lab_run(lab, 60, "pfkeep report");

	if (!strstr(report, words))
		fail_msg("no '%s' in: %s", words, report);
	free(report);
}

void update_hold(struct lab *lab)
{
	free(lab_ctl(lab, 60, "push", "build/lab/liveupdate/lu-client", "/run/lu-client", NULL));
	free(lab_run(lab, 60,
		     "chmod +x /run/lu-client; [ -p /run/held ] || mkfifo /run/held\n"
		     "systemd-run -q --unit=hold sh -c 'exec /run/lu-client --hold pfkeep "
		     ">/run/held'\n"
		     "timeout 30 grep -m1 LU-HELD /run/held"));
}

void update_let_go(struct lab *lab)
{
	free(lab_run(lab, 60, "systemctl stop hold"));
}

void update_fails(struct lab *lab)
{
	char *output = NULL;

	assert_int_equal(lab_try(lab, 180, &output, UPDATE_COMMAND), 1);
	if (!strstr(output, "preserve: live update session pfkeep: File exists"))
		fail_msg("%s", output);
	assert_non_null(strstr(output, "save: undone"));
	free(output);
	update_report_says(lab, "Live update failed in preserve: all VMs run on");
	update_report_says(lab, "undo save");
}

char *update_jump(struct lab *lab, const struct wire_flow *over, const char *command,
		  unsigned int boots)
{
	char script[512], *log;

	wire_start(lab, over);
	snprintf(script, sizeof(script), "%s >/dev/ttyS0 2>&1", command);
	lab_leave(lab, script);
	lab_wait_boot(lab, boots, BOOT_S);
	log = lab_run(lab, 60, "journalctl -b -u pfkeep-restore --no-pager -o cat");
	printf("# %s\n", log);
	fflush(stdout);
	update_report_says(lab, "Live update: 2 VMs went on");
	/* the boot is known in its parts */
	update_report_says(lab, "\ninit ");
	free(lab_run(lab, 60,
		     "journalctl -b -u pfkeep-settle --no-pager -o cat >&2\n"
		     "! systemctl -q is-failed pfkeep-settle"));
	free(lab_run(lab, 60, "! dmesg | grep 'DMAR: .*fault' >&2"));
	return log;
}

void update_draw(struct lab *lab, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "build/bench/%s.svg", name);
	free(lab_run(lab, 60, "pfkeep report --svg /run/report.svg >/dev/ttyS0"));
	free(lab_ctl(lab, 60, "pull", "/run/report.svg", path, NULL));
}

void update_finish(struct lab *lab, struct bench *bench, const struct wire_flow *over,
		   const char *what)
{
	struct wire_report r = wire_finish(lab, over);
	char figure[128];

	snprintf(figure, sizeof(figure), "tenant's flow over a live update, %s", what);
	bench_flow(bench, figure, &r);
	snprintf(figure, sizeof(figure), "blackout of a tenant over a live update, %s", what);
	bench_row(bench, figure, (double)r.gap_ns / 1e9, "s");
	printf("# %s: blackout %.1f s, %lld of %lld frames lost\n", what, (double)r.gap_ns / 1e9,
	       (long long)r.lost, (long long)r.sent);
	fflush(stdout);
	wire_assert_whole(&r);
	wire_report_free(&r);
}
