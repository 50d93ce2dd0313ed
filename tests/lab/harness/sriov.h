/* SPDX-License-Identifier: GPL-2.0-only */
/* vfio-pci-sriov in a lab host: loading it, driving it without QEMU, its kernel's word. */
#ifndef TESTS_LAB_HARNESS_SRIOV_H
#define TESTS_LAB_HARNESS_SRIOV_H

#include "tests/lab/harness/lab.h"
#include "tests/lab/harness/pf.h"

/* Product @product's module is built, pushed and loaded; the client is pushed. */
void sriov_load(struct lab *lab, const char *product);
/* The client on the PF of that kind; its TAP is shown as it comes. Fails with it. */
void sriov_client(struct lab *lab, enum pf_kind kind, unsigned int timeout_s, const char *options);
/* A kernel that found fault says so, whatever a test saw. */
void sriov_kernel_has_no_complaint(struct lab *lab);
/* But of what is known to be no fault of ours: an extended regular expression. */
void sriov_kernel_complains_only_of(struct lab *lab, const char *known);
/* The path of a product's file in the cache, which is built for it if need be; the caller frees. */
char *sriov_product(const char *product, const char *file);

#endif
