/* SPDX-License-Identifier: GPL-2.0-only */
/* Live updates of the lab host: what is made ready for them, the order, the next kernel. */
#ifndef TESTS_LAB_HARNESS_UPDATE_H
#define TESTS_LAB_HARNESS_UPDATE_H

#include "tests/lab/harness/bench.h"
#include "tests/lab/harness/wire.h"

/* On the lab host's command line. Large pages: a hundred times fewer to hand over. */
#define UPDATE_LIVE "liveupdate=on kho=on transparent_hugepage_shmem=within_size"

/* By the kernel that runs; options may follow. The lab's own initramfs restores nothing. */
#define UPDATE_COMMAND \
	"cd /usr/lib/modules/$(uname -r); pfkeep live-update --kernel vmlinuz --initrd initrd.img"
/*
 * With the initramfs of update_make_initramfs(), which restores: it mounts more than root
 * and /usr, all that the VMs need.
 */
#define UPDATE_EARLY                                                            \
	"cd /usr/lib/modules/$(uname -r); pfkeep live-update --kernel vmlinuz " \
	"--initrd /var/tmp/next.img --append pfkeep.restore=early"

/*
 * What the VMs' QEMUs open by name is on disk from then on, and there before they are.
 * Before the first VM starts.
 */
void update_keep_files(struct lab *lab);
void update_make_initramfs(struct lab *lab);

/*
 * The order, while this flow begins; the next boot of the lab host, its number @boots. Its
 * report says that both VMs went on, its IOMMU logs no fault. What the unit that restores
 * said, which the caller frees.
 */
char *update_jump(struct lab *lab, const struct wire_flow *over, const char *command,
		  unsigned int boots);
/* `pfkeep report` has these words. */
void update_report_says(struct lab *lab, const char *words);
/* Its picture, as build/bench/NAME.svg. */
void update_draw(struct lab *lab, const char *name);
/* Ends the flow, of which no frame may be lost; its blackout is said, and a figure. */
void update_finish(struct lab *lab, struct bench *bench, const struct wire_flow *over,
		   const char *what);

/*
 * Until it is let go, somebody has the session's name: an update fails when all VMs have
 * given way already. They come back.
 */
void update_hold(struct lab *lab);
void update_fails(struct lab *lab);
void update_let_go(struct lab *lab);

#endif
