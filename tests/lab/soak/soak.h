/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The campaign that shows whether the lab can be trusted: nested VMs are booted,
 * three side by side, in one lab after another, on a machine whose other CPUs are
 * busy. Counted are failures of the emulator, each with its mark.
 */
#ifndef LAB_SOAK_H
#define LAB_SOAK_H

#include <stdbool.h>

#include "tests/lab/lib/spec.h"

#define SOAK_GROUP 3 /* VMs side by side: one CPU of the lab host stays free */

struct soak_options {
	unsigned int count;   /* of VM boots */
	unsigned int groups;  /* in each lab */
	unsigned int limit_s; /* for a group */
	const char *append;   /* to the lab host's command line, or NULL */
};

struct soak_counts {
	unsigned int boots;			   /* each with a verdict of its own */
	unsigned int lab_failures, guest_failures; /* of the emulator */
	unsigned int failed;			   /* whatever else went wrong */
};

/* Shared by the process that works and the one that watches it. */
struct soak {
	struct soak_options options;
	struct soak_counts counts;
	char lab[LAB_NAME_MAX + 1]; /* the one that is up or starting, or "" */
	bool up;		    /* it is ours to end; one that starts ends by itself */
	char doing[96];
	double boot_s; /* all groups' time */
};

/* Seconds since the program's start. */
double soak_seconds(void);
/* A line with the time before it. */
__attribute__((format(printf, 1, 2))) void soak_say(const char *format, ...);

/* campaign.c: the whole; returns when all boots are done or nothing goes any more. */
void soak_campaign(struct soak *soak);
/* End the lab; returns when nothing of it runs. */
void soak_lab_down(const char *name);
/* Only wait until nothing of it runs. */
void soak_lab_wait(const char *name);
/* At most one emulator failure in 200 boots, and nothing else. */
bool soak_passed(const struct soak *soak);

/* group.c: up to SOAK_GROUP boots in that lab. Negative when the lab failed under them. */
int soak_group(struct soak *soak, const char *lab, unsigned int n);

#endif
