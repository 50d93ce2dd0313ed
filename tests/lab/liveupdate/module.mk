# SPDX-License-Identifier: GPL-2.0-only
# The live update in its barest form: static, also as an initramfs's only program.

$(eval $(call program,lab/liveupdate/lu-client,$(addprefix tests/lab/liveupdate/,main.c boot.c \
	device.c luo.c memory.c pack.c ring.c say.c sysfs.c) tests/lab/wire/flow.c \
	tests/lab/wire/histogram.c,,-static))

$(BUILD)/lab/liveupdate/lu.cpio: $(BUILD)/lab/liveupdate/lu-client
	$(call say,CPIO,$@)
	$(Q)mkdir -p $(@D)/root && cp $< $(@D)/root/init
	$(Q)cd $(@D)/root && echo init | cpio -o -H newc --quiet >$(abspath $@)

# What initramfs-tools would put into a host's next initramfs. VMs of the lab have their files in /run.
LU_RESTORE := $(BUILD)/lab/liveupdate/restore/scripts/local-bottom
$(BUILD)/lab/liveupdate/restore.cpio: orchestration/initramfs/pfkeep-restore tests/lab/liveupdate/lab-files
	$(call say,CPIO,$@)
	$(Q)rm -rf $(LU_RESTORE) && mkdir -p $(LU_RESTORE) && cp $^ $(LU_RESTORE)/
	$(Q)cd $(@D)/restore && find scripts | sort | cpio -o -H newc --quiet >$(abspath $@)
