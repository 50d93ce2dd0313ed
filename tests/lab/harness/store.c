// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/harness/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lab/harness/pfvm.h"
#include "tests/lab/lib/jsonline.h"

#define FOREVER_S 1800

/* It comes when its controller has been probed: by an event, or by a look a second. */
void store_await(struct lab *lab, const char *tenant)
{
	free(pfvm_run(lab, &(struct pfvm){ .name = tenant },
		      "until [ -b /dev/nvme*n1 ]; do timeout 1 uevent sh -c 'case $ACTION:$DEVNAME "
		      "in add:nvme*n1) kill $PPID;; esac' || :; done\n"
		      "chroot /mnt /usr/bin/dd if=/dev/zero of=$(ls /dev/nvme*n1) bs=4k count=1 "
		      "oflag=direct"));
}

/* Who reads /tmp/end waits for its end. */
void store_begin(struct lab *lab, const char *tenant, unsigned int seconds)
{
	free(pfvm_run(lab, &(struct pfvm){ .name = tenant },
		      "dmesg -c >/dev/null; rm -f /tmp/end; mkfifo /tmp/end\n"
		      "{ chroot /mnt /usr/bin/fio --name=keep --filename=$(ls /dev/nvme*n1) "
		      "--rw=randwrite --bs=4k --size=16m --ioengine=libaio --direct=1 --iodepth=4 "
		      "--rate_iops=100 --time_based --runtime=%u --verify=crc32c "
		      "--verify_fatal=1 --verify_backlog=64 --output-format=json "
		      "--output=/tmp/fio.json --aux-path=/tmp; echo >/tmp/end; } "
		      ">/dev/null 2>&1 </dev/null &",
		      seconds ? seconds : FOREVER_S));
}

/* The longest that one of the job's requests took, in seconds; -1 if there was none. */
static double longest_of(struct json_object *job, const char *direction)
{
	struct json_object *part, *latency;

	if (!json_object_object_get_ex(job, direction, &part) ||
	    jsonline_int(part, "total_ios", 0) <= 0 ||
	    !json_object_object_get_ex(part, "clat_ns", &latency))
		return -1;
	return (double)jsonline_int(latency, "max", -1) / 1e9;
}

double store_finish(struct lab *lab, const char *tenant, bool stop)
{
	char *text = pfvm_run(lab, &(struct pfvm){ .name = tenant },
			      "%scat /tmp/end; cat /mnt/tmp/fio.json",
			      stop ? "kill -INT $(pidof fio); " : "");
	struct json_object *fio = json_tokener_parse(strchr(text, '{') ? strchr(text, '{') : ""),
			   *jobs, *job;
	double writes, reads;

	if (!json_object_object_get_ex(fio, "jobs", &jobs))
		fail_msg("fio says: %s", text);
	job = json_object_array_get_idx(jobs, 0);
	writes = longest_of(job, "write");
	reads = longest_of(job, "read");
	if (jsonline_int(job, "error", -1) || writes <= 0 || reads <= 0)
		fail_msg("fio failed, wrote nothing or verified nothing: %s", text);
	json_object_put(fio);
	free(text);
	return writes > reads ? writes : reads;
}

void store_assert_untroubled(struct lab *lab, const char *tenant)
{
	free(pfvm_run(lab, &(struct pfvm){ .name = tenant },
		      "! dmesg | grep -E 'nvme.*(timeout|reset|error|abort|Disabling)'"));
}
