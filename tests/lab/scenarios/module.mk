# SPDX-License-Identifier: GPL-2.0-only
# Each scenario is a cmocka program of its own; check-lab runs them one after
# another, each in labs that it starts and ends itself.
HARNESS := $(wildcard tests/lab/harness/*.c)
SCENARIOS := $(basename $(notdir $(wildcard tests/lab/scenarios/*.c)))

$(foreach s,$(SCENARIOS),$(eval $(call program,lab/scenarios/$(s),tests/lab/scenarios/$(s).c \
	$(HARNESS),json-c,-lcmocka)))
