# SPDX-License-Identifier: GPL-2.0-only
# The live update in its barest form: static, also as an initramfs's only program.

$(eval $(call program,lab/liveupdate/lu-client,$(addprefix tests/lab/liveupdate/,main.c boot.c \
	device.c luo.c memory.c pack.c ring.c say.c sysfs.c) tests/lab/wire/flow.c \
	tests/lab/wire/histogram.c,,-static))

$(BUILD)/lab/liveupdate/lu.cpio: $(BUILD)/lab/liveupdate/lu-client
	$(call say,CPIO,$@)
	$(Q)mkdir -p $(@D)/root && cp $< $(@D)/root/init
	$(Q)cd $(@D)/root && echo init | cpio -o -H newc --quiet >$(abspath $@)
