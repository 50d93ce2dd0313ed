# SPDX-License-Identifier: GPL-2.0-only
# Each scenario is a cmocka program of its own; check-lab runs them one after
# another, each in labs that it starts and ends itself.
HARNESS   := $(wildcard tests/lab/harness/*.c) orchestration/libpfkeep/base64.c
# Events and verdicts of a lab, in labctl's own terms.
LAB_CLIENT := $(addprefix tests/lab/lib/,client.c consoles.c guest_verdict.c guest_xml.c guests.c \
	jsonline.c rundir.c session.c session_exec.c session_file.c signature.c spec.c) \
	tests/lab/agent/proto.c
SCENARIOS := $(basename $(notdir $(wildcard tests/lab/scenarios/*.c)))

$(foreach s,$(SCENARIOS),$(eval $(call program,lab/scenarios/$(s),tests/lab/scenarios/$(s).c \
	$(HARNESS) $(LAB_CLIENT),json-c,-lcmocka)))

SCENARIO ?= $(SCENARIOS)
# What a lab runs on; built or found in the cache.
LAB_PRODUCTS := toolroot image host-pfkeep host-stock payload module-pfkeep qemu pf-image

CHECK_LAST += lab
.PHONY: check-lab lab-ready

lab-ready: $(addprefix $(BUILD)/lab/,products labctl labd lab-agent guest-exec qmp-do vfio_sriov_client guest/tsc guest/floor.cpio)
	$(Q)$(BUILD)/lab/products build $(LAB_PRODUCTS)

## check-lab: the scenarios in the emulated lab (root), or one by SCENARIO=name
check-lab: $(BUILD)/tests/run $(addprefix $(BUILD)/lab/scenarios/,$(SCENARIO)) lab-ready
	$(Q)$(RUN) --title lab --timeout 900 $(RUN_TALLY) -- \
		$(addprefix $(BUILD)/lab/scenarios/,$(SCENARIO))

# What works today, and what is lost without pfkeep; live update will end it.
DEMO_SCENARIOS := host_owned_pf_baseline stock_pf_in_vm_has_no_sriov stock_kexec_loses_vfs

.PHONY: demo
## demo: set everything up, then show the lab and what a kexec costs today (root)
demo:
	$(Q)tests/lab/products/bootstrap.sh
	$(Q)$(MAKE) --no-print-directory check-lab SCENARIO='$(DEMO_SCENARIOS)'
	$(Q)$(MAKE) --no-print-directory $(BUILD)/bench/table
	$(Q)$(BUILD)/bench/table
