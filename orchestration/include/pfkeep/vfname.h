/* SPDX-License-Identifier: GPL-2.0-only */
/* How a person names a VF: by PF and index (0000:01:00.0/3) or by its BDF. */
#ifndef PFKEEP_VFNAME_H
#define PFKEEP_VFNAME_H

#include <stdbool.h>
#include <stdint.h>

#include "pfkeep/bdf.h"
#include "pfkeep/problem.h"

struct vfname {
	bool by_index;
	struct bdf bdf; /* the PF's if by_index, else the VF's */
	uint16_t index; /* from 0 */
};

#define VFNAME_TEXT (BDF_TEXT + 6)

int vfname_parse(const char *text, struct vfname *ret_name, struct problem *problem);

/* Returns dst. */
const char *vfname_format(const struct vfname *name, char dst[static VFNAME_TEXT]);

#endif
