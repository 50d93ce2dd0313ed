/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether the emulator failed under one of the lab host's own VMs, from what the
 * VM left: told by marks, like the verdict over the lab host itself. A QEMU that
 * crashed is not among them: the lab host's QEMU may be ours, and is then what
 * the test is about.
 */
#ifndef LAB_GUEST_VERDICT_H
#define LAB_GUEST_VERDICT_H

#include <stdbool.h>

/*
 * A shell function for the lab host: two looks, some seconds apart, at the VM $1,
 * which should long be up: how often it left for the host, and what must change
 * when it gets anywhere.
 */
#define GUEST_PROBE                                                              \
	"probe() {\n"                                                            \
	"for i in 1 2; do\n"                                                     \
	"stats=$(virsh domstats --vcpu $1)\n"                                    \
	"echo look exits=$(echo \"$stats\" | sed -n 's/.*vcpu.0.exits.sum=//p')" \
	" $(echo \"$stats\" | grep -oE "                                         \
	"'(io_exits|mmio_exits|irq_injections|pf_taken).sum=[0-9]+')"            \
	" $(virsh qemu-monitor-command --hmp $1 'info registers' |"              \
	" grep -aoE '\\b(R[A-Z0-9]{2} ?|CR[23])=[0-9a-f]+|HLT=[01]')\n"          \
	"[ $i = 2 ] || sleep 5\n"                                                \
	"done >/run/pfkeep-lab/consoles/$1.probe; }\n"

/* Texts; NULL is for what couldn't be had. */
struct guest_evidence {
	const char *name;
	const char *console; /* its serial console */
	const char *log;     /* what its QEMU said */
	const char *events;  /* all VMs' QMP events, as `virsh qemu-monitor-event` prints them */
	const char *probe;   /* GUEST_PROBE's, of a VM that made no progress */
};

struct guest_verdict {
	const char *signature;
	const char *source; /* which of the texts */
	char text[200];	    /* the line that tells */
};

/* True when it did; the first of the marks found is in ret_verdict. */
bool guest_verdict(const struct guest_evidence *ev, struct guest_verdict *ret_verdict);

#endif
