/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a PF driver sets for one VF: MAC, VLAN, rate, trust, spoof check. The
 * text forms below are the only ones, on the command line, in a domain's
 * metadata, in the state and in the protocol.
 */
#ifndef PFKEEP_VFCONF_H
#define PFKEEP_VFCONF_H

#include <stdbool.h>
#include <stdint.h>

#include "pfkeep/problem.h"

/* Bits of vfconf.set: which fields were given. */
enum vfconf_field {
	VFCONF_MAC = 1 << 0,
	VFCONF_VLAN = 1 << 1,
	VFCONF_RATE = 1 << 2,
	VFCONF_TRUST = 1 << 3,
	VFCONF_SPOOFCHK = 1 << 4,
};
#define VFCONF_FIELDS 5

struct vfconf {
	unsigned int set;
	uint8_t mac[6];
	uint16_t vlan; /* 0: untagged */
	uint32_t rate; /* Mbit/s of transmission; 0: no limit */
	bool trust;
	bool spoofchk;
};

#define VFCONF_VALUE	20 /* room for any value's text */
#define VFCONF_VLAN_MAX 4094
#define VFCONF_RATE_MAX 1000000

/* Name of field number i (below VFCONF_FIELDS), and its bit. */
const char *vfconf_name(int i);
enum vfconf_field vfconf_bit(int i);

/* -ENOENT if there is no field of this name, -EINVAL if the value breaks its rule. */
int vfconf_set(struct vfconf *conf, const char *name, const char *value, struct problem *problem);

/* Text of a field that is set; returns dst. */
const char *vfconf_format(const struct vfconf *conf, enum vfconf_field field,
			  char dst[static VFCONF_VALUE]);

/* Fields set in over replace those of base. */
void vfconf_merge(struct vfconf *base, const struct vfconf *over);
/*
 * What must be set to come from one to the other; what is set in from only goes back
 * to what a driver starts with: no MAC, no VLAN, no limit, no trust, spoof check.
 */
void vfconf_change(const struct vfconf *from, const struct vfconf *to, struct vfconf *ret_change);
bool vfconf_equal(const struct vfconf *a, const struct vfconf *b);

#endif
