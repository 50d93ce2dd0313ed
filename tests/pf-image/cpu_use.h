/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How long something took, and whose CPU time it was meanwhile: on a machine that has
 * other work, seconds say nothing of a program.
 */
#ifndef TESTS_PF_IMAGE_CPU_USE_H
#define TESTS_PF_IMAGE_CPU_USE_H

struct cpu_use {
	double wall_s;
	double ours_s; /* of the programs that were run and have ended, QEMU too */
	double others; /* of what all CPUs had to give, the part that others took: 0 to 1 */
};

struct cpu_use cpu_use_begin(void);
void cpu_use_end(struct cpu_use *use);

#endif
