# SPDX-License-Identifier: GPL-2.0-only
# labctl, over the lab's library.

LABCTL := $(addprefix tests/lab/labctl/,main.c options.c cmd_console.c cmd_down.c cmd_exec.c \
	cmd_file.c cmd_status.c cmd_up.c cmd_wire.c) \
	$(addprefix tests/lab/lib/,artifacts.c client.c consoles.c jsonline.c rundir.c session.c session_exec.c \
	session_file.c spec.c up.c) tests/lab/agent/proto.c

$(eval $(call program,lab/labctl,$(LABCTL),json-c))

$(eval $(call unit_test,labctl_bad_input,tests/lab/labctl/bad_input_test.c tests/lab/harness/proc.c))
$(BUILD)/tests/labctl_bad_input: | $(BUILD)/lab/labctl $(BUILD)/lab/labd
