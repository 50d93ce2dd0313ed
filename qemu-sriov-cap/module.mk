# SPDX-License-Identifier: GPL-2.0-only
# Our QEMU as a package: what the cache of products has, built if it isn't there
# (root; minutes). It lies in /usr/bin, where AppArmor lets libvirtd start it; the
# name by which pfkeepd knows it is a link.
PFKEEP_QEMU := $(BUILD)/qemu/pfkeep-qemu-system-x86_64

$(PFKEEP_QEMU): $(BUILD)/lab/products FORCE
	$(Q)$< build qemu
	$(Q)mkdir -p $(@D)
	$(Q)cmp -s "$$($< path qemu)/qemu/bin/qemu-system-x86_64" $@ || \
		cp "$$($< path qemu)/qemu/bin/qemu-system-x86_64" $@

.PHONY: FORCE
FORCE:

$(eval $(call install,pfkeep-qemu,755,$(PFKEEP_QEMU),/usr/bin/pfkeep-qemu-system-x86_64))
$(eval $(call install,pfkeep-qemu,link,/usr/bin/pfkeep-qemu-system-x86_64,/usr/lib/pfkeep/qemu/bin/qemu-system-x86_64))
