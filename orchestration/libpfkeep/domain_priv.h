/* SPDX-License-Identifier: GPL-2.0-only */
/* Between reading and editing domain XML. */
#ifndef LIBPFKEEP_DOMAIN_PRIV_H
#define LIBPFKEEP_DOMAIN_PRIV_H

#include <libxml/tree.h>

#include "pfkeep/domain.h"

/* With all the limits of domain_parse(). */
int domain_parse_xml(const char *xml, size_t len, xmlDocPtr *ret_doc, struct problem *problem);
/* <address domain= bus= slot= function=> */
int domain_read_address(xmlNodePtr address, struct bdf *ret_bdf);

#endif
