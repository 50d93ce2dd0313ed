# SPDX-License-Identifier: GPL-2.0-only
# `make install` and the Debian packages. Rooms say what goes where by the macro
# `install` of mk/rules.mk; a package holds what was named for it.

INSTALL_PACKAGES := pfkeep pfkeep-dkms pfkeep-image
# A package only: it takes root and minutes to build.
DEB_PACKAGES     := $(INSTALL_PACKAGES) pfkeep-qemu
VERSION          := $(shell sed -n '1s/.*(\(.*\)).*/\1/p' packaging/changelog)
DEB_ARCH         := $(shell dpkg --print-architecture 2>/dev/null)
# Kept apart so that a package has no file of another one.
STAGES           := $(BUILD)/packages/stage

.PHONY: install packages $(DEB_PACKAGES:%=install-%)

# The unit names programs by the place that they have in Debian's packages.
install_file = install -D -m $(1) $(2) $(DESTDIR)$(3)$(if $(filter %.service,$(2)), && \
	sed -i 's|=/usr/sbin/|=$(SBINDIR)/|' $(DESTDIR)$(3))
install_conf = [ -e $(DESTDIR)$(2) ] || install -D -m 644 $(1) $(DESTDIR)$(2)
install_link = mkdir -p $(dir $(DESTDIR)$(2)) && ln -sfn $(1) $(DESTDIR)$(2)

# One entry MODE|FILE|PLACE as a line of shell.
install_entry = $(call install_words,$(subst |, ,$(1)))
install_words = $(if $(filter link,$(word 1,$(1))),$(call install_link,$(word 2,$(1)),$(word 3,$(1))),$(if \
	$(filter conf,$(word 1,$(1))),$(call install_conf,$(word 2,$(1)),$(word 3,$(1))),$(call \
	install_file,$(word 1,$(1)),$(word 2,$(1)),$(word 3,$(1)))))

define newline


endef

define install_package
install-$(1): $(INSTALL_FILES_$(1))
	$$(foreach e,$$(INSTALL_$(1)),$$(Q)$$(call install_entry,$$(e))$$(newline))
endef
$(foreach p,$(DEB_PACKAGES),$(eval $(call install_package,$(p))))

## install: programs, unit, hook, manual, module sources (DESTDIR, PREFIX=/usr/local)
install: $(INSTALL_PACKAGES:%=install-%)

deb = $(BUILD)/packages/$(1)_$(VERSION)_$(if $(filter %-dkms,$(1)),all,$(DEB_ARCH)).deb

define package
$(call deb,$(1)): $(INSTALL_FILES_$(1)) $(wildcard packaging/$(1).*) packaging/changelog \
		packaging/copyright packaging/build mk/install.mk
	$$(call say,DEB,$$@)
	$$(Q)rm -rf $(STAGES)/$(1)
	$$(Q)$$(MAKE) -s --no-print-directory install-$(1) PREFIX=/usr DESTDIR=$(abspath $(STAGES)/$(1))
	$$(Q)packaging/build $(1) $(STAGES)/$(1) $$@
endef
$(foreach p,$(DEB_PACKAGES),$(eval $(call package,$(p))))

## packages: Debian packages, into build/packages (root, for QEMU's)
packages: $(foreach p,$(DEB_PACKAGES),$(call deb,$(p)))

# What the lab host installs: a name without a version, for the lab's payload.
$(BUILD)/lab/pfkeep.deb: $(call deb,pfkeep)
	$(Q)mkdir -p $(@D)
	$(Q)cp $< $@
