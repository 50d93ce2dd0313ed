# SPDX-License-Identifier: GPL-2.0-only
# The agent inside the lab host: one static program, so that any image takes it.

$(eval $(call program,lab/lab-agent,$(addprefix tests/lab/,agent/lab-agent.c agent/command.c \
	agent/events.c agent/ports.c agent/proto.c agent/ready.c agent/session.c \
	agent/transfer.c lib/loop.c),,-static))

$(eval $(call unit_test,lab_agent_proto,tests/lab/agent/proto_test.c tests/lab/agent/proto.c))

# What speaks to the same agent in a guest of the lab host.
$(eval $(call program,lab/guest-exec,$(addprefix tests/lab/agent/,guest-exec.c proto.c),,-static))
# What drives a QEMU there that libvirt doesn't.
$(eval $(call program,lab/qmp-do,tests/lab/agent/qmp-do.c tests/lab/lib/jsonline.c,json-c,-static))
