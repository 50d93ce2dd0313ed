// SPDX-License-Identifier: GPL-2.0-only
/*
 * pfkeep's main job as an operator does it, with everything real: doctor looks at
 * the host, `pf adopt` moves an igb PF into its VM, whose driver makes the VFs; two
 * tenants get the VFs that their XML asks for and talk to the wire, also while
 * libvirtd and pfkeepd restart; a VLAN is changed under one of them; its VF goes to
 * the next tenant, and what it knew opens nothing; the PF goes back to its driver.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "tests/lab/harness/bench.h"
#include "tests/lab/harness/lab.h"
#include "tests/lab/harness/pf.h"
#include "tests/lab/harness/pfkeep.h"
#include "tests/lab/harness/tenant.h"
#include "tests/lab/harness/vfio.h"
#include "tests/lab/harness/wire.h"

#define RED_MAC	  "02:70:66:00:00:01"
#define BLUE_MAC  "02:70:66:00:00:02"
#define GREEN_MAC "02:70:66:00:00:03"
#define PFVM_XML  "/run/pfkeep-lab/pf-vm.xml"

static struct lab lab;
static struct bench bench;
static char *pf;
static double adopt_s;

static struct tenant red = {
	.name = "red",
	.append = "lab.ip=10.77.0.11/24 lab.mac=" RED_MAC,
};
static struct tenant blue = {
	.name = "blue",
	.append = "lab.ip=10.77.0.12/24 lab.mac=" BLUE_MAC,
};
/* Sends to blue, and ends. */
static struct tenant green = {
	.name = "green",
	.append = "lab.ip=10.77.0.13/24 lab.mac=" GREEN_MAC " lab.job=flow lab.peer=10.77.0.12",
};

static int setup(void **state)
{
	static const char *const pfs[] = { "igb", NULL };

	bench = bench_open();
	return lab_up(&lab, &(struct lab_options){ .kernel = "pfkeep", .pfs = pfs });
}

static int teardown(void **state)
{
	int ret = bench_save(&bench, "operator_story");

	free(pf);
	return lab_down(&lab) || ret ? -1 : 0;
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* What the operator types, and sees: both are shown. */
__attribute__((format(printf, 2, 3))) static char *operate(unsigned int timeout_s,
							   const char *format, ...)
{
	char *command, *output;
	va_list args;

	va_start(args, format);
	if (vasprintf(&command, format, args) < 0)
		fail_msg("no memory");
	va_end(args);
	printf("# $ %s\n", command);
	fflush(stdout);
	output = lab_run(&lab, timeout_s, "%s", command);
	for (char *line = output; *line; line += strcspn(line, "\n") + (strchr(line, '\n') != NULL))
		printf("#   %.*s\n", (int)strcspn(line, "\n"), line);
	fflush(stdout);
	free(command);
	return output;
}

static void doctor_finds_the_host_ready(void **state)
{
	pfkeep_install(&lab);
	free(lab_run(&lab, 60, "modprobe igb; udevadm settle"));
	pf = pf_find(&lab, PF_IGB);
	/* Its status is 1 when there is a blocker. */
	free(operate(120, "pfkeep doctor %s", pf));
}

static bool says(const char *text, const char *name, const char *verdict)
{
	const char *line = strstr(text, name), *end = line ? line + strcspn(line, "\n") : NULL;
	const char *at = line ? strstr(line, verdict) : NULL;

	if (!line)
		fail_msg("says nothing of %s: %s", name, text);
	return at && at < end;
}

/* The level of doctor's line of that check. */
static bool doctor_says(const char *text, const char *level, const char *check)
{
	char start[40];

	snprintf(start, sizeof(start), "\n%-8s %-20s ", level, check);
	return strstr(text, start) != NULL;
}

/*
 * The host with something hidden from both. libvirt looks for the IOMMU that belongs to
 * the CPU: the lab's CPU is AMD's, its IOMMU Intel's, so it is shown one of Intel's.
 */
static void both_say(const char *hide, const char *show, bool kvm, bool iommu)
{
	char *text = lab_run(&lab, 120,
			     "cd /run/pfkeep-lab; sed 's/\\bsvm\\b/vmx/' /proc/cpuinfo >cpuinfo\n"
			     "unshare -m sh -c '%s\n"
			     "mount --bind cpuinfo /proc/cpuinfo\n"
			     "virt-host-validate qemu; echo; pfkeep doctor %s; :'\n%s",
			     hide, pf, show);

	if (says(text, "'/dev/kvm' exists", "PASS") != kvm ||
	    says(text, "IOMMU is enabled by kernel", "PASS") != iommu ||
	    !doctor_says(text, kvm ? "ok" : "blocker", "kvm") ||
	    !doctor_says(text, iommu ? "ok" : "blocker", "iommu"))
		fail_msg("KVM is %sthere, the IOMMU %s: %s", kvm ? "" : "not ",
			 iommu ? "is" : "is not", text);
	free(text);
}

static void libvirt_s_own_check_says_the_same(void **state)
{
	both_say(":", ":", true, true);
	both_say("mount -t tmpfs none /sys/kernel/iommu_groups", ":", true, false);
	both_say("mv /dev/kvm /dev/no-kvm", "mv /dev/no-kvm /dev/kvm", false, true);
}

static void the_pf_goes_into_its_vm(void **state)
{
	double start = now_s();
	char *text;

	free(operate(300, "pfkeep pf adopt %s", pf));
	adopt_s = now_s() - start;
	bench_row(&bench, "pf adopt with 7 VFs", adopt_s, "s");
	text = operate(60, "pfkeep pf show %s", pf);
	assert_non_null(strstr(text, "vfs          7 of 8"));
	assert_non_null(strstr(text, "driver       vfio-pci-sriov"));
	free(text);
	/* The host has no interface of it any more. */
	free(lab_run(&lab, 30, "[ ! -e /sys/bus/pci/devices/%s/net ]", pf));
	free(lab_run(&lab, 30, "virsh -q dumpxml --inactive $(virsh -q list --name) >" PFVM_XML));
	free(operate(60, "virsh list --all"));
}

/*
 * As Kubernetes' SR-IOV network device plugin walks sysfs: network functions, no PF that
 * has VFs; by vendor, device, driver; its PF, its number there, its group's file.
 */
static void a_device_plugin_finds_the_vfs(void **state)
{
	char *found =
		lab_run(&lab, 60,
			"cd /sys/bus/pci/devices\n"
			"for fn in *; do\n"
			"  case $(cat $fn/class) in 0x02*) :;; *) continue;; esac\n"
			"  [ \"$(cat $fn/sriov_numvfs 2>/dev/null || echo 0)\" = 0 ] || continue\n"
			"  pf=$(basename $(readlink $fn/physfn || echo none))\n"
			"  for vf in $pf/virtfn*; do [ $vf -ef $fn ] || continue\n"
			"    [ -c /dev/vfio/$(basename $(readlink $fn/iommu_group)) ]\n"
			"    echo $pf/${vf##*/virtfn} $(cat $fn/vendor) $(cat $fn/device) "
			"$(basename $(readlink $fn/driver)); done\n"
			"done");

	for (unsigned int i = 0; i < 7; i++) {
		char line[80];

		snprintf(line, sizeof(line), "%s/%u 0x8086 0x10ca vfio-pci-sriov\n", pf, i);
		if (!strstr(found, line))
			fail_msg("no %s in %s", line, found);
	}
	free(found);
}

static void tenants_get_vfs(void **state)
{
	pfkeep_define(&lab, &red, pf, 0, RED_MAC);
	pfkeep_define(&lab, &blue, pf, 1, BLUE_MAC);
	pfkeep_wait_vf(&lab, &red);
	pfkeep_wait_vf(&lab, &blue);
	free(operate(60, "pfkeep vf list --pf %s", pf));
	tenant_boot(&lab, &red);
	tenant_boot(&lab, &blue);
	for (int i = 0; i < 2; i++) {
		char *nic = tenant_wait(&lab, i ? &blue : &red, 120, "LAB-NIC ");

		assert_non_null(strstr(nic, "driver=igbvf"));
		assert_non_null(strstr(nic, i ? BLUE_MAC : RED_MAC));
		free(nic);
		free(tenant_wait(&lab, i ? &blue : &red, 60, TENANT_SERVES));
	}
}

/* As libvirt keeps it, and as it runs. */
static void libvirt_s_schema_has_all_that_is_defined(void **state)
{
	free(lab_run(&lab, 120,
		     "cd /run/pfkeep-lab\n"
		     "for dom in $(virsh -q list --name); do for how in '' --inactive; do\n"
		     "  virsh -q dumpxml $how $dom >schema.xml\n"
		     "  virt-xml-validate schema.xml domain >&2\n"
		     "done; done\n"
		     /* and is no yes-man */
		     "sed 's/<hostdev /<hostdov /' schema.xml >wrong.xml\n"
		     "! virt-xml-validate wrong.xml domain 2>/dev/null >&2"));
}

/*
 * A VFIO client of its own, past libvirt and its hook: stock QEMU, as root, with
 * this token or none. True if it got the VF.
 */
static bool opens(unsigned int vf, const char *token)
{
	char *bdf = pf_vf_bdf(&lab, pf, vf), *output = NULL;
	int status =
		lab_try(&lab, 60, &output,
			"echo '{\"execute\":\"qmp_capabilities\"} {\"execute\":\"quit\"}' | "
			"timeout 50 qemu-system-x86_64 -nodefaults -display none -M q35 -m 64 -S "
			"-qmp stdio -device vfio-pci,host=%s%s%s",
			bdf, token ? ",vf-token=" : "", token ? token : "");

	if (status && !strstr(output, "oken") && !strstr(output, "Permission denied"))
		fail_msg("%s: can't be tried: %s", bdf, output);
	free(output);
	free(bdf);
	return !status;
}

/* Root may read what the tenant's QEMU was given. */
static char *token_of(const struct tenant *tenant)
{
	char *text = lab_run(&lab, 30, "echo TOKEN $(cat /run/pfkeep/tokens/$(virsh domuuid %s))",
			     tenant->name);
	char *token = lab_field(text, "TOKEN ");

	free(text);
	return token;
}

static void flow_is_whole(const struct wire_flow *flow, const char *figure)
{
	wire_start(&lab, flow);

	struct wire_report r = wire_finish(&lab, flow);

	wire_assert_whole(&r);
	bench_flow(&bench, figure, &r);
	wire_report_free(&r);
}

static void flow_is_silent(const struct wire_flow *flow)
{
	wire_start(&lab, flow);

	struct wire_report r = wire_finish(&lab, flow);

	wire_assert_silent(&r);
	wire_report_free(&r);
}

static void the_wire_reaches_both(void **state)
{
	flow_is_whole(
		&(struct wire_flow){
			.id = 1, .ip = "10.77.0.11", .rate = 100, .size = 256, .count = 300 },
		"wire to first tenant");
	flow_is_whole(
		&(struct wire_flow){
			.id = 2, .ip = "10.77.0.12", .rate = 100, .size = 256, .count = 300 },
		"wire to second tenant");
}

static void flow_survives(const char *what, const char *script)
{
	struct wire_flow flow = { .id = 8, .ip = "10.77.0.11", .rate = 100, .size = 64 };

	wire_start(&lab, &flow);
	free(operate(120, "%s", script));

	struct wire_report r = wire_finish(&lab, &flow);

	wire_assert_whole(&r);
	bench_flow(&bench, what, &r);
	wire_report_free(&r);
}

/* What an operator asks for afterwards must be done by both anew. */
static void daemons_come_and_go_under_tenants(void **state)
{
	flow_survives("while libvirtd restarts", "systemctl restart libvirtd");
	free(operate(60, "pfkeep vf set %s/1 --rate 100", pf));
	flow_survives("while pfkeepd is killed", "kill -KILL $(systemctl show -P MainPID pfkeepd)\n"
						 "systemctl restart pfkeepd");
	free(operate(60, "pfkeep vf set %s/1 --rate 0", pf));
	free(pfkeep_fails(&lab, 60, 1, "belongs to", "vf assign %s/0 blue", pf));
}

/* The tag is put on and taken off by the PF: red knows nothing of it. */
static void a_vlan_is_changed_under_a_tenant(void **state)
{
	free(operate(60, "pfkeep vf set %s/0 --vlan 7", pf));
	flow_is_silent(&(struct wire_flow){
		.id = 3, .ip = "10.77.0.11", .rate = 50, .size = 64, .count = 50, .mac = RED_MAC });
	flow_is_whole(&(struct wire_flow){ .id = 4,
					   .ip = "10.77.0.11",
					   .rate = 100,
					   .size = 256,
					   .count = 200,
					   .vlan = 7 },
		      "wire to a tenant on a VLAN");
	flow_is_whole(
		&(struct wire_flow){
			.id = 5, .ip = "10.77.0.12", .rate = 100, .size = 256, .count = 200 },
		"wire to the other tenant");
	free(operate(60, "pfkeep vf set %s/0 --vlan 0", pf));
	flow_is_whole(
		&(struct wire_flow){
			.id = 6, .ip = "10.77.0.11", .rate = 100, .size = 256, .count = 200 },
		"wire to the tenant, off the VLAN");
}

static void a_vf_moves(void **state)
{
	char *report, *output = NULL, *token = token_of(&red);

	/* While red is there, nobody else gets its VF. */
	pfkeep_define(&lab, &green, pf, 0, GREEN_MAC);
	assert_int_not_equal(lab_try(&lab, 60, &output, "virsh -q start green"), 0);
	printf("# %s\n", output);
	assert_non_null(strstr(output, "pfkeep: domain green"));
	free(output);
	tenant_destroy(&lab, &red);
	assert_true(opens(0, token));
	assert_false(opens(0, NULL));
	tenant_undefine(&lab, &red);
	pfkeep_wait_vf(&lab, &green);
	/* What red's QEMU knew opens nothing now; nor does knowing nothing. */
	assert_false(opens(0, token));
	assert_false(opens(0, NULL));
	free(token);
	tenant_boot(&lab, &green);
	report = tenant_wait(&lab, &green, 120, "LAB-FLOW ");

	struct wire_report r = wire_report_parse(report);

	wire_assert_whole(&r);
	bench_flow(&bench, "tenant to tenant", &r);
	wire_report_free(&r);
	free(report);
	free(tenant_wait(&lab, &green, 60, "LAB-JOB flow status=0"));
}

/* What the hook does in a start, by itself: libvirt waits for each of its three runs. */
static void the_hook_is_quick(void **state)
{
	char *text = lab_run(
		&lab, 300,
		"cd /run/pfkeep-lab; hook=/etc/libvirt/hooks/qemu.d/pfkeep\n"
		"now() { date +%%s%%N; }\n"
		"median() { sort -n | sed -n 3p; }\n"
		"virsh -q destroy green 2>/dev/null || :; rm -f starts hooks\n"
		"for i in 1 2 3 4 5; do\n"
		"  t=$(now); virsh -q start --paused green >&2; echo $(($(now) - t)) >>starts\n"
		"  virsh -q dumpxml green >hook.xml; virsh -q destroy green >&2\n"
		"  t=$(now); $hook green prepare begin - <hook.xml\n"
		"  $hook green start begin - <hook.xml; $hook green started begin - <hook.xml\n"
		"  echo $(($(now) - t)) >>hooks\n"
		"  $hook green stopped end - <hook.xml; $hook green release end - <hook.xml\n"
		"done\n"
		"echo START $(median <starts); echo HOOK $(median <hooks)");
	char *start = lab_field(text, "START "), *hook = lab_field(text, "HOOK ");
	double start_s = strtod(start, NULL) / 1e9, hook_s = strtod(hook, NULL) / 1e9;

	bench_row(&bench, "virsh start of a tenant with a VF", start_s, "s");
	bench_row(&bench, "of which pfkeep's hook", hook_s, "s");
	bench_row(&bench, "hook / rest of the start", 100 * hook_s / (start_s - hook_s), "%");
	free(start);
	free(hook);
	free(text);
}

static void the_pf_goes_back(void **state)
{
	free(pfkeep_fails(&lab, 60, 1, "tenants have", "pf release %s", pf));
	tenant_destroy(&lab, &blue);
	tenant_undefine(&lab, &blue);
	tenant_undefine(&lab, &green);
	/* pfkeepd hears of it from libvirt; a VF's owner is in the list. */
	free(lab_run(&lab, 70,
		     "timeout 60 sh -c 'until pfkeep pf release %s 2>/run/pfkeep-lab/why; do "
		     "grep -q \"tenants have\" /run/pfkeep-lab/why || exit 1; "
		     "virsh -q event --event lifecycle --timeout 1 >/dev/null 2>&1 || :; done' || "
		     "{ cat /run/pfkeep-lab/why >&2; exit 1; }",
		     pf));
	free(lab_run(&lab, 60,
		     "udevadm settle; cd /sys/bus/pci/devices/%s\n"
		     "[ $(basename $(readlink driver)) = igb ]\n"
		     "[ $(cat sriov_numvfs) = 0 ]\n"
		     "ip link set $(ls net) up\n"
		     "if virsh list --all --name | grep pfkeep- >&2; then exit 1; fi\n"
		     "if dmesg | grep -E 'BUG|WARNING|Oops|INFO: task' >&2; then exit 1; fi",
		     pf));
}

/*
 * The domain that pfkeep made, by virsh alone: until its agent answers and its PF has a
 * driver. Of an adoption it is the part that nobody can save.
 */
static void the_same_vm_boots_by_itself(void **state)
{
	char *text, *boot;
	double boot_s;

	vfio_bind(&lab, pf);
	text = lab_run(&lab, 30,
		       "echo FILE $(grep -o '/run/pfkeep/tokens/[a-z0-9.-]*' " PFVM_XML ")");
	boot = lab_field(text, "FILE ");
	vfio_make_token(&lab, boot);
	free(boot);
	free(text);
	text = lab_run(
		&lab, 400,
		"cd /run/pfkeep-lab; vm=$(sed -n 's/.*<name>\\(.*\\)<.name>.*/\\1/p' " PFVM_XML
		")\n"
		"agent() { virsh -q qemu-agent-command --timeout 20 $vm \"$1\"; }\n"
		"virsh -q define " PFVM_XML " >&2; mkfifo agent.events; exec 3<>agent.events\n"
		"stdbuf -oL virsh -q event --domain $vm --event agent-lifecycle --loop "
		"--timeout 300 >&3 & events=$!\n"
		"start=$(date +%%s%%N); virsh -q start $vm >&2\n"
		"grep -m1 \"'connected'\" <&3 >&2\n"
		"until agent '{\"execute\":\"guest-file-open\",\"arguments\":{\"path\":"
		"\"/sys/bus/pci/devices/0000:01:00.0/driver/module/refcnt\"}}' >&2; do :; done\n"
		"echo BOOT $(($(date +%%s%%N) - start)); kill $events\n"
		"virsh -q destroy $vm >&2; virsh -q undefine $vm >&2\n"
		"cd /sys/bus/pci/devices/%s; echo >driver_override; echo %s >driver/unbind\n"
		"echo %s >/sys/bus/pci/drivers_probe",
		pf, pf, pf);
	boot = lab_field(text, "BOOT ");
	boot_s = strtod(boot, NULL) / 1e9;
	bench_row(&bench, "the PF VM's own boot", boot_s, "s");
	bench_row(&bench, "pf adopt / the PF VM's own boot", adopt_s / boot_s, "");
	free(boot);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(doctor_finds_the_host_ready),
		cmocka_unit_test(libvirt_s_own_check_says_the_same),
		cmocka_unit_test(the_pf_goes_into_its_vm),
		cmocka_unit_test(a_device_plugin_finds_the_vfs),
		cmocka_unit_test(tenants_get_vfs),
		cmocka_unit_test(libvirt_s_schema_has_all_that_is_defined),
		cmocka_unit_test(the_wire_reaches_both),
		cmocka_unit_test(daemons_come_and_go_under_tenants),
		cmocka_unit_test(a_vlan_is_changed_under_a_tenant),
		cmocka_unit_test(a_vf_moves),
		cmocka_unit_test(the_hook_is_quick),
		cmocka_unit_test(the_pf_goes_back),
		cmocka_unit_test(the_same_vm_boots_by_itself),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
