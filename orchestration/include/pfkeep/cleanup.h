/* SPDX-License-Identifier: GPL-2.0-only */
/* Release at the end of scope; taking over ownership is written out. */
#ifndef PFKEEP_CLEANUP_H
#define PFKEEP_CLEANUP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(fn) __attribute__((cleanup(fn)))

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_file(FILE **file)
{
	if (*file)
		fclose(*file);
}

static inline void cleanup_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* Hand the value over to the caller: the variable's cleanup finds nothing. */
#define TAKE_PTR(p)                       \
	({                                \
		__typeof__(p) taken_ = p; \
		(p) = NULL;               \
		taken_;                   \
	})

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#endif
