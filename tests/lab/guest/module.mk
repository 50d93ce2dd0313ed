# SPDX-License-Identifier: GPL-2.0-only
# What runs inside tenants: static, so that an initramfs with nothing else will do.

$(eval $(call program,lab/guest/wire-echo,$(addprefix tests/lab/guest/,echo.c udp.c),,-static))
$(eval $(call program,lab/guest/wire-flow,$(addprefix tests/lab/guest/,flow.c flow_options.c \
	udp.c) $(addprefix tests/lab/wire/,flow.c histogram.c report_flow.c),json-c,-static))

$(eval $(call unit_test,lab_guest,tests/lab/guest/guest_test.c,json-c))
$(BUILD)/tests/lab_guest: | $(BUILD)/lab/guest/wire-echo $(BUILD)/lab/guest/wire-flow
$(eval $(call program,lab/guest/hostile,tests/lab/guest/hostile.c,,-static))
$(eval $(call program,lab/guest/tsc,tests/lab/guest/tsc.c,,-static))

# An initramfs with nothing but that program as PID 1.
$(BUILD)/lab/guest/floor.cpio: $(BUILD)/lab/guest/tsc
	$(call say,CPIO,$@)
	$(Q)mkdir -p $(@D)/floor && cp $< $(@D)/floor/init
	$(Q)cd $(@D)/floor && echo init | cpio -o -H newc --quiet >$(abspath $@)
