# SPDX-License-Identifier: GPL-2.0-only
# What labctl, labd and the scenarios share.

$(eval $(call unit_test,lab_spec,tests/lab/lib/spec_test.c tests/lab/lib/spec.c))

$(eval $(call unit_test,lab_rundir,$(addprefix tests/lab/lib/,rundir_test.c rundir.c jsonline.c \
	spec.c),json-c))

$(eval $(call unit_test,lab_guest_verdict,$(addprefix tests/lab/lib/,guest_verdict_test.c \
	guest_verdict.c signature.c)))
$(eval $(call unit_test,lab_guests,$(addprefix tests/lab/lib/,guests_test.c guests.c \
	guest_verdict.c rundir.c signature.c spec.c),json-c))
