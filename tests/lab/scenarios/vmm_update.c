// SPDX-License-Identifier: GPL-2.0-only
/*
 * `pfkeep vmm-update` puts another QEMU under a PF VM and under a tenant with a VF,
 * both libvirt's, while the wire talks to the tenant: no frame is lost, neither guest
 * boots, the PF's driver isn't probed again, and libvirt manages both as before. What
 * can't take over is refused, and leaves the old QEMU running.
 *
 *	VMM_ROUNDS=N   how often both are updated (default 1)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lab/harness/bench.h"
#include "tests/lab/harness/domain.h"
#include "tests/lab/harness/lab.h"
#include "tests/lab/harness/pfkeep.h"
#include "tests/lab/harness/sriov.h"
#include "tests/lab/harness/tenant.h"
#include "tests/lab/harness/wire.h"
#include "tests/lab/lib/jsonline.h"

#define MAC	"02:70:66:00:00:01"
#define QEMU	"/usr/lib/pfkeep/qemu/bin/qemu-system-x86_64"
#define NEW	"/var/lib/pfkeep-lab-qemu"
#define BAD	"/var/lib/pfkeep-lab-bad-qemu"
#define FRAMES	10 /* a second: what comes while the guest stands still fits its receive ring */
#define TIMEOUT 240

static struct lab lab;
static struct bench bench;
static char *pf, *pf_vm;
static unsigned int flows;
static struct tenant red = { .name = "red", .append = "lab.ip=10.77.0.11/24 lab.mac=" MAC };

static int setup(void **state)
{
	static const char *const pfs[] = { "igb", NULL };

	bench = bench_open();
	return lab_up(&lab, &(struct lab_options){ .kernel = "pfkeep", .pfs = pfs });
}

static int teardown(void **state)
{
	int ret = bench_save(&bench, "vmm_update");

	free(pf);
	free(pf_vm);
	return lab_down(&lab) || ret ? -1 : 0;
}

/* Another file than the one that runs, and as new. */
static void a_tenant_is_served(void **state)
{
	pf = pfkeep_adopted(&lab);
	pf_vm = pfkeep_pf_vm(&lab);
	free(lab_run(&lab, 60, "cp --remove-destination " QEMU " " NEW));
	pfkeep_serve(&lab, &red, pf, 0, MAC);
}

/* What of the PF VM tells of a boot, or of a PF that was probed again. */
static char *what_the_pf_vm_knows(void)
{
	return lab_run(
		&lab, 120,
		"agent() { virsh -q qemu-agent-command --timeout 30 %s \"$1\"; }\n"
		"file() { h=$(agent "
		"'{\"execute\":\"guest-file-open\",\"arguments\":{\"path\":\"'$1'\"}}'"
		" | grep -o '[0-9]*'); [ \"$h\" ]\n"
		"agent '{\"execute\":\"guest-file-read\",\"arguments\":{\"handle\":'$h'}}'\n"
		"agent '{\"execute\":\"guest-file-close\",\"arguments\":{\"handle\":'$h'}}'; }\n"
		"file /proc/sys/kernel/random/boot_id\n"
		"file /sys/bus/pci/devices/0000:01:00.0/sriov_numvfs",
		pf_vm);
}

static struct wire_flow begin(void)
{
	struct wire_flow flow = {
		.id = 10 + flows++, .ip = "10.77.0.11", .rate = FRAMES, .size = 128
	};

	wire_start(&lab, &flow);
	return flow;
}

static void finish(const struct wire_flow *flow, const char *figure)
{
	struct wire_report r = wire_finish(&lab, flow);

	wire_assert_whole(&r);
	if (figure) {
		bench_flow(&bench, figure, &r);
		printf("# %s: %lld frames, none lost, longest silence %.2f s\n", figure,
		       (long long)r.sent, (double)r.gap_ns / 1e9);
		fflush(stdout);
	}
	wire_report_free(&r);
}

static void update(const char *domain, const char *program, const char *figure)
{
	char *before = domain_process(&lab, domain), *after, *said, name[96];
	struct wire_flow flow = begin();
	struct json_object *list, *done;

	said = lab_run(&lab, TIMEOUT, "pfkeep vmm-update --json --timeout 120 --qemu %s %s",
		       program, domain);
	finish(&flow, figure);
	after = domain_process(&lab, domain);
	assert_string_not_equal(after, before);
	assert_non_null(strstr(after, program));
	list = json_tokener_parse(said);
	done = json_object_array_get_idx(list, 0);
	snprintf(name, sizeof(name), "%s: until the guest runs in the new QEMU", figure);
	bench_row(&bench, name, (double)jsonline_int(done, "transfer_ms", -1) / 1000, "s");
	snprintf(name, sizeof(name), "%s: libvirt away", figure);
	bench_row(&bench, name, (double)jsonline_int(done, "libvirt_ms", -1) / 1000, "s");
	printf("# %s\n", json_object_to_json_string(done));
	fflush(stdout);
	json_object_put(list);
	free(said);
	free(before);
	free(after);
}

static unsigned int n_rounds(void)
{
	const char *text = getenv("VMM_ROUNDS");

	return text ? (unsigned int)strtoul(text, NULL, 10) : 1;
}

static void the_pf_vm_is_updated(void **state)
{
	char *before, *after;

	assert_non_null(pf_vm);
	before = what_the_pf_vm_knows();
	for (unsigned int i = 0; i < n_rounds(); i++) {
		update(pf_vm, i % 2 ? QEMU : NEW, "vmm-update of the PF VM");
		domain_is_managed(&lab, pf_vm);
	}
	after = what_the_pf_vm_knows();
	assert_string_equal(after, before);
	free(before);
	free(after);
}

static void the_tenant_is_updated(void **state)
{
	for (unsigned int i = 0; i < n_rounds(); i++) {
		update(red.name, i % 2 ? QEMU : NEW, "vmm-update of the tenant");
		domain_is_managed(&lab, red.name);
	}
	/* It booted once. */
	free(lab_run(&lab, 30,
		     "[ $(grep -ac '" TENANT_SERVES "' /run/pfkeep-lab/consoles/red.log) = 1 ]"));
}

static void all_are_updated(void **state)
{
	char *vm, *tenant, *now;
	struct wire_flow flow;

	assert_non_null(pf_vm);
	vm = domain_process(&lab, pf_vm);
	tenant = domain_process(&lab, red.name);
	flow = begin();
	free(lab_run(&lab, 2 * TIMEOUT, "pfkeep vmm-update --all --timeout 120 --qemu " QEMU));
	finish(&flow, "vmm-update --all");
	now = domain_process(&lab, pf_vm);
	assert_string_not_equal(now, vm);
	free(now);
	now = domain_process(&lab, red.name);
	assert_string_not_equal(now, tenant);
	free(now);
	free(vm);
	free(tenant);
}

/* It fails, and its last line holds these words. */
__attribute__((format(printf, 2, 3))) static void refused(const char *words, const char *format,
							  ...)
{
	char *options, *said, *last;
	va_list args;
	int status;

	va_start(args, format);
	if (vasprintf(&options, format, args) < 0)
		fail_msg("no memory");
	va_end(args);
	status = lab_try(&lab, TIMEOUT, &said, "pfkeep vmm-update --timeout 60 %s", options);
	said[strlen(said) - (*said != 0)] = '\0';
	last = strrchr(said, '\n') ? strrchr(said, '\n') + 1 : said;
	printf("# %s: %s\n", options, last);
	fflush(stdout);
	assert_int_equal(status, 1);
	assert_int_equal(strncmp(last, "pfkeep: ", 8), 0);
	if (!strstr(last, words))
		fail_msg("says nothing of '%s': %s", words, last);
	free(options);
	free(said);
}

/* Its old process has stayed. */
static void still(const char *domain, char *before)
{
	char *now = domain_process(&lab, domain);

	assert_string_equal(now, before);
	free(now);
	free(before);
}

static void what_cannot_take_over_is_refused(void **state)
{
	static const struct {
		const char *make, *words;
	} files[] = {
		{ "rm -f " BAD, "No such file" },
		{ "cp --remove-destination " QEMU " " BAD "; chmod -x " BAD, "executable" },
		{ "printf '#!/bin/sh\\nexit 3\\n' >" BAD "; chmod 755 " BAD, "ended" },
		{ "printf '#!/bin/sh\\nexec sleep 600\\n' >" BAD, "in time" },
		{ "printf '#!/bin/sh\\nexec /usr/bin/qemu-system-x86_64 \"$@\"\\n' >" BAD,
		  "older" },
	};
	char *before = domain_process(&lab, red.name);
	struct wire_flow flow = begin();

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		free(lab_run(&lab, 60, "%s", files[i].make));
		refused(files[i].words, "--dry-run --timeout %d --qemu " BAD " red",
			strcmp(files[i].words, "in time") ? 60 : 15);
	}
	refused("no such domain", "--dry-run nobody");
	finish(&flow, NULL);
	still(red.name, before);
}

/*
 * It looks well when it is asked. Then it dies, or does nothing, with a state to be read; or
 * dies with the descriptors in hand, as it can't make its machine, or with the state half read,
 * as it has a port that the old one hasn't.
 */
static void a_failing_switch_leaves_the_old_qemu(void **state)
{
	static const char *const ends[] = {
		"exit 1",
		"exec sleep 600",
		"set -- \"$@\" -device pfkeep-none",
		"set -- \"$@\" -device {\\\\\"driver\\\\\":\\\\\"virtserialport\\\\\"}",
	};
	char *before = domain_process(&lab, red.name);

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct wire_flow flow = begin();

		free(lab_run(&lab, 60,
			     "printf '#!/bin/sh\\ncase \"$*\" in *-incoming*) %s;; esac\\n"
			     "exec " QEMU " \"$@\"\\n' >" BAD "; chmod 755 " BAD,
			     ends[i]));
		refused("transfer", "--timeout 40 --qemu " BAD " red");
		domain_is_managed(&lab, red.name);
		finish(&flow, NULL);
	}
	still(red.name, before);
	update(red.name, NEW, "vmm-update after some that failed");
}

/* Each is killed when the guest is about to move. */
static void daemons_may_die_in_the_middle(void **state)
{
	static const char *const daemons[] = { "libvirtd", "pfkeepd" };

	for (size_t i = 0; i < 2; i++) {
		struct wire_flow flow = begin();
		char *said;

		said = lab_run(&lab, TIMEOUT,
			       "pfkeep vmm-update --timeout 120 --qemu %s red 2>&1 | "
			       "while read -r line; do echo \"$line\"; case $line in "
			       "*': transfer') systemctl kill -s KILL %s;; esac; done",
			       i ? QEMU : NEW, daemons[i]);
		printf("# %s killed: %s", daemons[i], said);
		fflush(stdout);
		free(said);
		finish(&flow, NULL);
		/* It is there again, in either QEMU. */
		free(lab_run(&lab, 60, "systemctl start %s", daemons[i]));
		domain_is_managed(&lab, red.name);
	}
}

/* What there is without: libvirt saves no VM that has a VF, so it ends and starts again. */
static void a_start_anew_costs_the_tenant_this_much(void **state)
{
	struct wire_flow flow = begin(), after = flow;
	struct wire_report r;
	char *said;

	assert_int_not_equal(lab_try(&lab, 60, &said, "virsh -q save red /run/red.save"), 0);
	printf("# virsh save: %s", said);
	free(said);
	tenant_destroy(&lab, &red);
	tenant_boot(&lab, &red);
	free(tenant_wait(&lab, &red, TIMEOUT, TENANT_SERVES));
	/* It begins when ARP has found the tenant: that is served again. */
	after.id = 10 + flows++;
	after.count = 2 * FRAMES;
	wire_start(&lab, &after);
	r = wire_finish(&lab, &after);
	assert_true(r.received > 0);
	wire_report_free(&r);
	r = wire_finish(&lab, &flow);
	assert_true(r.lost > 0);
	bench_silence(&bench, "the tenant started anew", &r);
	wire_report_free(&r);
}

/* After another start of its own it still has it right; and can end it. */
static void libvirt_attaches_and_destroys(void **state)
{
	free(lab_run(&lab, 120, "systemctl restart libvirtd"));
	domain_is_managed(&lab, red.name);
	domain_is_managed(&lab, pf_vm);
	free(lab_run(&lab, 60, "grep -q qemu- /proc/$(cat /run/libvirt/qemu/%s.pid)/cgroup",
		     red.name));
	free(lab_run(&lab, 120,
		     "virsh -q domblklist %s | grep -q vda; [ -c $(virsh -q ttyconsole %s) ]\n"
		     "echo \"<channel type='unix'><target type='virtio' "
		     "name='org.pfkeep.new'/></channel>\" >/run/new.xml\n"
		     "virsh -q attach-device red /run/new.xml --live >&2\n"
		     "virsh -q dumpxml red | grep -q org.pfkeep.new",
		     pf_vm, pf_vm));
	/* What it is nobody knows but libvirt. */
	refused("was plugged in while it ran", "--dry-run red");
	free(lab_run(&lab, 60,
		     "pid=$(cat /run/libvirt/qemu/red.pid)\n"
		     "virsh -q destroy red >&2; [ ! -e /proc/$pid ]"));
	tenant_undefine(&lab, &red);
	sriov_kernel_has_no_complaint(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tenant_is_served),
		cmocka_unit_test(the_pf_vm_is_updated),
		cmocka_unit_test(the_tenant_is_updated),
		cmocka_unit_test(all_are_updated),
		cmocka_unit_test(what_cannot_take_over_is_refused),
		cmocka_unit_test(a_failing_switch_leaves_the_old_qemu),
		cmocka_unit_test(daemons_may_die_in_the_middle),
		cmocka_unit_test(a_start_anew_costs_the_tenant_this_much),
		cmocka_unit_test(libvirt_attaches_and_destroys),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
