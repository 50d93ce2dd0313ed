/* SPDX-License-Identifier: GPL-2.0-only */
/* Domains of the lab host's libvirt, PF VMs and tenants alike, while things happen under them. */
#ifndef TESTS_LAB_HARNESS_DOMAIN_H
#define TESTS_LAB_HARNESS_DOMAIN_H

#include "tests/lab/harness/lab.h"

/* Its process, and the program that it is; the caller frees. */
char *domain_process(struct lab *lab, const char *domain);
/* It runs, and libvirt does all with it that an operator does, but for its end. */
void domain_is_managed(struct lab *lab, const char *domain);
/* As a crash of its QEMU: SIGKILL, and it is gone. */
void domain_kill(struct lab *lab, const char *domain);
/*
 * What its guest's agent tells of a boot, or of a PCI function that was probed again, has
 * gone or has other VFs; the caller frees.
 */
char *domain_tells(struct lab *lab, const char *domain);
/* A script that gives a line to its guest's shell, whose end nobody waits for; the caller frees. */
char *domain_command(const char *domain, const char *line);

/*
 * A lab host does without systemd-machined, which costs seconds under emulation. With it
 * libvirt makes each domain that starts from then on a machine of systemd's.
 */
void domain_use_machined(struct lab *lab);
/* While it runs: what libvirt writes into its control groups. */
void domain_limit(struct lab *lab, const char *domain);
/*
 * What systemd and libvirt say of it as a machine, and the control groups that it has, with
 * what is set of them; the caller frees.
 */
char *domain_machine(struct lab *lab, const char *domain);

#endif
