# SPDX-License-Identifier: GPL-2.0-only
# The variant driver. Its capability's state machine is also tested and fuzzed
# in user space; the module itself is built against a kernel's headers (KDIR).

$(eval $(call unit_test,sriov_cap,tests/unit/sriov_cap_test.c host-vfio-sriov/sriov_cap.c))

$(eval $(call fuzzer,sriov_cap_fuzz,tests/fuzz/sriov_cap_fuzz.c tests/fuzz/sriov_cap_model.c \
	host-vfio-sriov/sriov_cap.c,4096))

# The module against the headers in KDIR, out of tree of both: a copy under build/.
KDIR       ?= /lib/modules/$(shell uname -r)/build
MODULE_OUT ?= $(BUILD)/module
MODULE_SRC := $(wildcard host-vfio-sriov/*.[ch] host-vfio-sriov/Kbuild host-vfio-sriov/dkms.conf)

## module: vfio-pci-sriov.ko for the kernel headers in KDIR, into MODULE_OUT
.PHONY: module
module:
	$(Q)mkdir -p $(MODULE_OUT)/include/uapi/linux
	$(Q)cp -u $(MODULE_SRC) $(MODULE_OUT)/
	$(Q)cp -u host-vfio-sriov/include/uapi/linux/vfio_pci_sriov.h $(MODULE_OUT)/include/uapi/linux/
	$(call say,KBUILD,$(KDIR))
	$(Q)$(MAKE) -s -C $(KDIR) M=$(abspath $(MODULE_OUT)) W=1 modules

# Drives the driver inside the lab host; static, so that any root can run it.
$(eval $(call program,lab/vfio_sriov_client,$(addprefix tests/lab/client/,main.c tap.c sysfs.c \
	device.c client.c open.c capability.c bad_input.c protect.c regions.c tokens.c \
	keep_alive.c races.c cycles.c census.c),,-static))
$(eval $(call program,bench/vfio_config_bench,tests/bench/vfio/config_bench.c \
	$(addprefix tests/lab/client/,device.c sysfs.c),,-static -lm))

# The sources, for DKMS to build against each kernel that the host gets.
DKMS_VERSION := $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' host-vfio-sriov/dkms.conf)
DKMS_DIR     := /usr/src/vfio-pci-sriov-$(DKMS_VERSION)
$(foreach f,$(MODULE_SRC),$(eval $(call install,pfkeep-dkms,644,$(f),$(DKMS_DIR)/$(notdir $(f)))))
$(eval $(call install,pfkeep-dkms,644,host-vfio-sriov/include/uapi/linux/vfio_pci_sriov.h,\
	$(DKMS_DIR)/include/uapi/linux/vfio_pci_sriov.h))
