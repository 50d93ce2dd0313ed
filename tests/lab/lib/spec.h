/* SPDX-License-Identifier: GPL-2.0-only */
/* What a lab is to be made of, as `labctl up` is told. */
#ifndef LAB_SPEC_H
#define LAB_SPEC_H

#include <stdbool.h>
#include <stddef.h>

#define LAB_NAME_MAX 31
#define LAB_PF_MAX   6

enum lab_pf {
	LAB_PF_IGB,
	LAB_PF_NVME,
	LAB_PF_NVME_127, /* with as many VFs as its emulation has */
	LAB_PF_VIRTIO_NET,
};

struct lab_spec {
	char name[LAB_NAME_MAX + 1];
	const char *kernel; /* of products kernel-X, host-X */
	enum lab_pf pfs[LAB_PF_MAX];
	unsigned int n_pfs;
	unsigned int ram_mib;
	unsigned int cpus;
	unsigned int timeout_s; /* for the lab host to become ready */
	const char *append;	/* more of the kernel's command line, or NULL */
	unsigned int owner;	/* the process that the lab ends with, or 0 */
};

/* One line, for people: what is wrong with the input. */
struct lab_error {
	char text[512];
};
__attribute__((format(printf, 2, 3))) void lab_error_set(struct lab_error *ret_error,
							 const char *format, ...);

void lab_spec_init(struct lab_spec *spec);
/*
 * Take the option argv[*pos] with its value and move *pos behind them. 1: taken;
 * 0: not an option of a lab; -EINVAL: a bad value, in ret_error. The strings of
 * argv are kept.
 */
int lab_spec_option(struct lab_spec *spec, char *const *argv, int argc, int *pos,
		    struct lab_error *ret_error);
/* -EINVAL when the parts don't fit together. */
int lab_spec_check(const struct lab_spec *spec, struct lab_error *ret_error);
/* Options that make the same spec; NULL-terminated, freed with free(). */
int lab_spec_argv(const struct lab_spec *spec, char ***ret_argv);

bool lab_name_valid(const char *name);
const char *lab_pf_name(enum lab_pf pf);
bool lab_pf_has_wire(enum lab_pf pf);
int lab_pf_parse(const char *text, enum lab_pf *ret_pf);
/* A whole decimal number within [min, max]. */
int lab_parse_number(const char *text, unsigned int min, unsigned int max, unsigned int *ret_value);

#endif
