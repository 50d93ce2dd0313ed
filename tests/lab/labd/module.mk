# SPDX-License-Identifier: GPL-2.0-only
# The supervisor of a lab.

LABD := $(addprefix tests/lab/labd/,main.c accel.c cable.c console.c ctl.c events.c guest.c \
	log.c machine.c qemu.c qmp.c relay.c report.c request.c root.c start.c tsc.c verdict.c) \
	$(addprefix tests/lab/lib/,artifacts.c jsonline.c loop.c rundir.c signature.c spec.c) \
	tests/lab/agent/proto.c \
	$(filter-out %_test.c %/fake_guest.c,$(wildcard tests/lab/wire/*.c))

$(eval $(call program,lab/labd,$(LABD),json-c))

$(eval $(call unit_test,labd_verdict,$(addprefix tests/lab/,labd/verdict_test.c labd/verdict.c \
	lib/signature.c)))

$(eval $(call unit_test,labd_machine,$(addprefix tests/lab/,labd/machine_test.c labd/machine.c \
	lib/spec.c)))

$(eval $(call unit_test,labd_measure,$(addprefix tests/lab/,labd/measure_test.c labd/accel.c \
	labd/log.c labd/qemu.c labd/root.c labd/tsc.c lib/jsonline.c lib/loop.c lib/spec.c),json-c))
