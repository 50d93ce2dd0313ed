// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pfkeep/number.h"
#include "pfkeep/vfconf.h"

static int hex_pair(const char *text)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *hi = text[0] ? strchr(digits, text[0]) : NULL;
	const char *lo = hi && text[1] ? strchr(digits, text[1]) : NULL;

	return lo ? (int)((hi - digits) % 16 * 16 + (lo - digits) % 16) : -1;
}

static int set_mac(struct vfconf *conf, const char *value)
{
	static const uint8_t zero[6];
	uint8_t mac[6];

	if (strlen(value) != 17)
		return -EINVAL;
	for (int i = 0; i < 6; i++) {
		int byte = hex_pair(value + 3 * i);

		if (byte < 0 || (i < 5 && value[3 * i + 2] != ':'))
			return -EINVAL;
		mac[i] = (uint8_t)byte;
	}
	if (mac[0] & 1 || !memcmp(mac, zero, sizeof(mac)))
		return -EINVAL;
	memcpy(conf->mac, mac, sizeof(mac));
	return 0;
}

static int set_vlan(struct vfconf *conf, const char *value)
{
	uint64_t vlan;

	if (number_parse(value, VFCONF_VLAN_MAX, &vlan))
		return -EINVAL;
	conf->vlan = (uint16_t)vlan;
	return 0;
}

static int set_rate(struct vfconf *conf, const char *value)
{
	uint64_t rate;

	if (number_parse(value, VFCONF_RATE_MAX, &rate))
		return -EINVAL;
	conf->rate = (uint32_t)rate;
	return 0;
}

static int parse_switch(const char *value, bool *ret_on)
{
	if (strcmp(value, "on") && strcmp(value, "off"))
		return -EINVAL;
	*ret_on = !strcmp(value, "on");
	return 0;
}

static int set_trust(struct vfconf *conf, const char *value)
{
	return parse_switch(value, &conf->trust);
}

static int set_spoofchk(struct vfconf *conf, const char *value)
{
	return parse_switch(value, &conf->spoofchk);
}

static const struct field {
	const char *name;
	enum vfconf_field bit;
	int (*set)(struct vfconf *conf, const char *value);
	const char *rule;
} fields[VFCONF_FIELDS] = {
	{ "mac", VFCONF_MAC, set_mac,
	  "a MAC is six hex pairs (52:54:00:12:34:56), unicast, not zero" },
	{ "vlan", VFCONF_VLAN, set_vlan, "a VLAN is a number from 0 (none) to 4094" },
	{ "rate", VFCONF_RATE, set_rate,
	  "a rate is a number of Mbit/s from 0 (no limit) to 1000000" },
	{ "trust", VFCONF_TRUST, set_trust, "trust is on or off" },
	{ "spoofchk", VFCONF_SPOOFCHK, set_spoofchk, "spoofchk is on or off" },
};

const char *vfconf_name(int i)
{
	return fields[i].name;
}

enum vfconf_field vfconf_bit(int i)
{
	return fields[i].bit;
}

int vfconf_set(struct vfconf *conf, const char *name, const char *value, struct problem *problem)
{
	for (int i = 0; i < VFCONF_FIELDS; i++) {
		const struct field *field = &fields[i];

		if (strcmp(field->name, name))
			continue;
		if (field->set(conf, value))
			return problem_set(problem, -EINVAL, "%s '%.40s': %s", name, value,
					   field->rule);
		conf->set |= field->bit;
		return 0;
	}
	return problem_set(problem, -ENOENT, "'%.40s': a VF has no such setting", name);
}

const char *vfconf_format(const struct vfconf *conf, enum vfconf_field field,
			  char dst[static VFCONF_VALUE])
{
	const uint8_t *m = conf->mac;

	switch (field) {
	case VFCONF_MAC:
		snprintf(dst, VFCONF_VALUE, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3],
			 m[4], m[5]);
		break;
	case VFCONF_VLAN:
		snprintf(dst, VFCONF_VALUE, "%u", conf->vlan);
		break;
	case VFCONF_RATE:
		snprintf(dst, VFCONF_VALUE, "%u", conf->rate);
		break;
	case VFCONF_TRUST:
		snprintf(dst, VFCONF_VALUE, "%s", conf->trust ? "on" : "off");
		break;
	case VFCONF_SPOOFCHK:
		snprintf(dst, VFCONF_VALUE, "%s", conf->spoofchk ? "on" : "off");
		break;
	}
	return dst;
}

void vfconf_merge(struct vfconf *base, const struct vfconf *over)
{
	if (over->set & VFCONF_MAC)
		memcpy(base->mac, over->mac, sizeof(base->mac));
	if (over->set & VFCONF_VLAN)
		base->vlan = over->vlan;
	if (over->set & VFCONF_RATE)
		base->rate = over->rate;
	if (over->set & VFCONF_TRUST)
		base->trust = over->trust;
	if (over->set & VFCONF_SPOOFCHK)
		base->spoofchk = over->spoofchk;
	base->set |= over->set;
}

void vfconf_change(const struct vfconf *from, const struct vfconf *to, struct vfconf *ret_change)
{
	struct vfconf change = { .set = from->set & ~to->set, .spoofchk = true };
	char x[VFCONF_VALUE], y[VFCONF_VALUE];

	vfconf_merge(&change, to);
	for (int i = 0; i < VFCONF_FIELDS; i++)
		if (from->set & to->set & fields[i].bit &&
		    !strcmp(vfconf_format(from, fields[i].bit, x),
			    vfconf_format(to, fields[i].bit, y)))
			change.set &= ~(unsigned int)fields[i].bit;
	*ret_change = change;
}

bool vfconf_equal(const struct vfconf *a, const struct vfconf *b)
{
	char x[VFCONF_VALUE], y[VFCONF_VALUE];

	if (a->set != b->set)
		return false;
	for (int i = 0; i < VFCONF_FIELDS; i++)
		if (a->set & fields[i].bit &&
		    strcmp(vfconf_format(a, fields[i].bit, x), vfconf_format(b, fields[i].bit, y)))
			return false;
	return true;
}
