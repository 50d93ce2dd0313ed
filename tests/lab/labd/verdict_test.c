// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <string.h>

#include "tests/lab/labd/verdict.h"

static struct verdict judge(struct evidence ev)
{
	struct verdict v;

	ev.console = ev.console ? ev.console : "";
	ev.qemu_stderr = ev.qemu_stderr ? ev.qemu_stderr : "";
	ev.qemu_log = ev.qemu_log ? ev.qemu_log : "";
	verdict_judge(&ev, &v);
	return v;
}

#define EXITED(status) ((status) << 8)

static void a_lab_that_was_asked_to_end_is_down(void **state)
{
	struct verdict v = judge(
		(struct evidence){ .requested = true, .greeted = true, .wait_status = SIGKILL });

	assert_int_equal(v.kind, VERDICT_DOWN);
}

static void a_triple_fault_is_the_emulators(void **state)
{
	struct verdict v = judge((struct evidence){
		.greeted = true,
		.reason = "guest-reset",
		.qemu_log = "CPU Reset (CPU 0)\nRAX=0\nTriple fault\nCPU Reset (CPU 1)\n",
	});

	assert_int_equal(v.kind, VERDICT_EMULATOR);
	assert_string_equal(v.signature, "triple-fault");
}

static void a_reset_without_a_triple_fault_is_only_a_reset(void **state)
{
	struct verdict v = judge((struct evidence){
		.greeted = true, .reason = "guest-reset", .qemu_log = "CPU Reset (CPU 0)\n" });

	assert_int_equal(v.kind, VERDICT_RESET);
}

static void a_failed_assertion_of_qemu_is_the_emulators(void **state)
{
	struct verdict v = judge((struct evidence){
		.greeted = true,
		.wait_status = SIGABRT,
		.qemu_stderr = "warning: x\nqemu-system-x86_64: ../system/physmem.c:1: "
			       "iotlb_to_section: Assertion `i < n' failed.\n",
	});

	assert_int_equal(v.kind, VERDICT_EMULATOR);
	assert_string_equal(v.signature, "qemu-crash");
	assert_non_null(strstr(v.text, "iotlb_to_section"));
}

static void qemu_killed_from_outside_is_nobodys_failure(void **state)
{
	struct verdict v = judge((struct evidence){ .greeted = true, .wait_status = SIGKILL });

	assert_int_equal(v.kind, VERDICT_KILLED);
}

static void qemu_that_refuses_its_arguments_did_not_start(void **state)
{
	struct verdict v = judge((struct evidence){
		.wait_status = EXITED(1), .qemu_stderr = "qemu: cannot set up guest memory\n" });

	assert_int_equal(v.kind, VERDICT_START);
	assert_non_null(strstr(v.text, "cannot set up guest memory"));
}

static void a_stale_int3_is_told_from_a_panic(void **state)
{
	struct verdict v = judge((struct evidence){
		.greeted = true,
		.reason = "guest-reset",
		.console = "[1.0] Oops: int3: 0000 [#1] SMP NOPTI\n"
			   "[1.0] RIP: 0010:kvm_arch_vcpu_ioctl_run+0x3a1/0x1d40 [kvm]\n"
			   "[1.1] Kernel panic - not syncing: Fatal exception\n",
	});

	assert_int_equal(v.kind, VERDICT_EMULATOR);
	assert_string_equal(v.signature, "stale-int3");
}

static void a_panic_is_the_kernels_and_quoted(void **state)
{
	struct verdict v = judge((struct evidence){
		.greeted = true,
		.reason = "guest-reset",
		.console = "a\r\n[2.0] Kernel panic - not syncing: VFS: no root\033[0m\r\nb\n",
	});

	assert_int_equal(v.kind, VERDICT_PANIC);
	assert_string_equal(v.text, "console: [2.0] Kernel panic - not syncing: VFS: no root?[0m");
}

static void a_stall_alone_blames_nobody(void **state)
{
	struct verdict v = judge((struct evidence){
		.greeted = true,
		.timed_out = true,
		.console = "rcu: INFO: rcu_sched self-detected stall on CPU\n",
	});

	assert_int_equal(v.kind, VERDICT_TIMEOUT);
	assert_string_equal(v.signature, "rcu-stall");
}

static void a_power_off_is_told_from_a_reset(void **state)
{
	struct verdict v = judge((struct evidence){ .greeted = true, .reason = "guest-shutdown" });

	assert_int_equal(v.kind, VERDICT_POWEROFF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lab_that_was_asked_to_end_is_down),
		cmocka_unit_test(a_triple_fault_is_the_emulators),
		cmocka_unit_test(a_reset_without_a_triple_fault_is_only_a_reset),
		cmocka_unit_test(a_failed_assertion_of_qemu_is_the_emulators),
		cmocka_unit_test(qemu_killed_from_outside_is_nobodys_failure),
		cmocka_unit_test(qemu_that_refuses_its_arguments_did_not_start),
		cmocka_unit_test(a_stale_int3_is_told_from_a_panic),
		cmocka_unit_test(a_panic_is_the_kernels_and_quoted),
		cmocka_unit_test(a_stall_alone_blames_nobody),
		cmocka_unit_test(a_power_off_is_told_from_a_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
