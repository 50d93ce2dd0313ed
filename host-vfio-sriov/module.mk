# SPDX-License-Identifier: GPL-2.0-only
# The variant driver. Its capability's state machine is also tested and fuzzed
# in user space; the module itself is built against a kernel's headers (KDIR).

$(eval $(call unit_test,sriov_cap,tests/unit/sriov_cap_test.c host-vfio-sriov/sriov_cap.c))

$(eval $(call fuzzer,sriov_cap_fuzz,tests/fuzz/sriov_cap_fuzz.c tests/fuzz/sriov_cap_model.c \
	host-vfio-sriov/sriov_cap.c,4096))
