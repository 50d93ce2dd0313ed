/* SPDX-License-Identifier: GPL-2.0-only */
/* UUIDs as text: what a domain is known by, and the form of a VF token. */
#ifndef PFKEEP_UUID_H
#define PFKEEP_UUID_H

#define UUID_TEXT 37

/* 8-4-4-4-12 hex digits, nothing else; comes out in lower case. -EINVAL. */
int uuid_parse(const char *text, char ret_uuid[static UUID_TEXT]);

/* A random one (version 4) from the kernel. */
int uuid_random(char ret_uuid[static UUID_TEXT]);

#endif
