# SPDX-License-Identifier: GPL-2.0-only
# Campaigns over the driver in the lab, written like scenarios: each a cmocka
# program with labs of its own. What each needs beyond LAB_PRODUCTS it builds itself,
# on demand.
VFIO_SOAKS := $(basename $(notdir $(wildcard tests/lab/vfio/*.c)))

$(foreach s,$(VFIO_SOAKS),$(eval $(call program,lab/vfio/$(s),tests/lab/vfio/$(s).c \
	$(HARNESS) $(LAB_CLIENT),json-c,-lcmocka)))

VFIO_SOAK_TARGETS := $(subst _,-,$(VFIO_SOAKS:%=soak-%))
SOAK += $(VFIO_SOAK_TARGETS:soak-%=%)
.PHONY: $(VFIO_SOAK_TARGETS)

## soak-vfio-debug: the driver's client under a kernel with KASAN, lockdep, kmemleak
## soak-vfio-kexec: which functions go into an ordinary kexec as bus masters
## soak-vfio-cycles: COUNT (1000) times VFs made and removed, and nothing left of them
## soak-vfio-stock: the driver's client on Debian's own kernels, 6.12 and 7.x
## soak-vfio-selftests: the kernel's own VFIO tests on this driver and on vfio-pci
$(VFIO_SOAK_TARGETS): soak-vfio-%: $(BUILD)/tests/run $(BUILD)/lab/vfio/vfio_% lab-ready
	$(Q)COUNT=$(COUNT) $(RUN) --title vfio-$* $(RUN_TALLY) --follow --timeout 21600 -- \
		$(BUILD)/lab/vfio/vfio_$*

# The kernel's own judge of style, from its source. What is off, and why: compat.h
# asks for the kernel's version (LINUX_VERSION_CODE, CONSTANT_COMPARISON), 6.12 has no
# kzalloc_obj() (ALLOC_WITH_SIZEOF), sriov_cap.c is also compiled for user space (ARRAY_SIZE).
# Of patches: who posts them signs them and sees to MAINTAINERS (MISSING_SIGN_OFF,
# FILE_PATH_CHANGES), pci.h's stubs return -ENOSYS as those around them, and "as they are
# are disabled" is English (REPEATED_WORD).
CHECKPATCH_OFF := LINUX_VERSION_CODE,CONSTANT_COMPARISON,ALLOC_WITH_SIZEOF,ARRAY_SIZE
CHECKPATCH_OFF_PATCH := FILE_PATH_CHANGES,MISSING_SIGN_OFF,ENOSYS,REPEATED_WORD
CHECKPATCH = perl $$($(BUILD)/lab/products path kernel-tools)/checkpatch/checkpatch.pl \
	--no-tree --terse --show-types
KERNEL_PATCHES := $(wildcard host-vfio-sriov/patches/linux-7.3/*.patch)

SOAK += vfio-checkpatch
.PHONY: soak-vfio-checkpatch
# A patch that git knows is looked at as a file: hence copies.
## soak-vfio-checkpatch: the kernel's checkpatch over the driver and the series for the kernel
soak-vfio-checkpatch: $(BUILD)/tests/run $(BUILD)/lab/products
	$(Q)$(BUILD)/lab/products build kernel-tools
	$(Q)mkdir -p $(BUILD)/lint && cp $(KERNEL_PATCHES) $(BUILD)/lint/
	$(Q)$(RUN) --title vfio-checkpatch $(RUN_TALLY) --follow --timeout 600 --plain -- \
		"driver=$(CHECKPATCH) --ignore $(CHECKPATCH_OFF) -f $(filter %.c %.h,$(MODULE_SRC)) \
		host-vfio-sriov/include/uapi/linux/vfio_pci_sriov.h" \
		"series=$(CHECKPATCH) --ignore $(CHECKPATCH_OFF_PATCH) \
		$(addprefix $(BUILD)/lint/,$(notdir $(KERNEL_PATCHES)))"

# Not among the scenarios: it measures, and proves nothing that check-lab should.
$(eval $(call program,lab/scenarios/vfio_config_cost,tests/bench/vfio/vfio_config_cost.c \
	$(HARNESS) $(LAB_CLIENT),json-c,-lcmocka))
