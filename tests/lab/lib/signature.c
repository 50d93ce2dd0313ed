// SPDX-License-Identifier: GPL-2.0-only
#include "tests/lab/lib/signature.h"

#include <stdio.h>
#include <string.h>

/* By class, worst first. */
static const struct signature signatures[] = {
	/*
	 * Jump-label patching leaves an int3 in a translated block: TCG kept
	 * the bytes of before. Nothing else makes a kernel die of an int3.
	 */
	{ "stale-int3", SIGNATURE_EMULATOR, "int3: 0000 [#", NULL },
	{ "qemu-assertion", SIGNATURE_EMULATOR, "Assertion `", "failed" },
	{ "qemu-assertion", SIGNATURE_EMULATOR, "ERROR:../", "assertion failed" },
	{ "qemu-fatal", SIGNATURE_EMULATOR, "qemu: fatal:", NULL },
	{ "qemu-bailout", SIGNATURE_EMULATOR, "Bail out!", NULL },
	{ "triple-fault", SIGNATURE_EMULATOR, "Triple fault", NULL },
	{ "timer-check", SIGNATURE_EMULATOR, "IO-APIC + timer doesn't work", NULL },
	{ "kvm-internal-error", SIGNATURE_EMULATOR, "KVM internal error. Suberror:", NULL },
	{ "kvm-entry-failed", SIGNATURE_EMULATOR, "KVM: entry failed, hardware error", NULL },
	{ "panic", SIGNATURE_PANIC, "Kernel panic - not syncing", NULL },
	{ "oops", SIGNATURE_OOPS, "Oops: ", NULL },
	{ "bug", SIGNATURE_OOPS, "kernel BUG at ", NULL },
	{ "bug", SIGNATURE_OOPS, "BUG: unable to handle", NULL },
	{ "soft-lockup", SIGNATURE_STALL, "BUG: soft lockup", NULL },
	{ "rcu-stall", SIGNATURE_STALL, "detected stalls on CPUs", NULL },
	{ "rcu-stall", SIGNATURE_STALL, "self-detected stall on CPU", NULL },
	{ "hung-task", SIGNATURE_STALL, "blocked for more than", "hung_task_timeout_secs" },
};

const struct signature *signature_find(const char *text, const char **ret_line)
{
	for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++) {
		const struct signature *sig = &signatures[i];
		const char *p = strstr(text, sig->mark);

		if (!p || (sig->after && !strstr(p, sig->after)))
			continue;
		while (p > text && p[-1] != '\n')
			p--;
		*ret_line = p;
		return sig;
	}
	return NULL;
}

void signature_copy_line(const char *p, char *ret_line, size_t size)
{
	size_t n = strcspn(p, "\r\n");

	if (n > size - 1)
		n = size - 1;
	for (size_t i = 0; i < n; i++)
		ret_line[i] = (unsigned char)p[i] < 0x20 || p[i] == 0x7f ? '?' : p[i];
	ret_line[n] = '\0';
}
