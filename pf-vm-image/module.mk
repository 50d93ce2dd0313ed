# SPDX-License-Identifier: GPL-2.0-only
# pf-image and the first program of the VM that it makes.

PF_IMAGE_BASE := $(addprefix tests/lab/products/,hash.c problem.c)
PF_IMAGE_PURE := $(addprefix pf-vm-image/,closure.c drivers.c initrd.c manifest.c packages.c sbom.c \
	tree.c) $(PF_IMAGE_BASE)
PF_IMAGE_LIB := $(PF_IMAGE_PURE) $(addprefix pf-vm-image/,appliance.c appliance_kernel.c bootstrap.c \
	build.c cache.c customize.c debian.c disk.c edit.c files.c finish.c inspect.c kernel.c kvm.c recipe.c \
	root.c run.c scratch.c vendor.c verify.c) $(addprefix tests/lab/products/,aptsrc.c progress.c)
PF_IMAGE_COMMANDS := $(addprefix pf-vm-image/,pf-image.c command.c command_build.c command_customize.c \
	command_inspect.c command_verify.c)
PF_IMAGE_PKGS := libguestfs libarchive libkmod json-c nettle

$(eval $(call program,pf-vm-image/pf-image,$(PF_IMAGE_COMMANDS) $(PF_IMAGE_LIB),$(PF_IMAGE_PKGS)))
$(eval $(call program,pf-vm-image/pf-init,pf-vm-image/initrd/pf-init.c,,-static -s))
$(BUILD)/pf-vm-image/pf-image: | $(BUILD)/pf-vm-image/pf-init

$(eval $(call unit_test,pf_image_tree,pf-vm-image/tree_test.c pf-vm-image/tree.c \
	$(PF_IMAGE_BASE),libarchive nettle))
$(eval $(call unit_test,pf_image_manifest,$(addprefix pf-vm-image/,manifest_test.c manifest.c tree.c) \
	$(PF_IMAGE_BASE),libarchive json-c nettle))
$(eval $(call unit_test,pf_image_contents,$(addprefix pf-vm-image/,contents_test.c drivers.c packages.c \
	sbom.c) $(PF_IMAGE_BASE),json-c nettle))
$(eval $(call unit_test,pf_image_closure,$(addprefix pf-vm-image/,closure_test.c closure.c) \
	$(PF_IMAGE_BASE),nettle))
$(eval $(call unit_test,pf_image_outputs,$(addprefix pf-vm-image/,outputs_test.c closure.c disk.c \
	files.c initrd.c manifest.c run.c scratch.c tree.c) $(PF_IMAGE_BASE),libarchive json-c nettle))
$(eval $(call unit_test,pf_image_command,$(addprefix pf-vm-image/,command_test.c command.c run.c) \
	$(PF_IMAGE_BASE),nettle))
$(eval $(call unit_test,pf_image_vendor,$(addprefix pf-vm-image/,vendor_test.c debian.c files.c \
	manifest.c run.c scratch.c tree.c vendor.c) tests/lab/products/aptsrc.c $(PF_IMAGE_BASE),libarchive \
	libkmod json-c nettle))

$(eval $(call install,pfkeep-image,755,$(BUILD)/pf-vm-image/pf-image,$(BINDIR)/pf-image))
$(eval $(call install,pfkeep-image,755,$(BUILD)/pf-vm-image/pf-init,$(LIBEXECDIR)/pf-init))
$(eval $(call install,pfkeep-image,644,pf-vm-image/man/pf-image.1,$(SHAREDIR)/man/man1/pf-image.1))
