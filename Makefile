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
include mk/install.mk

help:
	@sed -n 's/^## \([a-z-]*\): \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

.PHONY: help programs check check-unit check-fuzz clean

## programs: every program of the tree, into build/
programs: $(PROGRAMS)

# The groups of `make check`, in this order; group X is the target check-X, whose
# runner has --title X and $(RUN_TALLY), so that one line can sum them all up.
CHECK_GROUPS := $(CHECK_FIRST) unit fuzz $(CHECK_LAST)
RUN           = $(BUILD)/tests/run
RUN_TALLY     = $(if $(TALLY),--tally $(TALLY))

## check: everything that can be tested here; the last line is the sum
check:
	$(Q)tests/lab/products/bootstrap.sh
	$(Q)$(MAKE) --no-print-directory $(BUILD)/tests/run
	@rm -f $(BUILD)/tally
	@for group in $(CHECK_GROUPS); do \
		$(MAKE) --no-print-directory check-$$group TALLY=$(BUILD)/tally; \
	done; $(RUN) --sum $(BUILD)/tally -- $(CHECK_GROUPS)

## check-unit: unit tests; no root, no network, under a minute
check-unit: $(BUILD)/tests/run $(UNIT_TESTS)
	$(Q)$(RUN) --title unit $(RUN_TALLY) -- $(sort $(UNIT_TESTS))

## check-fuzz: every fuzzer for a short while, from a fixed seed
check-fuzz: $(BUILD)/tests/run $(FUZZERS)
	$(Q)$(RUN) --title fuzz $(RUN_TALLY) --plain -- $(FUZZ_COMMANDS)

# Campaigns that are too long for `make check`. A room says `SOAK += NAME` in its
# module.mk and has a target soak-NAME whose runner has --title NAME, --follow,
# --timeout and $(RUN_TALLY). COUNT is how many rounds each makes; every campaign
# has a default of its own: $(or $(COUNT),200).
SOAK += fuzz

.PHONY: soak $(SOAK:%=soak-%)
## soak: the long campaigns (hours), each soak-NAME, or some by SOAK="NAME..."
soak:
	$(Q)tests/lab/products/bootstrap.sh
	$(Q)$(MAKE) --no-print-directory $(BUILD)/tests/run
	@rm -f $(BUILD)/soak-tally
	@for name in $(SOAK); do \
		$(MAKE) --no-print-directory soak-$$name TALLY=$(BUILD)/soak-tally; \
	done; $(RUN) --sum $(BUILD)/soak-tally -- $(SOAK)

## soak-fuzz: every fuzzer for COUNT (1000000) runs, from a new seed
soak-fuzz: FUZZ_RUNS = $(or $(COUNT),1000000)
soak-fuzz: FUZZ_SEED = 0
soak-fuzz: $(BUILD)/tests/run $(FUZZERS)
	$(Q)$(RUN) --title fuzz $(RUN_TALLY) --plain --timeout 3600 -- $(FUZZ_COMMANDS)

## clean: remove build/ (the cache outside the tree stays)
clean:
	rm -rf $(BUILD)

-include $(shell [ -d $(BUILD) ] && find $(BUILD) -name '*.d' -type f)
