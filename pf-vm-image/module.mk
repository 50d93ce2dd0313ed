# SPDX-License-Identifier: GPL-2.0-only
# pf-image: what needs no libguestfs, and its tests.

PF_IMAGE_BASE := $(addprefix tests/lab/products/,hash.c problem.c)
$(eval $(call unit_test,pf_image_tree,pf-vm-image/tree_test.c pf-vm-image/tree.c \
	$(PF_IMAGE_BASE),libarchive libcrypto))
$(eval $(call unit_test,pf_image_manifest,$(addprefix pf-vm-image/,manifest_test.c manifest.c tree.c) \
	$(PF_IMAGE_BASE),libarchive json-c libcrypto))
$(eval $(call unit_test,pf_image_contents,$(addprefix pf-vm-image/,contents_test.c drivers.c packages.c \
	sbom.c) $(PF_IMAGE_BASE),json-c libcrypto))
$(eval $(call unit_test,pf_image_closure,$(addprefix pf-vm-image/,closure_test.c closure.c) \
	$(PF_IMAGE_BASE),libcrypto))
$(eval $(call unit_test,pf_image_outputs,$(addprefix pf-vm-image/,outputs_test.c closure.c disk.c \
	files.c initrd.c manifest.c run.c scratch.c tree.c) $(PF_IMAGE_BASE),libarchive json-c libcrypto))
$(eval $(call unit_test,pf_image_command,$(addprefix pf-vm-image/,command_test.c command.c run.c) \
	$(PF_IMAGE_BASE),libcrypto))
