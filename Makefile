# SPDX-License-Identifier: GPL-2.0-only
# One build for the whole tree. Each room adds its programs and tests in its
# own module.mk; this file holds the targets that a person types.

.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules
SHELL := /bin/bash
.DELETE_ON_ERROR:

include mk/rules.mk
include $(wildcard host-vfio-sriov/module.mk qemu-sriov-cap/module.mk pf-vm-image/module.mk \
	orchestration/module.mk tests/*/module.mk tests/lab/*/module.mk)

help:
	@sed -n 's/^## \([a-z-]*\): \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

.PHONY: help programs check-unit check-fuzz clean

## programs: every program of the tree, into build/
programs: $(PROGRAMS)

## check-unit: unit tests; no root, no network, under a minute
check-unit: $(BUILD)/tests/run $(UNIT_TESTS)
	$(Q)$(BUILD)/tests/run --title 'unit tests' -- $(sort $(UNIT_TESTS))

## check-fuzz: every fuzzer for a short while, from a fixed seed
check-fuzz: $(FUZZERS)

## clean: remove build/ (the cache outside the tree stays)
clean:
	rm -rf $(BUILD)

-include $(shell [ -d $(BUILD) ] && find $(BUILD) -name '*.d')
