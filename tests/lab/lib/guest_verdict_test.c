// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "tests/lab/lib/guest_verdict.h"

#define RESET_OF(name)                                                                 \
	"event RTC_CHANGE at 1.000000 for domain '" name "': {\"offset\":0}\n"         \
	"event RESET at 2.000000 for domain '" name "': {\"guest\":true,\"reason\":\"" \
	"guest-reset\"}\n"

#define AT	     " irq_injections.sum=704 RAX=0000000103989000 RIP=ffffffff81a2b3c4 "
#define HALTED	     "look exits=1200" AT "HLT=1\n"
#define RUNS(exits)  "look exits=" exits AT "HLT=0\n"
#define MOVED(exits) "look exits=" exits " irq_injections.sum=705 RIP=ffffffff81a2b3c4 HLT=0\n"

static struct guest_verdict v;

static bool judge(struct guest_evidence ev)
{
	ev.name = "red";
	return guest_verdict(&ev, &v);
}

static void a_reset_that_nobody_asked_for_is_a_triple_fault(void **state)
{
	assert_true(judge((struct guest_evidence){ .console = "LAB-READY 1.2\n",
						   .events = RESET_OF("red") }));
	assert_string_equal(v.signature, "triple-fault");
	assert_string_equal(v.source, "events");
	assert_non_null(strstr(v.text, "event RESET"));
}

static void an_end_by_reset_is_one_too(void **state)
{
	assert_true(judge((struct guest_evidence){
		.console = "",
		.events = "event SHUTDOWN at 2.0 for domain 'red': "
			  "{\"guest\":true,\"reason\":\"guest-reset\"}\n" }));
	assert_string_equal(v.signature, "triple-fault");
}

static void a_guest_that_restarts_or_panics_is_reset_by_itself(void **state)
{
	assert_false(judge((struct guest_evidence){ .console = "[ 9.1] reboot: Restarting system\n",
						    .events = RESET_OF("red") }));
	assert_false(judge((struct guest_evidence){
		.console = "[ 9.1] Kernel panic - not syncing: Attempted to kill init!\n",
		.events = RESET_OF("red") }));
}

static void another_vms_reset_is_not_this_ones(void **state)
{
	assert_false(judge((struct guest_evidence){ .console = "",
						    .events = RESET_OF("red2") RESET_OF("re") }));
}

static void a_clean_end_is_no_failure(void **state)
{
	assert_false(judge((struct guest_evidence){
		.console = "LAB-READY 1.2\nLAB-JOB timer status=0\n",
		.log = "shutting down, reason=shutdown\n",
		.events = "event SHUTDOWN at 2.0 for domain 'red': "
			  "{\"guest\":true,\"reason\":\"guest-shutdown\"}\n" }));
	assert_string_equal(v.signature, "none");
}

static void without_a_console_nobody_is_blamed(void **state)
{
	assert_false(judge((struct guest_evidence){ .events = RESET_OF("red") }));
}

static void a_stale_int3_is_the_emulators(void **state)
{
	assert_true(judge((struct guest_evidence){
		.console = "x\n[ 0.4] Oops: int3: 0000 [#1] SMP\n[ 0.4] Kernel panic - not "
			   "syncing: Fatal exception\n",
		.events = RESET_OF("red") }));
	assert_string_equal(v.signature, "stale-int3");
	assert_string_equal(v.text, "[ 0.4] Oops: int3: 0000 [#1] SMP");
}

static void a_kvm_internal_error_is_the_emulators(void **state)
{
	assert_true(judge((struct guest_evidence){
		.console = "", .log = "a\nKVM internal error. Suberror: 1\nRAX=0\n" }));
	assert_string_equal(v.signature, "kvm-internal-error");
	assert_string_equal(v.source, "log");
}

static void registers_that_kvm_gave_and_refuses_are_the_emulators(void **state)
{
	assert_true(judge((struct guest_evidence){
		.console = "",
		.log = "qemu-system-x86_64: Putting registers after init: Failed to set special "
		       "registers: Invalid argument\nEAX=04367000\n" }));
	assert_string_equal(v.signature, "kvm-state-refused");
}

/* It may be our own QEMU's. */
static void a_crash_of_the_vms_qemu_is_not(void **state)
{
	assert_false(judge((struct guest_evidence){
		.console = "",
		.log = "qemu-system-x86_64: ../hw/vfio/x.c:1: f: Assertion `a' failed.\n"
		       "shutting down, reason=crashed\n" }));
}

static void a_kernel_halted_for_good_before_init_hangs_at_its_timer(void **state)
{
	assert_true(judge((struct guest_evidence){ .console = "[ 0.0] Linux version 7.3.4\n",
						   .probe = HALTED HALTED }));
	assert_string_equal(v.signature, "timer-hang");
	assert_non_null(strstr(v.text, "RIP=ffffffff81a2b3c4"));
}

static void one_that_still_exits_is_only_slow(void **state)
{
	assert_false(judge((struct guest_evidence){ .console = "",
						    .probe = HALTED
						    "look HLT=1 RIP=ffffffff81a2b3c4 "
						    "vcpu.0.exits.sum=1201 vcpu.0.time=3000\n" }));
	assert_false(judge((struct guest_evidence){ .console = "", .probe = HALTED }));
	assert_false(judge(
		(struct guest_evidence){ .console = "", .probe = "look exits=\nlook exits=\n" }));
}

/* As met: the VM's state was the lab host's own, from behind its vmrun. */
static void one_that_exits_at_one_instruction_for_ever_is_held_there(void **state)
{
	assert_true(judge((struct guest_evidence){ .console = "LAB-NIC eth0\n",
						   .probe = RUNS("4128920") RUNS("4243482") }));
	assert_string_equal(v.signature, "exit-loop");
	assert_false(judge(
		(struct guest_evidence){ .console = "", .probe = RUNS("1000") RUNS("1010") }));
	assert_false(judge(
		(struct guest_evidence){ .console = "", .probe = RUNS("1000") MOVED("9000") }));
}

static void one_that_idles_after_init_does_not_hang(void **state)
{
	assert_false(judge(
		(struct guest_evidence){ .console = "LAB-NIC eth0\n", .probe = HALTED HALTED }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reset_that_nobody_asked_for_is_a_triple_fault),
		cmocka_unit_test(an_end_by_reset_is_one_too),
		cmocka_unit_test(a_guest_that_restarts_or_panics_is_reset_by_itself),
		cmocka_unit_test(another_vms_reset_is_not_this_ones),
		cmocka_unit_test(a_clean_end_is_no_failure),
		cmocka_unit_test(without_a_console_nobody_is_blamed),
		cmocka_unit_test(a_stale_int3_is_the_emulators),
		cmocka_unit_test(a_kvm_internal_error_is_the_emulators),
		cmocka_unit_test(registers_that_kvm_gave_and_refuses_are_the_emulators),
		cmocka_unit_test(a_crash_of_the_vms_qemu_is_not),
		cmocka_unit_test(a_kernel_halted_for_good_before_init_hangs_at_its_timer),
		cmocka_unit_test(one_that_still_exits_is_only_slow),
		cmocka_unit_test(one_that_exits_at_one_instruction_for_ever_is_held_there),
		cmocka_unit_test(one_that_idles_after_init_does_not_hang),
	};

	return cmocka_run_group_tests_name("lab_guest_verdict", tests, NULL, NULL);
}
