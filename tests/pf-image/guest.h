/* SPDX-License-Identifier: GPL-2.0-only */
/* A booted image, asked through its agent. Each call fails the running test if it can't be done. */
#ifndef TESTS_PF_IMAGE_GUEST_H
#define TESTS_PF_IMAGE_GUEST_H

#include "tests/pf-image/qga.h"
#include "tests/pf-image/vm.h"

/* Without KVM and on a loaded machine; a boot takes seconds with it. */
#define GUEST_BOOT_MS 600000
#define GUEST_CALL_MS 180000

struct guest {
	struct vm vm;
	struct qga agent;
	double started, ready; /* monotonic seconds here: QEMU started, the agent answered */
};

/* Boots an image and waits for its agent; the console goes to a file in dir. */
void guest_boot(const char *image, const char *dir, const char *append, struct guest *g);
/* The same of any disk. */
void guest_boot_disk(const struct vm_boot *boot, struct guest *g);
/* For cmocka's teardown too: no QEMU is left. */
void guest_kill(struct guest *g);
/* Shuts it down through the agent. */
void guest_end(struct guest *g);

/* A shell line's output; the caller frees. */
char *guest_shell(struct guest *g, const char *line);
void guest_expect(struct guest *g, const char *line, const char *wanted);
long guest_number(struct guest *g, const char *line);
/* What the kernel wrote first of what matches, by the guest's clock since it began. */
double guest_kernel_time(struct guest *g, const char *pattern);
/* That clock's zero, as a monotonic second here. */
double guest_clock_zero(struct guest *g);
long guest_memory_used_kib(struct guest *g);

/* So many VFs of the only PF, each held by pci-stub. */
void guest_expect_vfs(struct guest *g, unsigned int vfs);

#endif
