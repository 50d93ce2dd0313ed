# SPDX-License-Identifier: GPL-2.0-only
# The campaign over the lab itself. It lies beside labctl and labd, which it uses.

SOAK_LAB := $(addprefix tests/lab/soak/,main.c campaign.c group.c) tests/lab/harness/bench.c \
	$(addprefix tests/lab/lib/,artifacts.c client.c consoles.c guest_verdict.c guest_xml.c \
	guests.c jsonline.c rundir.c session.c session_exec.c session_file.c signature.c spec.c up.c) \
	tests/lab/agent/proto.c

$(eval $(call program,lab/soak,$(SOAK_LAB),json-c))

SOAK += lab
SOAK_LAB_COUNT = $(or $(COUNT),200)

.PHONY: soak-lab lab-soak

## lab-soak: boot COUNT (200) nested VMs, say how often the emulator failed (root)
lab-soak: $(BUILD)/lab/soak lab-ready
	$(Q)$(BUILD)/lab/soak --count $(SOAK_LAB_COUNT)

soak-lab: $(BUILD)/tests/run $(BUILD)/lab/soak lab-ready
	$(Q)$(RUN) --title lab $(RUN_TALLY) --plain --follow --grace 60 --timeout 21600 -- \
		'lab=$(BUILD)/lab/soak --count $(SOAK_LAB_COUNT)'
