/* SPDX-License-Identifier: GPL-2.0-only */
/* What a live update's report says, for the terminal and for the picture. */
#ifndef PFKEEP_REPORT_H
#define PFKEEP_REPORT_H

#include "pfkeep/livereport.h"

#define REPORT_LINE 512

enum report_side {
	REPORT_OLD,  /* in the kernel that goes */
	REPORT_JUMP, /* between the kernels, and in none's user space */
	REPORT_NEW,
	REPORT_BACK, /* undone */
};

/* What happens in a phase, of the host or of a VM. */
struct report_phase {
	enum report_side side;
	const char *text;
};
struct report_phase report_phase(const char *name);

/* "Live update failed in preserve: all VMs run on", and when it was, between which kernels. */
void report_title(const struct live *live, char *ret_text, size_t size);
void report_subtitle(const struct live *live, char *ret_text, size_t size);
void report_duration(double ms, char *ret_text, size_t size);
/* What a VM's silence came to. */
void report_blackout(const struct live *live, const struct live_vm *vm, char *ret_text,
		     size_t size);
/* A name without what isn't printable. */
void report_name(const struct live_vm *vm, char *ret_text, size_t size);

/* The picture, to be freed. */
int report_svg(const struct live *live, char **ret_svg);

#endif
