/* SPDX-License-Identifier: GPL-2.0-only */
/* VFs as `pfkeep vf list` shows them: a line each, or a JSON object each. */
#ifndef PFKEEP_VFTABLE_H
#define PFKEEP_VFTABLE_H

#include <stdio.h>

#include "pfkeep/pci.h"

/* Who has a VF: a domain's name, good until the next call; NULL: nobody. */
struct vftable_owners {
	const char *(*find)(void *data, const struct bdf *pf, uint16_t index);
	void *data;
};

void vftable_head(FILE *out);
void vftable_lines(FILE *out, const struct pci_pf *pf, const struct vftable_owners *owners);
/* Elements of an array, those behind the first with a comma before them; ours to count. */
int vftable_json(FILE *out, const struct pci_pf *pf, const struct vftable_owners *owners,
		 size_t *count);

#endif
