/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TESTS_LAB_GUEST_FLOW_OPTIONS_H
#define TESTS_LAB_GUEST_FLOW_OPTIONS_H

#include <stdint.h>

enum flow_mode {
	FLOW_MODE_ECHO,
	FLOW_MODE_SEND,
	FLOW_MODE_RECEIVE,
};

struct flow_options {
	enum flow_mode mode;
	uint32_t peer; /* not of RECEIVE */
	uint32_t bind; /* 0: any */
	uint16_t port; /* theirs; RECEIVE: ours */
	uint16_t id;
	uint32_t rate;
	uint32_t size;
	uint64_t count;	   /* 0: no end */
	uint64_t drain_ms; /* for the last answers */
};

extern const char flow_options_usage[];

/* -EINVAL after one line on stderr that says why. */
int flow_options_parse(int argc, char *argv[], struct flow_options *ret_options);

#endif
