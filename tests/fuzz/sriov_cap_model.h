/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A reference model of the SR-IOV capability for the fuzzer, written bit by bit
 * from the specification's register figures and sharing nothing with
 * sriov_cap.c but the vocabulary of its verdicts.
 */
#ifndef TESTS_FUZZ_SRIOV_CAP_MODEL_H
#define TESTS_FUZZ_SRIOV_CAP_MODEL_H

#include "host-vfio-sriov/sriov_cap.h"

#define MODEL_BITS (64 * 8)

struct model {
	bool bit[MODEL_BITS];
	const struct sriov_cap_config *config;
};

void model_reset(struct model *m, const struct sriov_cap_config *config);
bool model_read(const struct model *m, unsigned int offset, unsigned int size, u32 *ret_value);
bool model_write(struct model *m, unsigned int offset, unsigned int size, u32 value,
		 const struct sriov_cap_host *host, struct sriov_cap_verdict *ret_verdict);
void model_enable_done(struct model *m, bool success);
void model_attach(struct model *m, u16 num_vfs);
void model_detach(struct model *m);

#endif
