/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Marks that failures leave in a console's or a program's text. Each has a
 * class, so that a fault of the emulator is told from a fault of what runs in
 * it: known by the mark, never guessed from a timeout.
 */
#ifndef LAB_SIGNATURE_H
#define LAB_SIGNATURE_H

#include <stddef.h>

enum signature_class {
	SIGNATURE_EMULATOR, /* cannot happen on real hardware */
	SIGNATURE_PANIC,    /* the kernel gave up */
	SIGNATURE_OOPS,	    /* the kernel met a bug of its own */
	SIGNATURE_STALL,    /* CPUs made no progress: emulator or kernel */
};

struct signature {
	const char *name;
	enum signature_class class;
	const char *mark;  /* on a line of its own */
	const char *after; /* and this later in the text, or NULL */
};

/*
 * The worst one in the text: emulator before panic before oops before stall. A
 * pointer to its line, up to the newline, is in *ret_line. NULL if there is none.
 */
const struct signature *signature_find(const char *text, const char **ret_line);
/* Copies the line at p, cut to size, control characters replaced. */
void signature_copy_line(const char *p, char *ret_line, size_t size);

#endif
