/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * qemu-guest-agent inside a PF VM: run a program of an allow-list, read and
 * write attributes in sysfs. The guest may be compromised: what it answers is
 * bounded and checked, and nothing of it is run or believed beyond its form.
 */
#ifndef PFKEEP_AGENT_H
#define PFKEEP_AGENT_H

#include <stdbool.h>
#include <stddef.h>

#include "pfkeep/problem.h"

#define AGENT_REPLY_MAX	 (4u << 20)
#define AGENT_OUTPUT_MAX (1u << 20)
#define AGENT_DEPTH	 32

/* The way to one agent: one JSON request there, its reply back, allocated. */
struct agent_link {
	int (*command)(void *data, const char *request, unsigned int timeout_s, char **ret_reply,
		       struct problem *problem);
	void *data;
};

struct agent_output {
	int status; /* exit status, or 128 + signal */
	char *out;  /* terminated; may hold zeros before out_len */
	size_t out_len;
	char *err;
	size_t err_len;
};

int agent_ping(const struct agent_link *link, struct problem *problem);

/*
 * Run argv (ended by NULL; argv[0] is a path of the allow-list, else -EPERM) and
 * wait for its end. Release ret_output on 0. -ETIMEDOUT, -EPROTO (the agent
 * answered nonsense), -EREMOTEIO (the agent reported an error).
 */
int agent_exec(const struct agent_link *link, const char *const *argv, unsigned int timeout_ms,
	       struct agent_output *ret_output, struct problem *problem);
void agent_output_release(struct agent_output *output);

/* A file below /sys/bus/pci/devices/ in the guest, else -EPERM; without its last newline. */
int agent_read(const struct agent_link *link, const char *path, char *ret_text, size_t size,
	       struct problem *problem);
int agent_write(const struct agent_link *link, const char *path, const char *text,
		struct problem *problem);

#endif
