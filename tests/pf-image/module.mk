# SPDX-License-Identifier: GPL-2.0-only
# pf-image's end-to-end tests: what takes seconds, given the image that the lab has
# too, is a group of make check; what builds, packs and boots is a campaign.
PF_IMAGE_E2E := $(addprefix tests/pf-image/,cpu_use.c e2e.c guest.c qga.c user.c vm.c) tests/lab/harness/bench.c \
	tests/lab/lib/jsonline.c $(addprefix pf-vm-image/,files.c manifest.c run.c scratch.c tree.c) \
	$(PF_IMAGE_BASE)
PF_IMAGE_E2E_NAMES := image customize space comparison refusals

$(foreach t,$(PF_IMAGE_E2E_NAMES),$(eval $(call program,tests/pf_image_$(t),tests/pf-image/$(t)_e2e.c \
	$(PF_IMAGE_E2E),libarchive json-c nettle cmocka)))

PF_IMAGE_READY := $(addprefix $(BUILD)/,tests/run lab/products pf-vm-image/pf-image)

CHECK_LAST += image
.PHONY: check-image soak-pf-image
## check-image: what pf-image must refuse, on a real image (root)
check-image: $(PF_IMAGE_READY) $(BUILD)/tests/pf_image_refusals
	$(Q)$(BUILD)/lab/products build pf-image pf-image-vendor
	$(Q)$(RUN) --title image --timeout 300 $(RUN_TALLY) -- $(BUILD)/tests/pf_image_refusals

SOAK += pf-image
## soak-pf-image: images built and compared, customised, on full disks, booted, beside a cloud image (root, network)
soak-pf-image: $(PF_IMAGE_READY) $(addprefix $(BUILD)/tests/pf_image_,$(PF_IMAGE_E2E_NAMES)) \
		$(BUILD)/lab/scenarios/pf_image_boots_as_pf_vm lab-ready
	$(Q)$(BUILD)/lab/products build toolroot pf-image pf-image-vendor cloud-image
	$(Q)$(RUN) --title pf-image --timeout 2400 --follow $(RUN_TALLY) -- \
		$(addprefix $(BUILD)/tests/pf_image_,$(PF_IMAGE_E2E_NAMES)) \
		$(BUILD)/lab/scenarios/pf_image_boots_as_pf_vm
