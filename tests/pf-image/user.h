/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An ordinary user with subordinate ids, as pf-image's tests need one: known only in
 * the mount namespace that user_create() makes for this process, gone with it.
 */
#ifndef TESTS_PF_IMAGE_USER_H
#define TESTS_PF_IMAGE_USER_H

#include <limits.h>

#include "tests/pf-image/e2e.h"

/*
 * With a home in the tests' folder and pf-image where everybody may run it. 0 or -1, for
 * setup; needs root.
 */
int user_create(char ret_home[PATH_MAX]);

/* From now on pf-image is that user's, with the user's environment; user_leave() ends it. */
void user_enter(const char *home);
void user_leave(void);

#endif
