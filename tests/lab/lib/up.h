/* SPDX-License-Identifier: GPL-2.0-only */
/* Starting a lab. */
#ifndef LAB_UP_H
#define LAB_UP_H

#include "tests/lab/lib/spec.h"

/*
 * Start the lab and wait until its libvirt answers. progress, if not NULL, is
 * told what is being done. On failure nothing runs and the logs stay.
 * -EINVAL when the spec is at fault, -EBUSY when the name is in use.
 */
int lab_up(const struct lab_spec *spec, void (*progress)(void *data, const char *text), void *data,
	   struct lab_error *ret_error);

#endif
