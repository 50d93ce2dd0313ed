/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What pf-image's end-to-end tests share: a folder of their own that is gone when
 * they end, however they end; pf-image as a person runs it; what is left behind.
 */
#ifndef TESTS_PF_IMAGE_E2E_H
#define TESTS_PF_IMAGE_E2E_H

#include <limits.h>
#include <sys/types.h>

#include "pf-vm-image/manifest.h"

/* The tests' folder; TMPDIR is a folder in it, so that what lies there was left behind. */
extern char e2e_dir[PATH_MAX];
/* What pf-image said, both streams. */
extern char e2e_output[1 << 20];

/*
 * Runs body in a child. The parent stays to end what the child's death leaves over,
 * and to remove the folder; SIGINT, SIGTERM and SIGHUP end both. For main()'s return.
 */
int e2e_main(int argc, char **argv, int (*body)(int argc, char **argv));

/* pf-image with these arguments, ended by NULL: its exit status. */
int e2e_run(const char *command, ...) __attribute__((sentinel));
/* The same; fails the test unless it ends so, and says text (NULL: whatever). */
void e2e_expect(int wanted, const char *text, const char *command, ...) __attribute__((sentinel));

/* The same, but sig comes once it has said at. */
void e2e_expect_signalled(const char *at, int sig, const char *command, ...)
	__attribute__((sentinel));

/* The same, but from then on the tmpfs at dir has no room; it says so. */
void e2e_expect_filled(const char *at, const char *dir, const char *command, ...)
	__attribute__((sentinel));

/* From now on pf-image runs as this user, with no group but one; NULL: as we do. */
struct e2e_user {
	uid_t uid;
	gid_t gid;
};
void e2e_as(const struct e2e_user *user);

/* A file of a product: ${PFKEEP_PRODUCTS}/NAME, else built if need be. 0 or -1, for setup. */
int e2e_product(const char *product, const char *file, char ret_path[PATH_MAX]);
/* A copy of the product's image. */
int e2e_copy_image(const char *to);

/* The release of an image's kernel. */
const char *e2e_kernel(const char *image);

void e2e_hash(const char *image, struct manifest *m);
void e2e_expect_same(const struct manifest *a, const struct manifest *b);
/* Nothing in dir whose name begins so. */
void e2e_expect_none(const char *dir, const char *prefix);
/* No temporary file in TMPDIR, none of pf-image's beside the images. */
void e2e_expect_nothing_left(void);
/* A package with this file at this place in it. */
void e2e_make_deb(const char *deb, const char *architecture, const char *file, const char *place);

#endif
